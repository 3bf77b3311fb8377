# Two commands matter: `make night` runs the main job, `make test` passes the tests.
# Both build their own virtual environment in .venv from the versions pinned in requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: night test lint lock clean

night: $(INSTALLED)
	$(BIN)/python -m dispatch.evening data/parcel-12 --night 2025-11-10

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Pins for every supported Python at once; run after a change of the dependencies in pyproject.toml.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate --no-header --no-emit-index-url --upgrade pyproject.toml --output-file requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) .night

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	touch $@
