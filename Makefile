# reproduce: data -> imitation -> safe RL -> evaluation -> figures.  test: everything that checks it.
# Both set up what they need first: the active environment is used, or .venv is made.
PROFILE ?= laptop

ENVIRONMENT := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX),.venv)
PYTHON := "$(ENVIRONMENT)/bin/python"
INSTALLED := "$(ENVIRONMENT)/bin/.safevla-installed"

.PHONY: setup reproduce test lint notebooks report lock clean

# Installs where the environment has another clone's package, or is older than the lock, which is a constraints file: it pins
# versions and leaves the choice of torch's build (CPU or CUDA) to pip. procthor carries a dump of real AI2-THOR objects,
# which tests compare with.
setup:
	@test -x $(PYTHON) || [ "$(ENVIRONMENT)" != .venv ] || python3 -m venv .venv
	@test -x $(PYTHON) || { echo "the active environment, $(ENVIRONMENT), has no Python: deactivate it" >&2; exit 1; }
	@if [ "$$(cat $(INSTALLED) 2>/dev/null)" != "$(CURDIR)" ] || [ pyproject.toml -nt $(INSTALLED) ] || [ requirements.lock -nt $(INSTALLED) ]; then \
	  $(PYTHON) -m pip install --quiet --constraint requirements.lock --editable '.[dev]' || exit 1; \
	  $(PYTHON) -m pip install --quiet --no-deps procthor==0.0.1.dev0 || true; \
	  echo "$(CURDIR)" > $(INSTALLED); \
	fi

reproduce: setup
	@$(PYTHON) -m safevla reproduce $(PROFILE)

test: setup
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m pyright --pythonpath $(PYTHON)

# JUPYTER_PATH may hold a kernel of another Python
notebooks: setup
	JUPYTER_PATH= SAFEVLA_PROFILE=$(PROFILE) $(PYTHON) -m jupyterlab notebooks

report: setup
	@$(PYTHON) -m safevla report $(PROFILE)

# needs uv; rows that only CUDA builds of torch need are left to pip, but for numba-cuda, whose version is chosen by hand
lock:
	chosen=$$(grep '^numba-cuda==' requirements.lock); \
	{ uv pip compile pyproject.toml --extra dev --extra encoders --extra ai2thor --extra movies --extra minilm --extra serve --universal --python-version 3.11 \
	  --no-header --no-annotate --quiet | grep -vE '^(nvidia|cuda|triton)'; echo "$$chosen"; } | sort > requirements.new
	mv requirements.new requirements.lock

clean:
	rm -rf build .cache .pytest_cache .ruff_cache .hypothesis
