# What to do with this repository. `make run` and `make test` need nothing but make, Python 3.11
# and, on Debian as root, not even a Docker engine: they set up what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
TESTBED := $(BIN)/testbed

.PHONY: help
help: ## Show this list
	@sort $(MAKEFILE_LIST) | awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: setup ## Set everything up and run the default workflow end to end
	@$(TESTBED) run

.PHONY: test
test: setup-dev browser ## Set everything up and pass all tests
	@setup/test.sh

.PHONY: check
check: venv-dev ## Lint, types and structure; seconds, no Docker
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

.PHONY: unit
unit: venv-dev ## The unit tests; seconds, no Docker
	@$(BIN)/pytest -q -n auto --maxprocesses=4 --durations=15 tests/unit

.PHONY: bench
bench: setup-dev browser ## Run the benchmarks, or ONE=name; fails where a goal is missed
	@$(BIN)/python -m benchmarks $(ONE)

.PHONY: screenshots
screenshots: setup-dev browser ## Pictures of all pages to artifacts/, the main ones to docs/images
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: up
up: setup ## Start the backend and the enabled agents
	@$(TESTBED) up

.PHONY: down
down: setup ## Remove every container and network of the testbed
	@$(TESTBED) down

.PHONY: status
status: setup ## Say how the testbed is
	@$(TESTBED) status

.PHONY: build
build: setup ## Build the images that are missing or out of date
	@$(TESTBED) build

.PHONY: engine
engine: ## Make sure that a Docker engine answers
	@setup/engine.sh

.PHONY: browser
browser: ## Make sure that there is a Chromium for the browser tests
	@setup/browser.sh

.PHONY: setup
setup: engine ## Virtual environment and Docker engine, as far as they are missing
	@setup/venv.sh command

.PHONY: setup-dev
setup-dev: engine venv-dev ## The same, with what tests need

.PHONY: venv-dev
venv-dev: ## The virtual environment with what tests need; no engine
	@setup/venv.sh dev

.PHONY: format
format: venv-dev ## Format the code
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

.PHONY: lock
lock: venv-dev ## Renew the locked requirements (pyproject.toml -> requirements/*.txt)
	@setup/lock.sh

.PHONY: wheel
wheel: venv-dev ## Build the wheel into dist/ (docs/install.md)
	@$(BIN)/pip wheel -q --no-build-isolation --no-deps --wheel-dir dist .

.PHONY: clean
clean: ## Remove what was generated here; containers and secrets stay
	@rm -rf artifacts dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
