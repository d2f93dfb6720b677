# What people type. `make help` lists the goals; CMake does the building (CMakePresets.json).
#
# The release program lands at build/brine. Everything else that a goal leaves behind is under
# build/ or in .venv*/, so that `make clean` forgets all of it.

# Debian's own tools first: other cmake and ninja on the path are often shims of a language manager.
CMAKE := $(firstword $(wildcard /usr/bin/cmake) cmake)
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) $(shell command -v python3))
CONFIGURE = $(CMAKE) -DPython3_EXECUTABLE=$(PYTHON) --preset
JOBS ?= $(shell nproc)
STREAMS ?= 200000
PROOF_STREAMS ?= 10000000
FUZZ_SECONDS ?= 600
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench proof fuzz mutants lint reach sweep honest honest-later convert inert prove-inert contracts derive catalogue format sanitize samples picture clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install the Debian packages that building needs (sudo only when not root)
	@scripts/bootstrap build

build: ## build the release program at build/brine; reaches no network
	@scripts/bootstrap --check build
	@test -f build/CMakeCache.txt || $(CONFIGURE) release -DBRINE_TESTS=OFF >/dev/null
	@$(CMAKE) --build build --target brine brine-worker --parallel $(JOBS)

demo: setup build ## install what is missing, build, scan samples/, explain one of them
	@scripts/demo

test: ## every test: unit, golden, differential, truth, end to end (installs what they need)
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --parallel $(JOBS)
	@BRINE_STREAMS=$(STREAMS) scripts/suite test

bench: ## measure speed and memory against pickle.loads and picklescan; bench/results/
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@scripts/venv .venv-bench bench/requirements.txt
	@$(CONFIGURE) release -DBRINE_BENCH=ON >/dev/null
	@$(CMAKE) --build build --parallel $(JOBS)
	@.venv/bin/python bench/run.py

proof: ## the long runs: PROOF_STREAMS streams on C's and Python's unpickler; weights_only of old torch
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --parallel $(JOBS)
	@scripts/venv .venv-torch-1.13 tests/weights_only/torch-1.13.txt
	@scripts/venv .venv-torch-2.6 tests/weights_only/torch-2.6.txt
	@.venv/bin/python tests/weights_only/run.py
	@.venv/bin/python tests/weights_only/run.py --release 2.6 --python .venv-torch-2.6/bin/python
	@.venv/bin/python tests/weights_only/run.py --release 1.13 --python .venv-torch-1.13/bin/python
	@.venv/bin/python tests/differential/run.py --streams $(PROOF_STREAMS)

fuzz: ## each fuzz target for FUZZ_SECONDS under ASan and UBSan, from the seeds in fuzz/
	@scripts/bootstrap build test clang
	@$(CONFIGURE) asan >/dev/null
	@$(CMAKE) --build build/asan --parallel $(JOBS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

mutants: ## show that the comparison sees each one-line mutant of the machine
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@.venv/bin/python tests/mutants/run.py

lint: ## layers, format, clang-tidy, ruff, mypy, whitespace
	@scripts/bootstrap build test lint
	@scripts/venv .venv-lint scripts/lint-requirements.txt
	@scripts/suite lint

reach: ## load 2,600 generated containers with the real loaders and compare with the trace
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --parallel $(JOBS)
	@.venv/bin/python tests/containers/run.py --files 2600

sweep: ## call everything that the libraries have, with a Brine that knows no danger
	@scripts/bootstrap build test
	@scripts/venv .venv tests/requirements.txt
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --parallel $(JOBS)
	@.venv/bin/python tests/sweep/run.py

honest: build ## make models with every installed library and count the verdicts
	@scripts/venv .venv-honest tests/honest/requirements.txt
	@.venv-honest/bin/python -W ignore tests/honest/run.py --reasons

honest-later: build ## the same with every library of the later makers (2 GB)
	@scripts/venv .venv-later tests/honest/later-requirements.txt
	@.venv-later/bin/python -m pip install --quiet --no-deps -r tests/honest/later-without-dependencies.txt
	@.venv-later/bin/python -W ignore tests/honest/run.py --reasons

convert: build ## convert checkpoints of every kind and the honest corpus, and compare with torch
	@scripts/venv .venv tests/requirements.txt
	@scripts/venv .venv-honest tests/honest/requirements.txt
	@.venv/bin/python tests/convert/run.py --reasons
	@.venv/bin/python tests/convert/run.py --mutate
	@.venv-honest/bin/python -W ignore tests/convert/honest.py --reasons

inert: build ## load changed honest pickles that are called clean, and watch what they do
	@scripts/venv .venv tests/requirements.txt
	@.venv/bin/python -W ignore tests/inert/run.py

prove-inert: build ## load each inert name's files, changed 1,000 times, under watch
	@scripts/venv .venv-honest tests/honest/requirements.txt
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --target brine-contracts --parallel $(JOBS)
	@.venv-honest/bin/python -W ignore tests/inert/each.py

contracts: ## weaken each contract line and find a file that tells
	@scripts/bootstrap build test
	@$(CONFIGURE) release -DBRINE_TESTS=ON >/dev/null
	@$(CMAKE) --build build --target brine-contracts --parallel $(JOBS)
	@$(PYTHON) tests/contracts/run.py

derive: ## derive proven facts again from live classes, and compare
	@scripts/venv .venv-honest tests/honest/requirements.txt
	@.venv-honest/bin/python -W ignore tests/derive/run.py

catalogue: ## prove the facts of classes again, from the libraries' sources
	@scripts/venv .venv tests/requirements.txt
	@.venv/bin/python tools/catalogue/fetch.py build/sources .venv
	@$(PYTHON) tools/catalogue/prove.py --write $$(cat build/sources/folders)
	@$(PYTHON) tools/catalogue/acting.py --write $$(cat build/sources/folders)

format: ## format C++ and Python in place
	@scripts/bootstrap lint
	@scripts/venv .venv-lint scripts/lint-requirements.txt
	@scripts/format

sanitize: ## unit tests, fuzz seeds and a sample of the differential run under ASan and UBSan
	@scripts/bootstrap build test clang
	@scripts/venv .venv tests/requirements.txt
	@$(CONFIGURE) asan >/dev/null
	@$(CMAKE) --build build/asan --parallel $(JOBS)
	@scripts/suite sanitize

samples: ## write samples/ again from their recipes (a test compares the bytes)
	@scripts/venv .venv tests/requirements.txt
	@.venv/bin/python samples/recipes/make_samples.py samples

picture: build ## draw the README's picture of the terminal from the real output
	@scripts/terminal-picture docs/img/demo.svg

clean: ## forget build/ and the virtual environments
	rm -rf build .venv .venv-lint .venv-bench .venv-honest .venv-later .venv-torch-1.13 .venv-torch-2.6
