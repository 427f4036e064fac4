# Everything a person does with this project. A fresh machine needs Python 3.11 or newer and make.
SHELL := /bin/bash
.DEFAULT_GOAL := default
.PHONY: default help setup run stop demo test check prove bench cost deploy redrive reconcile

export UV_LINK_MODE := copy
export SAM_CLI_TELEMETRY := 0
export PYTHONPATH := $(CURDIR)/shared
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv/bin
PY := $(VENV)/python
READY := .venv/.installed
SEED ?= 20261122
CHANCE := $(shell echo $$RANDOM)
TESTS ?= tests
FUZZ_SECONDS ?= 60

default: setup help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(READY) ## the environment, from the one lock (every other target does it too)

# python3 may be older than 3.11, or a name without an interpreter behind it: take one that runs.
$(READY): requirements.lock
	@set -e; for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed"; exit 1; fi; \
	echo "setting up .venv with $$found"; $$found -m venv .venv
	@awk '/^uv==/ {on=1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt
	@$(VENV)/pip install --quiet --require-hashes --no-deps -r .venv/uv.txt
	@$(PY) -m uv pip install --quiet --require-hashes --python $(PY) -r requirements.lock
	@touch $@

run: setup ## the sandbox, ready when this returns (FRESH=1 forgets; DMP_PORT, DMP_REGION, DMP_CODE_SECONDS)
	@$(PY) -m infra.local.sandbox start $(if $(FRESH),--fresh)

stop: setup ## end the sandbox; its state stays
	@$(PY) -m infra.local.sandbox stop

demo: setup ## the first day of a record, step by step, on the sandbox
	@$(PY) -m infra.local.demo

test: setup ## every test, alike each time (SEED=… another run of Hypothesis, TESTS=… a part)
	@echo "Hypothesis seed $(SEED)"
	@$(PY) -m pytest $(TESTS) -m "not e2e" -n 2 --dist worksteal -q --hypothesis-seed=$(SEED)
	@$(PY) -m pytest $(TESTS) -m e2e --ignore=tests/browser -q --hypothesis-seed=$(SEED) || [ $$? -eq 5 ]
	@$(PY) -m pytest $(TESTS) -m e2e --ignore=tests/e2e -q --hypothesis-seed=$(SEED) || [ $$? -eq 5 ]

check: setup ## format, lint, types, template rules, the rules of the house
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .
	@$(VENV)/mypy shared functions infra
	@$(VENV)/cfn-lint template.yaml
	@$(VENV)/sam validate --lint --region eu-west-1
	@$(PY) -m pytest tests/house -n 2 -q

prove: setup ## hours: fuzz (FUZZ_SECONDS a target), long Hypothesis, mutants (MUTANTS=… a part)
	@$(PY) -m tests.fuzz --seconds $(FUZZ_SECONDS)
	@echo "Hypothesis seed $(CHANCE): make prove CHANCE=$(CHANCE) repeats it"
	@DMP_HYPOTHESIS=prove DMP_FAULTS=all DMP_SCHEDULES=1500 DMP_MATRIX=1 \
	  $(PY) -m pytest tests -m "not e2e" -n 2 -q --hypothesis-seed=$(CHANCE)
	@DMP_CONTRACT=100 $(PY) -m pytest tests/e2e/test_openapi.py -q
	@rm -rf .build/prove && mkdir -p .build/prove && cp -r shared .build/prove/src
	@cp -r functions infra layers events tests template.yaml requirements.lock .build/prove
	@ln -sfn $(abspath ../shared) .build/prove/shared
	@sed 's/pythonpath = .*/pythonpath = [".", "src"]/' pyproject.toml > .build/prove/pyproject.toml
	@cd .build/prove && PYTHONPATH= $(CURDIR)/$(VENV)/mutmut run $(MUTANTS)

bench: setup ## figures against budget: calls, units, CPU
	@$(PY) -m tests.bench

reconcile: setup ## every notice owed was told (STACK=dmp-prod-ma-06 FROM=2026-11-01 UNTIL=2026-11-30)
	@$(PY) -m infra.reconcile $(or $(STACK),dmp-sandbox) $(if $(FROM),--from $(FROM)) $(if $(UNTIL),--until $(UNTIL))

cost: setup ## a million accesses: from what make bench measured and infra/prices.yaml
	@$(PY) -m infra.cost

deploy: setup ## one region's cell on AWS: make deploy REGION=MA-06 STAGE=prod
	@if [ -z "$(REGION)" ] || [ -z "$(STAGE)" ]; then \
	  echo "say which: make deploy REGION=MA-06 STAGE=prod"; exit 2; fi
	@$(PY) -m infra.deploy $(REGION) --stage $(STAGE)

redrive: setup ## dead letters on their way again: make redrive STACK=… QUEUE=… [DRY=1] (runbook)
	@if [ -z "$(STACK)" ] || [ -z "$(QUEUE)" ]; then \
	  echo "say which: make redrive STACK=dmp-prod-ma-06 QUEUE=NoticesDeadLetters DRY=1"; exit 2; fi
	@$(PY) -m infra.redrive $(STACK) $(QUEUE) $(if $(DRY),--dry-run)
