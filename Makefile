# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo   installs, makes synthetic studies, trains, evaluates, scores, explains, opens the dashboard
#   make test   installs what the checks need and runs them all
PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
ARGS ?=
BIN := $(VENV)/bin

.PHONY: demo test thorough check bench clean

demo: $(VENV)/.demo
	$(BIN)/mediscan demo $(ARGS)

test: $(VENV)/.test check
	$(BIN)/pytest -m "not thorough" --cov --cov-report=term:skip-covered $(ARGS)

# What takes long: several processes, large encoders.
thorough: $(VENV)/.test
	$(BIN)/pytest -m thorough --timeout=900 $(ARGS)

# The same checks locally and in CI.
check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(ARGS)

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mediscan needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# torch comes first and pinned, so that no other package can pull in a newer one.
$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt $(PIP_ARGS) torch
	$(BIN)/pip install --quiet --constraint constraints.txt $(PIP_ARGS) --editable '.[all]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints.txt $(PIP_ARGS) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist
