# Every path is relative, so that a checkout in a folder with a space in its name works.
# PYTHON=/path/to/python3.12 make test   chooses the interpreter (default: the first of at least 3.11 found)
# make test PYTEST_ARGS='-x -k partition'   passes arguments on
.POSIX:
.SUFFIXES:
.PHONY: help demo test lint types bench soak clean

PY = .venv/bin/python
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=

help:
	@echo 'make demo    a live system on this machine: URL and sign-in link, Ctrl-C ends it'
	@echo 'make test    set up everything and run every test'
	@echo 'make lint    ruff: rules and format'
	@echo 'make types   mypy --strict and pyright'
	@echo 'make bench   the measured budgets, see benchmarks/README.md'
	@echo 'make soak    the same for ten minutes, and 10,000 steps of the isolation model'
	@echo 'make clean   remove what these commands made'

demo:
	@sh scripts/environment.sh demo
	@exec .venv/bin/seamwatch demo --state-dir .demo --auto-ports $(DEMO_ARGS)

test:
	@sh scripts/environment.sh test
	@exec $(PY) -m pytest $(PYTEST_ARGS)

lint:
	@sh scripts/environment.sh test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types:
	@sh scripts/environment.sh test
	$(PY) -m mypy
	$(PY) -m pyright

bench:
	@sh scripts/environment.sh test
	@exec $(PY) -m benchmarks $(BENCH_ARGS)

soak:
	@sh scripts/environment.sh test
	SEAMWATCH_LONG=1 $(PY) -m pytest -q -s tests/acceptance/test_isolation_model.py
	@exec $(PY) -m benchmarks --seconds 600 $(BENCH_ARGS)

clean:
	rm -rf .venv .demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
