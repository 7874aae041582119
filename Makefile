# `make run` and `make test` do all set-up themselves; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready-$(shell cksum < pyproject.toml | cut -d' ' -f1)
SOURCES = busway engine nodes gateway editor flows

.PHONY: run test lint types format help clean

help:
	@echo "make run      run the charging back office with simulated stations"
	@echo "make test     run all tests"
	@echo "make lint     ruff and mypy --strict"

run: $(READY)
	$(BIN)/busway run flows/charging-backoffice.json --simulate 6

test: $(READY) tests/.peers-ready tests/.browser-ready
	@.ci/need-tools
	$(BIN)/python -m pytest

lint: $(READY) types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .types/busway

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The checker does not follow the package's own __path__: it gets a folder in which the package looks installed.
types:
	@mkdir -p .types/busway
	@for f in busway/*.py busway/py.typed; do ln -sfn ../../$$f .types/busway/$$(basename $$f); done
	@for d in engine nodes gateway editor flows; do ln -sfn ../../$$d .types/busway/$$d; done

$(READY): pyproject.toml
	@.ci/need-python $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m compileall -q $(SOURCES)
	@rm -f $(VENV)/.ready-* && touch $@

# Peers written by others that the tests talk to, from npm.
tests/.peers-ready: tests/peers/package.json
	@.ci/need-node
	cd tests/peers && npm install --silent --no-audit --no-fund
	@touch $@

tests/.browser-ready: $(READY)
	@.ci/need-browser $(BIN)/python
	@touch $@

clean:
	rm -rf $(VENV) .types build dist tests/.peers-ready tests/.browser-ready tests/peers/node_modules
