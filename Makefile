# Everything runs from .venv, which `make setup` makes and keeps; the other targets call it.
SHELL := /bin/bash
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: help run test test-servers soak bench check format setup system clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 21

run: setup ## the test server with its live page, in the fast shape: make run PORT=8123
	@exec $(BIN)/pattern-stack serve test_server:app --host $(HOST) --port $(PORT)

test: setup system ## every test but the soaks
	$(BIN)/pytest -m "not soak"

test-servers: setup system ## what needs Redis, on each server of .ci/servers: Redis 6.2 and 8, Valkey 8
	@servers=$$(.ci/servers) && for server in $$servers; do \
		"$$server" --version && REDIS_SERVER=$$server $(BIN)/pytest -m "redis and not soak" || exit; \
	done

soak: setup system ## the long ones
	$(BIN)/pytest tests/plan --times 200
	$(BIN)/pytest -m soak

check: setup ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## how fast: about ten minutes; writes benchmarks/results
	$(BIN)/python benchmarks/run.py --out benchmarks/results

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@.ci/setup $(PYTHON) .venv
	@touch $@

system: # the real servers and the browser that the tests run, installed where they are missing
	@.ci/system

clean: ## forget the environment and everything made
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache artifacts
