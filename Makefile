# make tour   the whole lesson on a real model, as one page
# make test   all checks that CI runs
# make nightly  the tests that take long, beside the faster ones of `make test`
# make docs   the site of docs/ in site/, after the reference is made from the code
# make dist   wheel and sdist in dist/; the wheel is tried in an environment of its own
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
MODELS := smollm2-135m minilm-l6 gpt2-vocab antiberty rxnmapper sapiens
DATA := chloroplast lambda peptides weather-seattle melting-points shakespeare

.PHONY: tour test nightly lint types unit models docs dist clean

tour: .venv/installed
	@$(BIN)/cutaway tour -o tour.html --force

# The files of tests run in the order of their names: the long ones, of pages and real models, come first, and none
# runs alone at the end.
test: .venv/installed-dev
	@$(MAKE) --no-print-directory -j 2 lint types models
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not nightly"

nightly: .venv/installed-dev models
	@OMP_NUM_THREADS=2 $(BIN)/pytest -q -m nightly

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

# Without a network, tests that need a model or data are skipped with a message.
models: .venv/installed-dev
	@$(BIN)/cutaway models get $(MODELS) > /dev/null || echo "make: could not download all models; tests that need them are skipped"
	@$(BIN)/cutaway data get $(DATA) > /dev/null || echo "make: could not download all data; tests that need them are skipped"

docs: .venv/installed-docs
	@$(BIN)/python docs/generate.py
	@$(BIN)/zensical build --clean --strict

# The wheel is built from the sdist, so that the sdist is known to hold all it needs. It is installed where nothing of
# this tree is seen, and runs the tour and three models that lie in it, there and without a network.
dist: .venv/installed-dev
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t sdist
	@tree=$$(mktemp -d) && tar -xzf dist/*.tar.gz --strip-components 1 -C $$tree \
	  && (cd $$tree && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d $(CURDIR)/dist) && rm -rf $$tree
	@$(PYTHON) -m venv --clear dist/bare
	dist/bare/bin/python -m pip install --no-compile --quiet --disable-pip-version-check $(TORCH)
	dist/bare/bin/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	@$(BIN)/cutaway models get smollm2-135m minilm-l6 gpt2-vocab > /dev/null
	@cd dist && env -u PYTHONPATH HF_HUB_OFFLINE=1 bare/bin/cutaway tour -o tour.html --force \
	  && env -u PYTHONPATH HF_HUB_OFFLINE=1 sh -ec 'bare/bin/cutaway classify "What a breathtaking view."; \
	    bare/bin/cutaway translate "Click OK to close the dialog."; bare/bin/cutaway generate -m molecules --count 3'
	@rm -rf dist/bare && ls -l dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: cutaway needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

# Install torch first, by its exact version, so that pip does not download gigabytes of GPU libraries.
# Without --no-compile, pip compiles tens of thousands of unused modules, which takes half of the install time.
PIP := $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check

.venv/installed-torch: .venv/bin/python
	$(PIP) $(TORCH)
	@touch $@

.venv/installed: .venv/installed-torch pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e .
	@touch $@

.venv/installed-docs: .venv/installed
	$(PIP) -c constraints.txt -e ".[docs]"
	@touch $@

.venv/installed-dev: .venv/installed-torch pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e ".[dev,science,train]"
	@touch .venv/installed $@

clean:
	rm -rf .venv dist tour.html tiny-model
