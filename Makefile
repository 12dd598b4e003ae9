# Everything on a fresh machine with Python 3.11 or newer: `make demo`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo readme architecture options test test-all lint format bench bench-data bench-weighing clean

demo: $(VENV)/installed
	$(BIN)/keiryo compare --out demo --force

readme: demo
	$(BIN)/python scripts/show_demonstration.py demo

architecture: $(VENV)/installed-test
	$(BIN)/python scripts/draw_architecture.py

options: $(VENV)/installed
	$(BIN)/python scripts/write_typed_options.py

test: $(VENV)/installed-test
	$(BIN)/pytest -m "not slow" -n logical --dist loadscope --no-loadscope-reorder

test-all: $(VENV)/installed-test
	$(BIN)/pytest

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed $(VENV)-bench/installed
	$(BIN)/python benchmarks/training.py --keras-python $(VENV)-bench/bin/python

bench-data: $(VENV)/installed $(VENV)-bench/installed
	$(BIN)/python benchmarks/data.py --folder "$(FLOWERS)" --keras-python $(VENV)-bench/bin/python

bench-weighing: $(VENV)-weighing/installed
	$(VENV)-weighing/bin/python benchmarks/weighing.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e ".[onnx]"
	@touch $@

$(VENV)/installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e ".[$*]"
	@touch $@

$(VENV)-bench/installed: benchmarks/requirements.txt
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

$(VENV)-weighing/installed: benchmarks/weighing-requirements.txt benchmarks/weighing-support.txt
	$(PYTHON) -m venv $(VENV)-weighing
	$(VENV)-weighing/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	$(VENV)-weighing/bin/pip install --quiet --disable-pip-version-check -r benchmarks/weighing-support.txt
	$(VENV)-weighing/bin/pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weighing-requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-bench $(VENV)-weighing demo
