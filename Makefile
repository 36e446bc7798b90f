# Everything starts here: `make run` works from a fresh clone with Python 3.11 or 3.12 and make alone.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
READY := $(VENV)/.ready
CODE := models connectors flows api tests .ci

.PHONY: help setup run test ci fuzz soak worlds lint bench bench-against compose lock clean

help:
	@echo "make setup    .venv with .venv/bin/profit, dependencies as locked"
	@echo "make run      the whole system on the simulated exchange (Ctrl-C ends it)"
	@echo "make test     the quick tests, on several workers; WORKERS=0 is in turn; PROFIT_TEST_KAFKA=HOST:PORT uses that cluster"
	@echo "make ci       lint, all tests, fuzzing, and the integration tests on Apache Kafka"
	@echo "make fuzz     a million mutated frames and 100,000 requests to the broker (FRAMES=, REQUESTS=, SEED=; 0 is the seed of the day); guided by coverage as well where atheris is installed"
	@echo "make soak     20,000 fault timelines against the oracle, 300 stories of the trading line, then fifty kills of the exchange, and fifty of the broker; FIRST=0 COUNT=20000 is the range of seeds"
	@echo "make worlds   300 simulated worlds judge the rules of promotion: hours on two cores; goes on where it was ended"
	@echo "make lint     ruff, mypy, determinism and import direction"
	@echo "make bench    benchmarks, as ratios in one run"
	@echo "make bench-against REV=c4ebca5   this working copy against another revision, in turns"
	@echo "make compose  the system in containers, with Apache Kafka"
	@echo "make lock     requirements.lock and requirements-live.lock anew from pyproject.toml (needs uv)"

setup: $(READY)

# Candidates are run, not only looked for: a version manager's shim exists also where its version does not.
$(READY): pyproject.toml requirements.lock
	@python=""; tried=""; \
	for candidate in $(PYTHON) python3.12 python3.11 python3 python; do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1; \
	  then python="$$candidate"; break; else tried="$$tried $$candidate"; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or 3.12 with venv and pip runs here (tried:$$tried)." >&2; \
	  echo "      Install one, or name it: make setup PYTHON=/path/to/python3.12 (on Debian and Ubuntu also: apt install python3-venv)." >&2; \
	  exit 1; \
	fi; \
	if ! $(BIN)/python -c 'import sys, pip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1; then \
	  echo "making $(VENV) with $$("$$python" --version)"; "$$python" -m venv --clear $(VENV); \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

run: setup
	@$(BIN)/profit up

WORKERS ?= auto

test: setup
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not browser"

ci:
	@.ci/run

FIRST ?= 0
COUNT ?= 20000
FRAMES ?= 1000000
REQUESTS ?= 100000
SEED ?= 1

fuzz: setup
	@$(BIN)/python -m tests.fuzz.run --frames $(FRAMES) --seed $(SEED)
	@$(BIN)/python -m tests.fuzz.broker_requests --requests $(REQUESTS) --seed $(SEED)
	@if $(BIN)/python -c 'import atheris' 2>/dev/null; then \
	  $(BIN)/python -m tests.fuzz.atheris_frames -max_total_time=60; \
	else \
	  echo "guided by coverage: skipped, atheris is not installed ($(BIN)/pip install -e .[fuzz])"; \
	fi

soak: setup
	@$(BIN)/python -m tests.faults.soak --first $(FIRST) --count $(COUNT)
	@PROFIT_TEST_STORIES=300 $(BIN)/python -m pytest tests/flows/trading_line/test_any_story.py
	@PROFIT_TEST_KILLS=50 $(BIN)/python -m pytest -s -m slow tests/integration/test_killed_exchange.py
	@PROFIT_TEST_BROKER_KILLS=50 $(BIN)/python -m pytest -s tests/integration/test_broker_faults.py

worlds: setup
	@$(BIN)/profit worlds

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python .ci/determinism.py
	@$(BIN)/python .ci/imports.py
	@$(BIN)/python .ci/topics.py --check
	@$(BIN)/python .ci/strategies.py --check

bench: setup
	@$(BIN)/profit bench

REV ?= HEAD~1

bench-against: setup
	@$(BIN)/python -m benchmarks.against $(REV)

compose:
	@docker compose version >/dev/null 2>&1 || { echo "make: docker compose is not installed here. Install Docker with the compose plugin, or run without containers: make run" >&2; exit 1; }
	docker compose up --build

LOCK = uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header --quiet --output-file

lock:
	$(LOCK) requirements.lock
	cp requirements.lock requirements-live.lock
	$(LOCK) requirements-live.lock --extra live

clean:
	rm -rf $(VENV) .venv-live .pytest_cache .mypy_cache .ruff_cache .hypothesis
