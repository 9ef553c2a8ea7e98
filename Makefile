# make tour   the whole lesson on a real model, as one page
# make test   everything that CI checks
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
MODELS := smollm2-135m minilm-l6 gpt2-vocab antiberty rxnmapper sapiens
DATA := chloroplast lambda

.PHONY: tour test lint types unit models clean

tour: .venv/installed
	@$(BIN)/cutaway tour -o tour.html --force

test: lint types models
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile

lint: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@if [ -x $(BIN)/biome ]; then $(BIN)/biome ci --error-on-warnings; \
	  else echo "make: biome has no wheel for this system; the JavaScript of the pages is not checked"; fi

types: .venv/installed-dev
	@$(BIN)/mypy

unit: .venv/installed-dev
	@$(BIN)/pytest -q -m "not real and not browser"

# Without a network the tests that need a model or data are skipped, and say so.
models: .venv/installed-dev
	@$(BIN)/cutaway models get $(MODELS) > /dev/null || echo "make: no models here; the tests that need them will be skipped"
	@$(BIN)/cutaway data get $(DATA) > /dev/null || echo "make: no data here; the tests that need them will be skipped"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: cutaway needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

# torch first and by its exact name: what it is here decides whether gigabytes of GPU libraries come along.
# Without --no-compile pip compiles tens of thousands of modules, most of which nothing imports: half of the install.
.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,science]"
	@touch $@

clean:
	rm -rf .venv tour.html tiny-model
