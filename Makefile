# Every target makes the environment it needs; with that in place it starts at once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-reference test check fmt cov chaos bench-setup bench bench-report profile docs docs-serve docs-screens clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

demo: $(VENV)/.core  ## Run the seed's Worker A against its Worker B: `Result: 3`
	@$(BIN)/python examples/demo.py

demo-reference: $(VENV)/.core  ## Run a chat: callbacks, a returned object, a stream, a chain of calls
	@$(BIN)/python examples/chat/demo.py

test: $(VENV)/.dev  ## Run all tests, on fakeredis and on a real redis-server
	@.ci/obtain redis-server curl zsh openssl
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: $(VENV)/.dev  ## Lint, check the format, the types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

fmt: $(VENV)/.dev  ## Format, and mend what can be mended
	$(BIN)/ruff check --fix-only --exit-zero
	$(BIN)/ruff format

cov: $(VENV)/.dev  ## Run all tests and say which branches they miss
	@.ci/obtain redis-server curl zsh openssl
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

chaos: $(VENV)/.dev  ## Break things five hundred times while calls go on (minutes); writes docs/reliability.md
	@.ci/obtain redis-server
	$(BIN)/python -m tests.chaos --write docs/reliability.md

bench-setup: $(BIN)/python  ## Make an environment under .bench for each system that is measured (minutes)
	@.ci/obtain redis-server
	$(BIN)/python -m bench.environments

bench: bench-setup  ## Measure Callyard, its floor and its peers (half an hour); ARGS="--quick" is a short look
	.bench/harness/bin/python -m bench $(ARGS)

bench-report: bench-setup  ## Write docs/benchmarks.md and its plots from what `make bench` measured
	.bench/harness/bin/python -m bench.report $(ARGS)

profile: $(VENV)/.dev  ## Show where the microseconds of a call go, by stage
	@.ci/obtain redis-server
	$(BIN)/python -m bench.profile $(ARGS)

docs: $(VENV)/.dev  ## Build the documentation into site/; every warning is an error
	$(BIN)/python -m website.reference $(if $(CI),--check)
	$(BIN)/zensical build --strict --clean
	$(BIN)/python -m website.checks site

docs-serve: $(VENV)/.dev  ## Show the documentation at http://127.0.0.1:8000 while you write it
	$(BIN)/python -m website.reference
	$(BIN)/zensical serve --dev-addr 127.0.0.1:8000

docs-screens: $(VENV)/.dev  ## Take the pictures of terminals anew, from what the commands print
	@.ci/obtain redis-server
	$(BIN)/python -m website.screens

clean:  ## Remove the environment and everything generated
	rm -rf $(VENV) .bench build dist site .cache .coverage .coverage.* .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Callyard needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) cannot make environments (Debian: install python3-venv)" >&2; exit 1; }

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fast]'
	@touch $@ $(VENV)/.core
