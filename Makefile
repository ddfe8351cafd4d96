# `make` alone builds the environment and tells what else there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := default
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/stamp

# Wheels, caches and byte code of a run with an empty or read-only HOME must not fail it.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1

.PHONY: default help demo test lint api phone bench build audit clean

default: $(STAMP) help

$(STAMP): requirements.lock pyproject.toml deploy/bootstrap.sh
	@bash deploy/bootstrap.sh

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS=$$'\t' read -r name what; do printf '  make %-7s %s\n' "$$name" "$$what"; done

# Stands for both builds of the phone client, which are made together.
PHONE := server/phone_pages/index.html
PHONE_SOURCES := $(shell find miniprogram -name node_modules -prune -o -name dist -prune -o -type f -print)

# Asked for by name it is always built: the mini program's service comes from VITE_SERVICE_URL.
phone: $(STAMP) ## build the phone client: web pages and mini program
	@bash deploy/phone.sh build

$(PHONE): $(PHONE_SOURCES) deploy/phone.sh | $(STAMP)
	@bash deploy/phone.sh build

demo: $(STAMP) $(PHONE) ## run everything on this machine, with the WeChat simulator and demo data
	@exec $(BIN)/fangpin demo

lint: $(STAMP) ## check style, types and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	bash deploy/phone.sh check

api: $(STAMP) ## write docs/openapi.json anew after a change of the API
	$(BIN)/python -m handlers > docs/openapi.json
	bash deploy/phone.sh types

test: lint $(PHONE) ## run all checks and all tests on real MongoDB, Redis and Chromium
	@bash deploy/browser.sh
	@bash deploy/checkers.sh
	@bash deploy/node.sh tests/wechat/others/npm tests/miniprogram/harness
	@bash deploy/phone.sh test
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: $(STAMP) $(PHONE) ## measure; NAME=… for one of the benchmarks, SCALE=city for the big ones
	$(BIN)/python -m benchmarks $(NAME)

build: $(STAMP) $(PHONE) ## make the wheel in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

audit: $(STAMP) ## look for weaknesses in dependencies, and for secrets; OFFLINE=1 asks no database
	@bash deploy/audit.sh

clean: ## remove what was built (not the demo's data in var/)
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	rm -rf tests/wechat/others/npm/node_modules tests/miniprogram/harness/node_modules
	rm -rf miniprogram/node_modules miniprogram/dist server/phone_pages
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
