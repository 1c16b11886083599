# `make help` lists the targets. A fresh machine needs Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BEHAVIOURS := src/oer_pipeline/suites/behaviours
PACKAGED := cheetah_vel_signed cheetah_vel cheetah_vel_spread cheetah_vel_tuning ant_dir ant_dir_tuning walker_par walker_par_tuning continual_world_10 continual_world_tuning
export KEDRO_DISABLE_TELEMETRY = 1
export DO_NOT_TRACK = true
export MLFLOW_DISABLE_TELEMETRY = true
export DVC_NO_ANALYTICS = 1
export OMP_NUM_THREADS = 1
# uv honours pip's folder of wheels only under its own name.
UV := $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)") $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help env run tune learners bases base-choice test test-slow lint bench scale gpu behaviours behaviours-again status clones selectors viz ui docs notebook package

help: ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

env: $(VENV)/.ready ## make the environment (.venv) from requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(UV) pip install --quiet --no-deps --python $(BIN)/python -e .
	$(BIN)/python -m oer_pipeline.orchestration.first_use
	touch $@

run: env ## three methods on real trajectories, then a table (ARGS="--env=test" for another size)
	$(BIN)/kedro grid default $(ARGS)

tune: env ## every learner's coefficient, tried on tasks and seeds of its own, into conf/base/tuned.yml (hours, resumable)
	$(BIN)/kedro tune $(ARGS)

learners: env ## every learner on cheetah_vel_signed, paired by seed; rewrites the tables of docs/learners.md (an hour and a half, resumable)
	$(BIN)/kedro grid learners $(ARGS)

bases: env ## base learners on three suites, four qualities: return against updates (docs/base_learners.md; hours, resumable)
	$(BIN)/kedro bases $(ARGS)

base-choice: env ## alpha and critic normalisation, tried on tasks and seeds of their own (hours, resumable)
	$(BIN)/kedro bases choice $(ARGS)

test: env ## the fast tests, on all cores
	$(BIN)/python -m pytest -q -n auto --maxprocesses=4 --dist=worksteal

test-slow: env ## the tests that take minutes each (forgetting, 200 kills, clones), and the figures of their trials
	$(BIN)/python -m pytest -q -m slow

lint: env ## ruff, mypy (strict), import contracts, density (docs/architecture.md)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m benchmarks.readability

clones: env ## clones of the scripted behaviours' medium data, on goals not collected: their column in docs/data.md
	$(BIN)/kedro clones $(ARGS)

selectors: env ## every selector's buffer judged on three suites, two qualities (docs/selection.md; up to an hour)
	$(BIN)/kedro grid selectors $(ARGS)

bench: env ## measure the project's figures (ONLY=name for one) into benchmarks/results.json
	$(BIN)/python -m benchmarks $(ONLY)

scale: env ## how grids scale, into docs/scale.md (an hour on two quiet cores, resumable; ARGS="--only=overhead")
	$(BIN)/python -m benchmarks.scale $(ARGS)

gpu: ## try and measure everything that needs a GPU, at most 8 minutes (needs torch, lightning, numpy, pandas, pyarrow, pytest)
	PYTHONPATH=src:. $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m benchmarks.gpu $(ARGS)

behaviours: env ## train the behaviour policies that a suite lacks (SUITE=name) into data/01_raw/behaviours, minutes a task
	$(BIN)/kedro behaviours $(SUITE) $(ARGS)

behaviours-again: env ## train all the package's behaviour policies again, in the place of the old ones (over an hour)
	$(BIN)/kedro behaviours --again --folder=$(BEHAVIOURS) $(PACKAGED) $(ARGS)

status: env ## what of a grid is finished, running, stale or missing (GRID=name)
	$(BIN)/kedro status $(GRID) $(ARGS)

ui: env ## MLflow's pages: cells side by side; prints a link per suite and quality
	$(BIN)/kedro ui

viz: env ## Kedro-Viz: the lineage
	$(BIN)/kedro viz run

docs: env ## the pages as a site, site/index.html; no warning, no broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

notebook: env ## execute notebooks/explore.ipynb on the finished run, into explored.ipynb
	cd notebooks && ../$(BIN)/jupyter execute --output=explored explore.ipynb

package: env ## a wheel of the project, dist/
	$(BIN)/kedro package
