# Needs Python 3.10 or newer, git and make. Everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
MODEL ?= forest
ROWS ?= 1

.PHONY: help demo test test-engines test-containers lint format bench bench-fleet catalog requirements generate goldens docs release clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/ready  ## render a project, train its sample, serve it, check it and ask it for a prediction
	@$(BIN)/python scripts/demo.py

test: .venv/ready  ## run all tests but those of the images and of the real engines
	@$(BIN)/pytest --numprocesses=auto --dist=loadgroup --no-loadscope-reorder \
		$(addprefix --ignore=tests/,containers real_engines)

test-engines: .venv/ready  ## serve a real model with the real vLLM on the CPU; needs it in ENGINES_DIR
	@$(BIN)/pytest tests/real_engines

test-containers: .venv/ready  ## build and check the images of all projects; needs a Docker engine
	@$(BIN)/pytest tests/containers

lint: .venv/ready  ## check the form and the types of all Python here; the tests check rendered projects
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/ready  ## mend what the linters can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/ready  ## measure the servers: make bench MODEL=forest|xgboost|tensorflow ROWS=1|100
	$(BIN)/python -m bench --model $(MODEL) --rows $(ROWS)

bench-fleet: .venv/ready  ## update 200 projects at once, check the results and note the time
	$(BIN)/python -m bench.fleet

catalog: .venv/ready  ## refresh instance types and regions from botocore
	$(BIN)/python -m extensions.refresh_catalog

requirements: .venv/ready  ## recompile every requirements.txt; UPGRADE=--upgrade takes the newest versions
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/compile_requirements.py $(UPGRADE)

generate: .venv/ready  ## write everything that follows from other files: docs, schemas, interface.yml, goldens
	@$(BIN)/python -m scripts.generate

goldens: .venv/ready  ## write what the examples render to, for review with git diff
	$(BIN)/python -m tests.renders.goldens

docs: .venv/ready  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

release: .venv/ready  ## tag a release: make release VERSION=1.2.0
	@$(BIN)/python -m scripts.release $(VERSION)

clean:  ## remove what these commands made
	rm -rf .venv build site .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/ready: requirements/dev.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
