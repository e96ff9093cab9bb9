# thermopolis: what a user or a contributor runs. Needs make and Python >= 3.11 (with its venv module), nothing else.
#   make demo       run, plot and report a quick experiment; says where its results, figures and page are
#   make test       the tests a user runs; test-long, test-browser, test-axelrod the rest; test-all every one
#   make check      ruff, mypy and the direction of imports
#   make bench      our speed beside that of the packages people use today
#   make figures    the README's figures, from shipped experiments
#   make wheel      wheel and sdist into dist/, and the wheel proven in a clean environment

PYTHON ?= python3
WORKERS ?= auto
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
PYTEST := JAX_PLATFORMS=cpu $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-browser test-axelrod test-all check format bench figures wheel clean

help:
	@sed -n 's/^#   //p' Makefile

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "thermopolis needs Python 3.11 or newer; say which with make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/stamp-run: pyproject.toml constraints.txt hatch_build.py | .venv/pyvenv.cfg
	$(PIP) -e .
	@touch $@

.venv/stamp-dev: pyproject.toml constraints.txt hatch_build.py | .venv/pyvenv.cfg
	$(PIP) -e '.[dev,peers]'
	@touch $@ .venv/stamp-run

.venv/stamp-axelrod: pyproject.toml constraints.txt | .venv/stamp-dev
	$(PIP) -e '.[dev,peers,axelrod]'
	@touch $@ .venv/stamp-dev .venv/stamp-run

demo: .venv/stamp-run
	@set -e; mkdir -p results; \
	$(BIN)/thermopolis run experiments/prisoners_dilemma.yaml > results/.demo || { cat results/.demo; exit 1; }; \
	out=$$(sed -n 's/^results: //p' results/.demo); rm results/.demo; \
	$(BIN)/thermopolis plot "$$out" > /dev/null; \
	$(BIN)/thermopolis report "$$out" > /dev/null; \
	out=$$(cd "$$out" && pwd); \
	echo "results  $$out/points"; \
	echo "figures  $$out/figures"; \
	echo "page     $$out/report.html"

test: .venv/stamp-dev
	$(PYTEST) -n $(WORKERS) -m "not long and not browser and not axelrod"

test-long: .venv/stamp-dev
	$(PYTEST) -n $(WORKERS) -m long

# needs a Chromium: Debian's (apt-get install chromium), or Playwright's own
test-browser: .venv/stamp-dev
	$(PYTEST) -m browser

# brings the Axelrod library, and with it PyTorch and Dask
test-axelrod: .venv/stamp-axelrod
	$(PYTEST) -m axelrod

test-all: test test-long test-browser test-axelrod

check: .venv/stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/stamp-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/stamp-dev
	JAX_PLATFORMS=cpu $(BIN)/python benchmarks/run.py

figures: .venv/stamp-run
	JAX_PLATFORMS=cpu $(BIN)/python docs/make_figures.py

wheel: .venv/stamp-dev
	rm -rf dist
	$(PIP) build
	$(BIN)/python -m build
	$(PYTEST) -m long tests/house

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
