# Mitregate: `make` alone lists what there is. A fresh machine needs Python >= 3.11 and make, nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help

BIN := .venv/bin
PYTEST_WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup
CODE := src tests benchmarks

INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev

.PHONY: help setup run demo setup-dev browser clients test check quality format format-check lint types laws docs docs-check bench bench-smoke mutate contract lock news clean

## help: list the targets
help:
	@echo "Mitregate"
	@sed -n 's/^## \([a-z-]*\): \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name words; do printf '  make %-13s %s\n' "$$name" "$$words"; done

## setup: make .venv with the mitregate command in it
setup: $(INSTALLED)

## run: set everything up and serve on SQLite at http://127.0.0.1:8470
run: $(INSTALLED)
	@$(BIN)/mitregate serve

## demo: set everything up and show the whole path in the terminal, in under a minute
demo: $(INSTALLED)
	@$(BIN)/mitregate demo

## setup-dev: the same as setup, with all that tests and checks need
setup-dev: $(INSTALLED_DEV)

## test: set everything up, PostgreSQL, browser and real clients included, and run all tests
test: $(INSTALLED_DEV) browser clients
	$(PYTEST)

## check: all that CI runs
check: quality
	@$(MAKE) --no-print-directory test

## quality: check without the tests: format, lint, types, import law, documentation, benchmarks in brief
quality: format-check lint types laws docs-check bench-smoke

## browser: see to it that there is a Chromium for the browser tests
browser:
	@sh scripts/browser.sh

## clients: see to it that there are the real clients from npm, which tests/clients drives
clients:
	@sh scripts/clients.sh

## format: write every Python file as the formatter would, and mend what ruff can mend
format: $(INSTALLED_DEV)
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

format-check: $(INSTALLED_DEV)
	$(BIN)/ruff format --check --quiet --diff .

## lint: ruff
lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .

## types: mypy --strict
types: $(INSTALLED_DEV)
	$(BIN)/mypy

## laws: the import law
laws: $(INSTALLED_DEV)
	$(BIN)/lint-imports --no-logo

## docs: fill in what follows from the code, and build the documentation into site/
docs: $(INSTALLED_DEV)
	@$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-check: $(INSTALLED_DEV)
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

## bench: measure, on SQLite and on PostgreSQL
bench: $(INSTALLED_DEV)
	$(BIN)/python -m benchmarks

bench-smoke: $(INSTALLED_DEV)
	$(BIN)/python -m benchmarks --smoke

## mutate: change the rules in core/ in every small way, and list what no test noticed; takes half an hour
mutate: $(INSTALLED_DEV)
	rm -rf mutants
	CI=1 TZ=Pacific/Kiritimati $(BIN)/mutmut run
	$(BIN)/mutmut results

## contract: compare what we ask of a Jira with Atlassian's descriptions of it, in the folder JIRA_OPENAPI if there is one
contract: $(INSTALLED_DEV)
	@$(BIN)/python -m tests.changes.contract $(JIRA_OPENAPI)

## lock: choose the newest versions pyproject.toml admits, and write the lock files anew
lock: $(INSTALLED_DEV)
	sh scripts/lock.sh

## news: show what the next release will say
news: $(INSTALLED_DEV)
	$(BIN)/towncrier build --draft

## clean: remove all that make has made
clean:
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist mutants site test-results tests/clients/node_modules
	find src tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml requirements.lock scripts/venv.sh scripts/python.sh
	@sh scripts/venv.sh requirements.lock
	@echo "Ready: .venv/bin/mitregate --help"
	@touch $@

$(INSTALLED_DEV): pyproject.toml requirements-dev.lock requirements.lock scripts/venv.sh scripts/python.sh
	@sh scripts/venv.sh requirements-dev.lock
	@touch $(INSTALLED) $@
