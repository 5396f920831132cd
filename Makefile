# Needs Python 3.10 or newer, git and make. Everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
MODEL ?= sklearn
ROWS ?= 1
ONLY ?= tests

# xdist 3.8 ends with an error of its own where it replaces a worker that has crashed
PYTEST = $(BIN)/pytest --numprocesses=auto --max-worker-restart=0 --no-loadscope-reorder $(addprefix --ignore=tests/,containers real_engines)

.PHONY: help demo demo-llm test test-exhaustive test-engines test-containers test-all fuzz lint format bench bench-check bench-soak bench-fleet catalog requirements generate goldens docs docs-serve release clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/ready  ## render a project, train its sample, serve it, check it and ask it for a prediction
	@$(BIN)/python scripts/demo.py

demo-llm: .venv/ready  ## the same with a tiny language model on llama.cpp, without a GPU
	@$(BIN)/python -m scripts.demo_llm

test: .venv/ready  ## run the tests, but those of the images, the real engines and further combinations
	@$(PYTEST) -m "not exhaustive"

test-exhaustive: .venv/ready  ## run the combinations that make test leaves out, or ONLY those of a folder or file
	@$(PYTEST) -m exhaustive $(ONLY)

test-engines: .venv/ready  ## serve a real model with the real vLLM on the CPU; needs it in ENGINES_DIR
	@$(BIN)/pytest tests/real_engines

test-containers: .venv/ready  ## build and check an image of each framework and engine; needs a Docker engine
	@$(BIN)/pytest tests/containers -m "not exhaustive"

test-all: test-engines .venv/ready  ## run everything, with all combinations and images: takes two hours
	@$(PYTEST)
	@$(BIN)/pytest tests/containers

fuzz: .venv/ready  ## send 20,000 random requests and 10,000 made from the description to each web application
	FUZZ_REQUESTS=20000 FUZZ_EXAMPLES=10000 $(BIN)/pytest tests/real_servers/test_fuzz.py

lint: .venv/ready  ## check the form and the types of all Python here; the tests check rendered projects
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/ready  ## fix what the linters can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/ready  ## measure the servers: make bench MODEL=FRAMEWORK ROWS=1|100 PEERS=1
	$(BIN)/python -m bench --model $(MODEL) --rows $(ROWS) $(if $(PEERS),--peers)

bench-check: .venv/ready  ## compare the CPU time of a request with the figures in bench/regression.json
	@$(BIN)/python -m bench.regression

bench-soak: .venv/ready  ## send 100,000 requests, 1 % of them bad, and count what is lost or leaks
	@$(BIN)/python -m bench.soak

bench-fleet: .venv/ready  ## update 200 projects at once, check the results and note the time
	$(BIN)/python -m bench.fleet

catalog: .venv/ready  ## refresh instance types and regions from botocore
	$(BIN)/python -m extensions.refresh_catalog

requirements: .venv/ready  ## recompile every requirements.txt, or ONLY=LAYER's; UPGRADE=--upgrade takes the newest versions
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/compile_requirements.py $(if $(ONLY),--only $(ONLY)) $(UPGRADE)

generate: .venv/ready  ## write everything that follows from other files: docs, schemas, interface.yml, goldens
	@$(BIN)/python -m scripts.generate

goldens: .venv/ready  ## write what the examples render to, for review with git diff
	$(BIN)/python -m tests.renders.goldens

docs: .venv/ready  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: .venv/ready  ## show the documentation at http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

release: .venv/ready  ## tag a release: make release VERSION=1.2.0
	@$(BIN)/python -m scripts.release $(VERSION)

clean:  ## remove what these commands made
	rm -rf .venv build site .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/ready: requirements/dev.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
