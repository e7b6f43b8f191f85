# `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A test process a core, at most eight: each holds torch.
SIDE_BY_SIDE := -n auto --maxprocesses 8 --dist worksteal
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help quickstart test test-slow check format wheel-check growth bench bench-train bench-loaders reproduce times same coverage least-sure label-fix label-noise mutate edits kills faults fuzz reference clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (about two minutes; torch is the largest part)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

quickstart: $(STAMP)  ## crawl, clean, train, transfer, value: the whole line on real pages
	@$(BIN)/tilth run quickstart

test: $(STAMP)  ## the tests (under 10 minutes)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: $(STAMP)  ## the tests that take long: repeated kills, whole starters
	@$(BIN)/python -m pytest -m slow $(SIDE_BY_SIDE)

check: $(STAMP)  ## lint, format, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)  ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

growth: $(STAMP)  ## every operation over every shape of input, tenfold: processor time compared
	@$(BIN)/python -m pytest tests/growth -m 'not slow'

wheel-check:  ## build the wheel, install it into a bare environment, run quickstart from it
	@PYTHON=$(PYTHON) .ci/wheel-check

bench: $(STAMP)  ## speed and memory; writes benchmarks/results.json and results.md; beside Scrapy: CRAWL_DOCS= SCRAPY_PYTHON=
	@$(BIN)/python -m benchmarks

bench-train: $(STAMP)  ## training beside a bare step, Trainer, Keras: TRAINER_PYTHON= KERAS_PYTHON=
	@$(BIN)/python -m benchmarks.bench_train

bench-loaders: $(STAMP)  ## loaders beside torch, webdataset, datasets: LOADER_PEERS=FOLDER
	@$(BIN)/python -m benchmarks.bench_loaders

reproduce: $(STAMP)  ## run a starter and write its results into its head: RECIPE=cifar10
	@$(BIN)/python -m benchmarks.reproduce $(RECIPE)

times: $(STAMP)  ## time a starter, and write `takes:` and recipes/times.json: RECIPE=digits
	@$(BIN)/python -m benchmarks.times $(RECIPE)

same: $(STAMP)  ## whether the starters still give the same figures, to the last digit (an hour)
	@$(BIN)/python -m benchmarks.same

coverage: $(STAMP)  ## what the intervals cover, by simulation; writes benchmarks/coverage.md (half an hour)
	@$(BIN)/python -m benchmarks.coverage

least-sure: $(STAMP)  ## banking77: labels for what is least sure against a draw (LEAST="--by margin"; half a minute)
	@$(BIN)/python -m benchmarks.least_sure $(LEAST)

label-fix: $(STAMP)  ## AG News: what it is worth to drop or replace the wrong labels that are found (three minutes)
	@$(BIN)/python -m benchmarks.label_fix

label-noise: $(STAMP)  ## CIFAR-10N: how many of the wrong labels are found (NOISE="--epochs 4"; an hour)
	@$(BIN)/python -m benchmarks.label_noise $(NOISE)

mutate: $(STAMP)  ## break the code, place by place, and see whether a test notices (two hours)
	@$(BIN)/python -m benchmarks.mutate $(MUTATE)

edits: $(STAMP)  ## random edits of recipes and what they read: 500 sequences (EDITS="--each"; two hours)
	@$(BIN)/python -m tests.edits $(or $(EDITS),--sequences 500)

kills: $(STAMP)  ## 200 kills in a crawl of 2,000 pages over three hosts; stopped, it goes on (KILLS="--kills 20")
	@$(BIN)/python -m tests.web.kills $(KILLS)

faults: $(STAMP)  ## stop runs at 1,000 random moments (FAULTS="--calls" or "--around --count 70"; hours)
	@$(BIN)/python -m tests.faults $(or $(FAULTS),--count 1000)

fuzz: $(STAMP)  ## 20,000 changed inputs for each parser of outside bytes (FUZZ="--only picture"; an hour)
	@$(BIN)/python -m tests.fuzz $(FUZZ)

reference: $(STAMP)  ## write what docs/reference/ says of each type and figure, from where it is declared
	@$(BIN)/python -m tests.reference

clean:  ## remove the environment, runs and caches
	rm -rf $(VENV) runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
