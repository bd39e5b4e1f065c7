# Everything runs from .venv, which `make setup` makes and keeps; the other targets call it.
SHELL := /bin/bash
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
AT_ONCE ?= 3
EAGER ?= python3.12
BIN := .venv/bin
STAMP := .venv/.ready
PEERS := .cache/bench/peers
CLIENT := clients/typescript
PAGE := examples/orders/page

.PHONY: help run example test test-client test-eager test-floors test-newest test-servers client docs dist soak bench bench-peers check format assets setup system packages page browsers clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 21

run: setup ## the test server with its live page, in the fast shape: make run PORT=8123
	@exec $(BIN)/pattern-stack serve test_server:app --host $(HOST) --port $(PORT)

example: setup page ## an application with a database and a React page, built and served: make example PORT=8123
	@echo "Orders: http://$(HOST):$(PORT)/ - open it in two windows"
	@exec $(BIN)/pattern-stack serve examples.orders.app:app --host $(HOST) --port $(PORT)

test: setup system page browsers ## every test but the soaks, three at a time, for most of them wait: make test AT_ONCE=1
	$(BIN)/pytest -n $(AT_ONCE) --dist worksteal -m "not soak"

test-client: setup packages ## the TypeScript client's tests alone, as they go
	cd $(CLIENT) && npm run --silent check

test-servers: setup system page browsers ## what needs Redis, on each server of .ci/servers: Redis 6.2 and 8, Valkey 8
	@servers=$$(.ci/servers) && for server in $$servers; do \
		"$$server" --version && REDIS_SERVER=$$server $(BIN)/pytest -m "redis and not soak" || exit; \
	done

test-eager: system ## tests/atoms and tests/contract with eager tasks, on Python 3.12 or later: make test-eager EAGER=python3.13
	@$(EAGER) -c 'import asyncio; asyncio.eager_task_factory' || { echo "EAGER=/path/to/python names no Python 3.12 or later" >&2; exit 1; }
	@.ci/setup $(EAGER) .cache/eager
	.cache/eager/bin/python -m pytest -n $(AT_ONCE) --dist worksteal -m "not soak" --eager tests/atoms tests/contract

test-floors: ## the same on the lowest versions that pyproject.toml allows, before a release
test-newest: ## the same on the newest versions that there are
test-floors test-newest: test-%: system
	@$(PYTHON) .ci/versions $* .cache/versions-$*
	.cache/versions-$*/bin/python -m pytest -n $(AT_ONCE) --dist worksteal -m "not soak" -W default::DeprecationWarning tests/atoms tests/contract

soak: setup system packages browsers .venv/.docs ## the long ones
	$(BIN)/pytest tests/plan --times 200
	EXAMPLES=all $(BIN)/pytest tests/atoms/broadcast tests/atoms/cache tests/features/fleet/test_state.py tests/features/inspector
	$(BIN)/pytest -m soak

client: packages ## build the TypeScript client
	cd $(CLIENT) && npm run --silent build

assets: client ## build the TypeScript client, and copy it to the live pages; commit it with its sources
	cp $(CLIENT)/dist/pages/client.js pattern_stack/pages/assets/client.js

docs: .venv/.docs ## the documentation as a site, in site/; to search in it, serve it: python3 -m http.server -d site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet && echo "site/index.html"

dist: setup packages ## the wheel, the source distribution and the npm package, in dist/; publishes nothing
	@.ci/dist dist

check: setup ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## how fast, an hour; writes benchmarks/results. Some alone, and no results: ONLY="floor pattern_stack"
	$(BIN)/python -m benchmarks.run $(ONLY) $(if $(ONLY),,--out benchmarks/results)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.sessions)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.outbox)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.neighbours)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.turns)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.idle)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.declared)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.meters)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.returning)
	$(if $(ONLY),,$(BIN)/python -m benchmarks.features)

bench-peers: setup ## what make bench compares with, in a place of its own
	@[ -x $(PEERS)/bin/python ] || $(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r benchmarks/peers.txt
	@command -v npm > /dev/null || { echo "npm is missing: apt-get install nodejs npm"; exit 1; }
	cp benchmarks/package.json .cache/bench/
	npm install --prefix .cache/bench --no-package-lock --silent

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@.ci/setup $(PYTHON) .venv
	@touch $@

system: # the real servers and the browser that the tests run, installed where they are missing
	@.ci/system

packages: # what the TypeScript client is built with
	@.ci/system find npm > /dev/null || { [ $$? = 77 ] && exit; \
		echo "The TypeScript client needs Node.js 20.19 or later, with npm." >&2; exit 1; }; \
	$(MAKE) -s $(CLIENT)/node_modules/.ready

%/node_modules/.ready: %/package.json %/package-lock.json
	@cd $* && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

page: packages # the example's page
	@.ci/system find npm > /dev/null || exit 0; $(MAKE) -s $(PAGE)/dist/index.html

$(PAGE)/dist/index.html: $(CLIENT)/dist/esm/index.d.ts $(PAGE)/node_modules/.ready $(wildcard $(PAGE)/*.* $(PAGE)/src/*)
	@cd $(PAGE) && npm run --silent build -- --logLevel warn

$(CLIENT)/dist/esm/index.d.ts: $(CLIENT)/node_modules/.ready $(wildcard $(CLIENT)/scripts/* $(CLIENT)/src/* $(CLIENT)/src/*/*)
	@$(MAKE) -s client

browsers: .venv/.browsers # what drives one in tests: apart, for it is 50 MB that nothing else needs

.venv/.browsers: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[e2e]'
	@touch $@

.venv/.docs: $(STAMP) # what builds the documentation: apart, for nothing else needs it
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

clean: ## forget the environment and everything made
	rm -rf $(CLIENT)/node_modules $(CLIENT)/dist $(PAGE)/node_modules $(PAGE)/dist .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache artifacts dist site
