# The commands of the README. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first Python that is new enough; override with `make PYTHON=… run`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
PIP := $(PY) -m pip --disable-pip-version-check install -qq --no-input
UV := $(PY) -m uv --system-certs
LOCKS ?= requirements
SCHEMA := $(VENV)/bin/check-jsonschema -q --builtin-schema
SOURCES := bot backends plugins alembic tests bench examples

.PHONY: help run setup ocr matrix test lint types fmt bench docs picture pictures-console schema soak test-peers test-conformance lock llama wheel release clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: $(RUN) ## set up once, then start (terminal chat, or the platforms whose tokens are set)
	@exec $(PY) -m bot run

setup: $(RUN) ## the same, guided: a better model, Discord, Slack, documents, and a first question
	@$(PY) -m bot setup $(ARGS) || [ $$? = 130 ] # Ctrl-C is no error

ocr: $(RUN) ## install the text recognition that knowledge.ocr needs
	@$(operators_index) $(UV) pip install -q --require-hashes --no-deps -r $(LOCKS)/ocr.lock

matrix: $(RUN) ## install what the platform Matrix needs
	@$(operators_index) $(UV) pip install -q --require-hashes --no-deps -r $(LOCKS)/matrix.lock

run setup test bench: export PYTHONDONTWRITEBYTECODE = # else every process compiles what no other one keeps
# A part of a test's time is waiting: three workers keep two cores busy.
test: WORKERS ?= 3
test: $(DEV) ## the whole test suite, the real default models included
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(DEV) ## ruff, the import contracts, patterns that backtrack, container and issue files
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(PY) -m tests.hostile.lint
	$(VENV)/bin/hadolint Dockerfile
	$(SCHEMA) vendor.compose-spec compose.yaml deploy/compose/compose.yaml
	$(SCHEMA) vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml

types: $(DEV) ## mypy, strict
	$(PY) -m mypy

fmt: $(DEV) ## format, and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(DEV) ## print the benchmark table, and write build/bench.json
	$(PY) -m bench $(ARGS)

soak: $(DEV) ## half an hour of mixed load, cancels, failures, and 50 kills of four processes
	$(PY) -m pytest -m soak tests/scenarios
	$(PY) -m bench.soak $(ARGS)

# They listen on every interface, so they are started where there is but the loopback one.
test-peers: $(DEV) build/peers/local-slack build/peers/discord/.installed build/peers/tools/.installed build/peers/synapse/.installed ## the stories on a Slack, a Discord and a Matrix of others, and their servers of tools (needs npm, node, unshare, ip)
	unshare -r -n sh -c 'ip link set lo up && \
		LOCAL_SLACK=build/peers/local-slack DISCORD_TWIN=build/peers/discord \
		TOOL_SERVERS=build/peers/tools SYNAPSE=build/peers/synapse \
		exec $(PY) -m pytest -m peers tests/peers --ignore tests/peers/test_conformance.py'

PEER := local-slack-linux-x64
PEER_VERSION := 0.1.8
PEER_SHA256 := 3332007b797969d835f694b463ac526f7ef1fc66afac93f950f585105fe4815f

build/peers/local-slack:
	@mkdir -p build/peers
	@cd build/peers && npm pack --silent $(PEER)@$(PEER_VERSION) >/dev/null && \
		tar -xzf $(PEER)-$(PEER_VERSION).tgz package/bin/local-slack && \
		echo "$(PEER_SHA256)  package/bin/local-slack" | sha256sum --check --quiet && \
		chmod +x package/bin/local-slack && mv package/bin/local-slack local-slack

# Packages as the lock file says, each checked against its hash; none of their scripts is run.
TWIN := tests/peers/discord_twin
build/peers/discord/.installed: $(TWIN)/package.json $(TWIN)/package-lock.json $(TWIN)/.npmrc
	@mkdir -p build/peers/discord && cp $^ build/peers/discord/
	@cd build/peers/discord && npm ci --silent && touch .installed

# The runtime that the suite needs is newer than that of many systems; it comes as a package as well.
SUITE := tests/peers/mcp_conformance
build/peers/mcp/.installed: $(SUITE)/package.json $(SUITE)/package-lock.json $(SUITE)/.npmrc
	@mkdir -p build/peers/mcp && cp $^ build/peers/mcp/
	@cd build/peers/mcp && npm ci --silent && touch .installed

test-conformance: $(DEV) build/peers/mcp/.installed ## MCP's conformance suite on our server and client (needs npm)
	MCP_CONFORMANCE=build/peers/mcp $(PY) -m pytest -m peers tests/peers/test_conformance.py

TOOLS := tests/peers/tool_servers
build/peers/tools/.installed: $(TOOLS)/package.json $(TOOLS)/package-lock.json $(TOOLS)/.npmrc
	@mkdir -p build/peers/tools && cp $^ build/peers/tools/
	@cd build/peers/tools && npm ci --silent && touch .installed

# A server in an environment of its own, as its licence and its versions are not ours.
SYNAPSE_LOCK := tests/peers/synapse/requirements.lock
build/peers/synapse/.installed: $(SYNAPSE_LOCK) | $(PY)
	@$(PY) -m venv --without-pip --clear build/peers/synapse
	@$(operators_index) $(UV) pip sync -q --python build/peers/synapse/bin/python --require-hashes $<
	@touch $@

docs: $(DEV) ## write the generated tables of docs/ again
	$(PY) -m bot docs-tables --write

picture: $(DEV) ## draw the README's pictures from what goes over the wire and what the terminal shows
	$(PY) -m tests.scenarios.picture docs/images/exchange.svg
	$(PY) -m tests.scenarios.agent_picture docs/images/agent.svg
	$(PY) -m tests.scenarios.first_run_picture docs/images/first-run.svg

pictures-console: $(DEV) ## take the pictures of the console's documentation (needs Chromium)
	$(PY) -m tests.browser.pictures docs/images

COMPILE = $(operators_index) $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links

schema: $(DEV) ## write the schema of a new database again, after a new migration
	$(PY) -m tests.schema

lock: $(DEV) ## resolve the dependencies again into hashed lock files
	@$(COMPILE) --group build -o $(LOCKS)/build.lock
	@$(COMPILE) --group run -c $(LOCKS)/build.lock -o $(LOCKS)/run.lock
	@$(COMPILE) --group ocr -c $(LOCKS)/run.lock -o $(LOCKS)/ocr.lock
	@$(COMPILE) --group matrix -c $(LOCKS)/run.lock -o $(LOCKS)/matrix.lock
	@$(COMPILE) --group run --group dev -c $(LOCKS)/build.lock -c $(LOCKS)/run.lock -o $(LOCKS)/dev.lock
	@$(COMPILE) tests/peers/synapse/requirements.in -o $(SYNAPSE_LOCK)

wheel: $(RUN) ## write a wheel of Parlance into dist/
	$(PY) -m hatchling build -t wheel

release: $(RUN) ## VERSION=x.y.z: changelog, version, commit, tag, wheel and source archive (DRY=1 shows it)
	@$(PY) .ci/release.py "$(VERSION)" $(if $(DRY),--dry) $(if $(TESTED),--tested)

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(PY):
	@test -n "$(PYTHON)" || { echo "Parlance needs Python 3.11 or later; none was found." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Could not make $(VENV); on Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }

# Nothing is resolved here: what a lock file names is fetched, checked against its hash, installed.
# uv does not read pip's settings, so it is told the index that pip has been given.
operators_index = export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$( \
	$(PY) -m pip config list | sed -nE "s/^(global|install)\.index-url='(.*)'/\2/p" | tail -n 1)}}"; \
	set -o pipefail;

# What shapes a build of llama.cpp names its folder, and so its place in uv's cache: a wheel that was
# built otherwise is not taken. The folder is inside of the source, and ccache compares no absolute
# paths, so that it knows the files again wherever uv unpacks them next.
shape = $$({ printf '%s\n' "$$CMAKE_ARGS" "$$CC" "$$CXX" "$$CFLAGS" "$$CXXFLAGS" "$$LDFLAGS"; \
	cat requirements/llama_cpp.cmake requirements/compiler/*; } | cksum | cut -d' ' -f1)
llama_cpp = UV_LOCK_TIMEOUT=3600 CCACHE_BASEDIR=/ CMAKE_ARGS="$$CMAKE_ARGS \
	-DCMAKE_PROJECT_llama_cpp_INCLUDE='$(CURDIR)/requirements/llama_cpp.cmake'"

# $(call install,LOCK,OPTIONS)
define install
	@command -v c++ >/dev/null || command -v clang++ >/dev/null || { \
		echo "A C++ compiler is needed to build llama.cpp (Debian: apt install g++)." >&2; exit 1; }
	@echo "Installing Parlance into $(VENV)." \
		"llama.cpp is compiled the first time: 2 to 4 minutes on two cores, once." >&2
	@$(PIP) --no-deps --require-hashes -r $(LOCKS)/build.lock
	@$(operators_index) $(llama_cpp) RUST_LOG=uv_build_frontend=debug $(UV) pip sync $(2) \
		--config-settings-package "llama-cpp-python:build-dir=build/$(shape)" --no-build-isolation \
		--require-hashes $(LOCKS)/build.lock $(1) 2>&1 | requirements/progress
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
endef

$(RUN): $(LOCKS)/run.lock $(LOCKS)/build.lock pyproject.toml | $(PY)
	$(call install,$<)
	@touch $@

$(DEV): $(LOCKS)/dev.lock $(LOCKS)/build.lock pyproject.toml | $(PY)
	$(call install,$<)
	@touch $(RUN) $@

llama: | $(PY) ## build llama.cpp again, as CMAKE_ARGS says: for a graphics card
	$(call install,$(LOCKS)/$(if $(wildcard $(DEV)),dev,run).lock,--reinstall-package llama-cpp-python)
	@touch $(RUN) $(wildcard $(DEV))
