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

.PHONY: default help demo test lint api bench build clean

default: $(STAMP) help

$(STAMP): requirements.lock pyproject.toml deploy/bootstrap.sh
	@bash deploy/bootstrap.sh

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS=$$'\t' read -r name what; do printf '  make %-7s %s\n' "$$name" "$$what"; done

demo: $(STAMP) ## run everything on this machine, with the WeChat simulator and demo data
	@exec $(BIN)/fangpin demo

lint: $(STAMP) ## check style, types and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

api: $(STAMP) ## write docs/openapi.json anew after a change of the API
	$(BIN)/python -m handlers > docs/openapi.json

test: lint ## run all checks and all tests on real MongoDB, Redis and Chromium
	@bash deploy/browser.sh
	@bash deploy/node.sh tests/wechat/others/npm
	$(BIN)/pytest

bench: $(STAMP) ## measure; NAME=… for one of the benchmarks, SCALE=city for the big ones
	$(BIN)/python -m benchmarks $(NAME)

build: $(STAMP) ## make the wheel in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what was built (not the demo's data in var/)
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	rm -rf tests/wechat/others/npm/node_modules
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
