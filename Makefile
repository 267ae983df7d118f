# make run    set up, start everything on embedded defaults, make two beats, keep serving (ARGS=--once: write demo/, exit)
# make test   set up and run every test         make lint    ruff and mypy
# make bench  the speed tables of README        make clean   forget the environment and the caches (never var/)
# make bench-ears  how well it hears: tables over labelled recordings, which it builds (ARGS=--help: other recordings)
# make groove-sheet  a page per style to hear and look at, into var/groove-sheet (ARGS="OUT_DIR house trap": these)
# Works without root, and without a network once installed. Another Python: make PYTHON=/path/to/python3.12 run

SHELL := /bin/sh
ENV := .venv
PY := $(ENV)/bin/python
# Modules are compiled when first imported: most never are, and 40 MB stay off the disk.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile
ARGS ?=
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-ears groove-sheet train-roles train-drums train-key train-rhythm train-onsets setup setup-dev clean

help:
	@sed -n '1,6s/^# //p' Makefile

run: setup
	@$(PY) -m app demo $(ARGS)

test: setup-dev
	@$(PY) -m pytest -q --durations=15 $(ARGS)

lint: setup-dev
	@$(ENV)/bin/ruff check .
	@$(ENV)/bin/ruff format --check .
	@$(ENV)/bin/mypy

# On one thread each, as the workers run (app/stack.py).
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
bench: setup-dev
	@$(ONE_THREAD) $(PY) -m tests.bench $(ARGS)

# Needs apt-get, dpkg-deb and fluidsynth for its recordings, and half an hour of two cores; ARGS="--only roles" less.
bench-ears: setup-dev
	@$(ONE_THREAD) $(PY) -m tests.bench.ears $(ARGS)

groove-sheet: setup-dev
	@$(PY) -m tests.groove_sheet $(if $(ARGS),$(ARGS),var/groove-sheet)

# Needs apt-get, dpkg-deb and fluidsynth, and several minutes; ARGS=--check evaluates and writes nothing.
train-roles: setup-dev
	@$(INSTALL) -r deploy/requirements/train.txt
	@PYTHONPATH=. $(PY) deploy/training/train_roles.py var/training $(ARGS)

# Needs apt-get, dpkg-deb and fluidsynth, 3 GB of disk and some hours of two cores; ARGS=--check judges, ships nothing.
train-drums: setup-dev
	@$(INSTALL) -r deploy/requirements/train.txt
	@PYTHONPATH=. $(PY) deploy/training/train_drums.py var/training $(ARGS)

# Needs apt-get, dpkg-deb and fluidsynth, and some ten minutes; ARGS=--check evaluates and writes nothing.
train-key: setup-dev
	@$(INSTALL) -r deploy/requirements/train.txt
	@PYTHONPATH=. $(PY) deploy/training/train_key.py var/training $(ARGS)

# Needs apt-get, dpkg-deb and fluidsynth, and about an hour; ARGS=--check judges and writes nothing.
train-rhythm: setup-dev
	@$(INSTALL) -r deploy/requirements/train.txt
	@PYTHONPATH=. $(PY) deploy/training/train_rhythm.py var/training $(ARGS)

# Needs apt-get, dpkg-deb and fluidsynth, and some ten minutes; ARGS=--check evaluates and writes nothing.
train-onsets: setup-dev
	@$(INSTALL) -r deploy/requirements/train.txt
	@PYTHONPATH=. $(PY) deploy/training/train_onsets.py var/training $(ARGS)

setup: $(ENV)/.core-installed
setup-dev: $(ENV)/.dev-installed

# The first Python between 3.11 and 3.13 that can make an environment; 3.11 first, the one the pins are tested with.
$(PY):
	@set -e; found=''; \
	for candidate in $(if $(PYTHON),'$(PYTHON)',python3.11 python3.12 python3.13 python3 python); do \
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'SoundRoutine needs Python 3.11, 3.12 or 3.13$(if $(PYTHON), (and $(PYTHON) is none),). To get one:' >&2; \
	  echo '  Debian 12, Ubuntu 24.04:  sudo apt-get install python3 python3-venv' >&2; \
	  echo '  without root:             curl -LsSf https://astral.sh/uv/install.sh | sh; uv python install 3.11' >&2; \
	  echo '                            make PYTHON="$$(uv python find 3.11)" run' >&2; \
	  exit 1; \
	fi; \
	if "$$found" -m venv $(ENV) >/dev/null 2>&1; then :; else \
	  rm -rf $(ENV); \
	  "$$found" -m venv --without-pip $(ENV); \
	  "$$found" deploy/bootstrap_pip.py $(PY) || { rm -rf $(ENV); exit 1; }; \
	fi

$(ENV)/.core-installed: deploy/requirements/core.txt | $(PY)
	@echo 'Installing what SoundRoutine needs (once) ...'
	@$(INSTALL) -r deploy/requirements/core.txt
	@touch $@

$(ENV)/.dev-installed: deploy/requirements/dev.txt deploy/requirements/core.txt | $(PY)
	@echo 'Installing what the tests need (once) ...'
	@$(INSTALL) -r deploy/requirements/dev.txt
	@touch $@ $(ENV)/.core-installed

clean:
	rm -rf $(ENV) .ruff_cache .mypy_cache .hypothesis
	find app services db deploy tests -name __pycache__ -type d -prune -exec rm -rf {} +
