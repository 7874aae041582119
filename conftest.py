"""Case files are tests in a bare checkout too, where no installed package brings the plugin."""


def pytest_configure(config):
    if not config.pluginmanager.has_plugin("busway"):
        config.pluginmanager.import_plugin("busway.pytest_plugin")
