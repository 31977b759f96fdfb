# make demo      the app on a generated volume, with a first round in training
# make test      all tests
# make coverage  all tests, and the lines that none of them runs
# make lint      style, types, which package may import which
# make docs      the documentation as a site in site/, strictly and without the network
# make clean     removes the environment and what the tools left behind (never data/ or checkpoints/)
#
# Needs Python 3.11 or newer with pip and venv; makes its own environment in .venv.
#   make demo PYTHON=python3.12                                          another Python
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu           the small CPU-only PyTorch (on Linux the default
#                                                                        is the CUDA build, several gigabytes)
#   make demo DEMO_ARGS="--no-browser --port 8600"                       options of `underpaint demo`
#   make test TESTS_AT_ONCE=0 PYTEST_ARGS="-x -k loop"                   one test after another, options of pytest

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
DEMO_ARGS ?=
PYTEST_ARGS ?=
# Files of tests at a time: one more than two cores, as tests of the browser and of other processes wait half of their time.
TESTS_AT_ONCE ?= 3

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
PYTEST = $(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: demo test coverage lint docs clean

demo: $(READY)
	$(BIN)/underpaint demo $(DEMO_ARGS)

test: $(READY_DEV)
	$(PYTEST)

coverage: $(READY_DEV)
	$(PYTEST) --cov

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/oxlint app/editor tests/editor_js

docs: $(READY_DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site *.egg-info .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis
	find app core tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Underpaint needs Python 3.11 or newer; $(PYTHON) is older or missing. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A PyTorch index is asked for PyTorch alone: its own dependencies come from PyPI, pinned like everything else.
$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (once; several minutes, PyTorch is large)"
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) --editable .
	@touch $@

$(READY_DEV): pyproject.toml constraints.txt $(READY)
	$(PIP) --editable ".[dev]"
	@touch $@
