# The verbs of UPID. Needs Python 3.11 or newer, make and git; everything else sets itself up in .venv.

# The first Python on the PATH that is new enough; set PYTHON to choose another.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
IN := .venv/bin
RUN := $(IN)/python

# What to run of a bench or a quality table: a group (house, costs, …) or a name.
ONLY ?=
# Options for pytest, such as: make test ARGS="tests/unit -x"
ARGS ?=
# ARGS may choose tests of one kind only: that the other kind then has none is no failure (pytest: 5)
OR_NONE = || [ $$? -eq 5 ]

.DEFAULT_GOAL := verbs
.PHONY: verbs demo test check fix bench quality reliability serve build sample reference lock setup clean
.PHONY: world world-up world-status world-down

verbs:
	@echo "make demo       set up, then show what the sample cluster costs and wastes"
	@echo "make test       run the tests"
	@echo "make check      run every gate: style, types, imports, dead code, docs, the wheel, the tests"
	@echo "make fix        format and repair what can be repaired by itself"
	@echo "make bench      measure against peers and bounds        (ONLY=group or name)"
	@echo "make quality    judge decisions on labelled samples     (ONLY=group or name)"
	@echo "make world      build a real Kubernetes to test on: Go, root   (world-up, -status, -down)"
	@echo "make reliability  the full sizes of what is promised under faults, an hour or so"
	@echo "make serve      run the API on this machine"
	@echo "make build      build the wheel into dist/"
	@echo "make sample     build the sample recording anew"
	@echo "make reference  write docs/reference from the code"
	@echo "make lock       resolve the dependencies anew into requirements/"
	@echo "make setup      set up for development, nothing else"
	@echo "make clean      remove what was built, the environment included"

demo: runtime
	@$(IN)/upid demo

serve: runtime
	@$(IN)/upid serve

test: setup
	@$(RUN) -m pytest -n 2 -m "not slow and not world" $(ARGS) $(OR_NONE)
	@$(RUN) -m pytest -m "world and not slow" $(ARGS) $(OR_NONE)

check: setup
	@$(RUN) -m tests.arch $(ONLY)

fix: setup
	@$(IN)/ruff check --fix --quiet . || true
	@$(IN)/ruff format .

bench: setup
	@$(RUN) -m tests.bench $(ONLY)

reliability: setup
	@$(RUN) -m pytest -m full $(ARGS)

quality: setup
	@$(RUN) -m tests.quality $(ONLY)

world: setup
	@$(RUN) -m tests.world build

world-up world-status world-down: setup
	@$(RUN) -m tests.world $(@:world-%=%)

build: setup
	@$(RUN) requirements/install.py uv build --quiet --wheel --no-build-isolation --python $(RUN) --out-dir dist .

sample: setup
	@$(RUN) -m tests.fixtures.sample

reference: setup
	@$(RUN) -m tests.arch.reference

lock: setup
	@"$(PYTHON)" requirements/install.py lock

.PHONY: runtime python
runtime: python
	@"$(PYTHON)" requirements/install.py runtime

setup: python
	@"$(PYTHON)" requirements/install.py dev

python:
	@if [ -z "$(PYTHON)" ]; then echo "UPID needs Python 3.11 or newer on the PATH"; exit 1; fi

clean: python
	@"$(PYTHON)" requirements/clean.py
