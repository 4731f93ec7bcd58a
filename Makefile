# Every target sets up what it needs: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FILE ?=
# Empty for one test after the other.
PARALLEL ?= --numprocesses=logical --maxprocesses=4 --dist=loadfile

.PHONY: demo test check docs lab notebooks lowest venv-ipykernel6 clean help

help:
	@echo "make demo [FILE=/path]  upload, kill at 40 %, resume, verify - on a local 115 (no account)"
	@echo "make test               all checks and tests"
	@echo "make docs               the documentation as a site, in docs/_build/html"
	@echo "make lab                JupyterLab on the tutorials"
	@echo "make notebooks          run the tutorials and keep their outputs"
	@echo "make lowest             the tests with the oldest versions that pyproject.toml allows"

# The stamp is newer than pyproject.toml exactly when the environment has what it asks for.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pan115kit needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/python -m pan115kit demo $(if $(FILE),--file "$(FILE)")

check: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

docs: $(VENV)/.installed
	rm -rf docs/_build
	$(BIN)/sphinx-build -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "docs/_build/html/index.html"

# One run of everything: doctests, tests, tutorials.  A file's tests stay together, so that a kernel starts once.
test: check docs
	$(BIN)/python -m pytest --doctest-modules pan115kit tests notebooks $(PARALLEL) --cov --cov-report=term

lowest: $(VENV)/.installed
	$(BIN)/python tests/lowest.py .venv-lowest

# A kernel that takes messages one by one; the tests of tests/notebook make it themselves where it is missing.
venv-ipykernel6: $(VENV)/.installed
	$(BIN)/python tests/support/ipykernel6.py .venv-ipykernel6

lab: $(VENV)/.installed
	$(BIN)/jupyter lab notebooks

notebooks: $(VENV)/.installed
	$(BIN)/python notebooks/execute.py

clean:
	rm -rf $(VENV) .venv-* docs/_build docs/tutorials .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
