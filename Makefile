# `make run` and `make test` work from a fresh clone with git, make and Python 3.11-3.13 (with venv); nothing else.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE :=

SEED ?= 1

.PHONY: run setup setup-dev test test-long test-kill check lint fast bench bench-automl ui lock clean

run: setup ## start the demo: Ray, the actors, Serve, live input; prints a link to the page and a first API key
	@exec $(BIN)/hindcast demo

setup: $(VENV)/.ready ## the environment that `make run` needs

setup-dev: $(VENV)/.ready-dev ## and what the tests and checks need

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --config-settings editable_mode=compat -e .
	$(BIN)/python -m compileall -q actors analytics config events files hindcast query serve tuning
	$(BIN)/python -m analytics.warm
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

test: setup-dev ## the whole suite, but for what test-long repeats at length
	@$(BIN)/python -m pytest -m "not long and not cluster" -n 2 --dist worksteal; without=$$?; \
	$(BIN)/python -m pytest -m "not long and cluster" && exit $$without

test-long: setup-dev ## what has a shorter test beside it in the suite: further sizes, seeds, noises and random examples
	$(BIN)/python -m pytest -m long --hypothesis-profile=wide
	$(BIN)/python -m pytest -m "not slow and not cluster" -n 2 --dist worksteal --hypothesis-profile=wide

test-kill: setup-dev ## kill processes under load for minutes, in both placements (SEED=1 chooses which, when and what)
	HINDCAST_KILLS=$(SEED) $(BIN)/python -m pytest tests/chaos

check: setup-dev ## format, lint, types, import rules, fast tests: about two minutes
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint fast

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

fast: setup-dev
	$(BIN)/python -m pytest -m "not slow and not cluster" -x -n 2 --dist worksteal --hypothesis-profile=quick

bench: setup-dev ## every figure beside its yardstick, into bench/results.json
	$(BIN)/python -m benchmarks

bench-automl: setup-dev bench/out/rivals/.ready ## AutoML beside FLAML and AutoGluon: hours (ARGS="--budget 60 --tables german")
	$(BIN)/python -m benchmarks.automl $(ARGS)

bench/out/rivals/.ready:
	$(PYTHON) -m venv bench/out/rivals
	bench/out/rivals/bin/pip install --quiet --disable-pip-version-check "autogluon.tabular[lightgbm,catboost]" "flaml[automl]"
	@touch $@

ui: ## build the web client into serve/ui (needs Node)
	cd ui && npm ci && npm run check && npm run build

lock: ## renew the lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
