# reproduce: data -> imitation -> safe RL -> evaluation -> figures.  test: everything that checks it.
# Both set up what they need first: the active environment is used, or .venv is made.
PROFILE ?= laptop

ifneq ($(or $(VIRTUAL_ENV),$(CONDA_PREFIX)),)
BIN := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))/bin
else
BIN := .venv/bin
endif
PYTHON := $(BIN)/python
SETUP := $(BIN)/.safevla-installed

export NUMBA_THREADING_LAYER ?= omp

.PHONY: setup reproduce test lint notebooks report deps lock clean

setup: $(SETUP)

$(BIN)/python:
	python3 -m venv .venv

# the lock is a constraints file: it pins versions and leaves the choice of torch's build (CPU or CUDA) to pip
$(SETUP): pyproject.toml requirements.lock | $(BIN)/python
	$(PYTHON) -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	-$(PYTHON) -m pip install --quiet --no-deps procthor==0.0.1.dev0 # a dump of real AI2-THOR objects, which tests compare with
	touch $@

reproduce: $(SETUP)
	$(PYTHON) -m safevla.pipeline.dvc_files repro $(PROFILE)

test: $(SETUP)
	$(PYTHON) -m pytest

lint: $(SETUP)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

notebooks: $(SETUP)
	SAFEVLA_PROFILE=$(PROFILE) $(PYTHON) -m jupyterlab notebooks

report: $(SETUP)
	$(PYTHON) -m safevla.report.page $(PROFILE)

deps: $(SETUP)
	$(PYTHON) -m safevla.pipeline.dvc_files deps

# needs uv; rows that only CUDA builds of torch need are left to pip
lock:
	uv pip compile pyproject.toml --extra dev --extra encoders --extra ai2thor --universal --python-version 3.11 \
	  --no-header --no-annotate --quiet | grep -vE '^(nvidia|cuda|triton)' > requirements.lock

clean:
	rm -rf build .cache .pytest_cache .ruff_cache .hypothesis
