"""A host that writes down what a function body does, and the functions that run on it."""

import asyncio
import os
from types import SimpleNamespace

from busway.engine.message import UNDEFINED
from busway.engine.script.function import JavaScriptFunction
from busway.engine.script.python import PythonFunction
from busway.engine.script.source import Source


class Held:
    def __init__(self, host, msg):
        self.host, self.msg = host, msg

    def send(self, out):
        self.host.told.append(("send later", out))

    def done(self):
        self.host.told.append(("done", self.msg))

    def fail(self, error):
        self.host.told.append(("fail", error))


class Host:
    id, name, path, output_count, watched = "n1", "my function", "tab/n1", 2, False

    def __init__(self, contexts):
        self.told = []
        self.variables = {}
        self.answers = {}
        self.context = contexts.node("n1", "tab")
        self.flow_context = contexts.flow("tab")
        self.global_context = contexts.global_()

    def env(self, name):
        return self.variables.get(name, os.environ.get(name, UNDEFINED))

    def env_names(self):
        return [*os.environ, *self.variables]

    def send(self, out):
        self.told.append(("send", out))

    def status(self, status):
        self.told.append(("status", status))

    def log(self, level, value):
        self.told.append((level, value))

    def print(self, level, text):
        self.told.append(("print", level, text))

    def error(self, error, msg):
        self.told.append(("error", error, msg))

    def hold(self, msg):
        return Held(self, msg)

    def after(self, delay, callback, keeps):
        return asyncio.get_running_loop().call_later(delay, callback)

    def link_call(self, target, msg, timeout):
        future = asyncio.get_running_loop().create_future()
        answer = self.answers[target](msg)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    def evaluate(self, expression, msg):
        from busway.engine.jsonata import compile_expression

        return compile_expression(expression).evaluate(msg)

    def of(self, kind):
        """What was told of one kind, without the kind."""
        return [told[1] if len(told) == 2 else told[1:] for told in self.told if told[0] == kind]


class Workbench(SimpleNamespace):
    """Makes functions that share contexts and one JavaScript engine."""

    def function(self, body, **source):
        host = Host(self.contexts)
        function = JavaScriptFunction(self.engine, host, Source(body, **source))
        return function, host

    def python(self, body, **source):
        host = Host(self.contexts)
        return PythonFunction(host, self.contexts, Source(body, **source)), host

    def run(self, body, msg=None, **source):
        """What a body gives for a message, and the host."""
        function, host = self.function(body, **source)
        message = {"_msgid": "m"} if msg is None else {"_msgid": "m", **msg}
        return function.handle(message), host

    def value(self, expression, **msg):
        """The value of a JavaScript expression."""
        return self.run(f"return {{value: ({expression})}};", msg)[0].get("value", UNDEFINED)


async def until(condition):
    """Lets the event loop run until something is so."""
    while not condition():  # noqa: ASYNC110 - what is waited for is what a recorder wrote down
        await asyncio.sleep(0)
