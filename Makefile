# Two commands matter: `make night` runs the main job, `make test` passes the tests.
# Both build their own virtual environment in .venv from the versions pinned in requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NIGHT := .night/parcel-12
DATE := 2025-11-10

.PHONY: night test lint lock clean

night: $(INSTALLED)
	rm -rf .night && mkdir .night && cp -R data/parcel-12 $(NIGHT)
	rm -rf $(NIGHT)/plans $(NIGHT)/depot.db*
	$(BIN)/depot rehearse $(NIGHT) --night $(DATE) --faults data/three-faults.yaml --out $(NIGHT)
	mv $(NIGHT)/rehearsal.db $(NIGHT)/depot.db && rm $(NIGHT)/morning.html
	$(BIN)/depot report $(NIGHT) --night $(DATE) || test $$? -eq 1  # 1: a person is needed, and is told for what

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
