# From a bare Debian machine to a running KohakuRiver. `make help` lists what there is.
#
# What each step does lies in manifests/development/, one script each; every one looks first
# whether its work is done, so that repeating a target costs well under a second.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv/bin
STEPS := manifests/development
PYTEST_FLAGS ?=
UP_FLAGS ?=

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install everything, start nothing
	@$(STEPS)/system-packages
	@$(STEPS)/python-environment
	@$(STEPS)/web

.PHONY: engine
engine: setup ## Start a Docker engine if none answers
	@$(STEPS)/docker-engine

# Without root the default image cannot be built; what needs it says so again.
.PHONY: images
images: engine ## Build the default image and the test image if the engine lacks them
	@$(STEPS)/busybox-image
	@KOHAKURIVER_COMMAND="$(CURDIR)/$(VENV)/kohakuriver" manifests/image/build || [ "$$(id -u)" -ne 0 ]

.PHONY: web
web: setup ## Make the web page; `make setup` does too, where npm's registry is in reach
	@$(STEPS)/web --required

.PHONY: wheel
wheel: setup ## Make dist/: KohakuRiver as one file for pip
	@$(STEPS)/wheel

.PHONY: up
up: images ## Start a cluster on this machine, with a first VPS in it
	@$(VENV)/kohakuriver up --detach $(UP_FLAGS)
	@$(STEPS)/first-vps $(UP_FLAGS)

.PHONY: down
down: ## Stop the cluster; its VPSes keep running
	@$(VENV)/kohakuriver down

.PHONY: test
test: images ## Run every test
	@$(STEPS)/system-packages tests
	@$(STEPS)/tests quick real -- $(PYTEST_FLAGS)

.PHONY: test-fast
test-fast: setup ## Run the tests that need neither etcd nor Docker
	@$(STEPS)/tests quick -- $(PYTEST_FLAGS)

# What fails is kept in .hypothesis/ and tried first the next time.
EXAMPLES ?= 1000
.PHONY: fuzz
fuzz: setup ## Try new random examples of every property (EXAMPLES=5000)
	@$(STEPS)/tests quick -- -m hypothesis --examples $(EXAMPLES) $(PYTEST_FLAGS)

# SEEDS says how many, FIRST which one is the first: a failure names its seed and its history.
SEEDS ?= 500
FIRST ?= 0
.PHONY: simulate
simulate: setup ## Play random histories on a simulated cluster (SEEDS=2000)
	@$(STEPS)/tests quick -- tests/system/test_random_histories.py --seeds $(SEEDS) --first-seed $(FIRST) $(PYTEST_FLAGS)

# In minutes, and by nothing but counting: 10,000 objects and 1,000 watchers on one event loop.
.PHONY: test-large
test-large: setup ## Run the test of the API server's event loop at five times its size
	@LARGE=1 $(STEPS)/tests quick -- tests/apiserver/test_the_loop_is_never_blocked.py $(PYTEST_FLAGS)

# With another engine than this machine's: 20.10, 26, 28, or 29 (stood for by 28). SHORT=1: a chosen part of them.
.PHONY: test-engine
test-engine: images ## Run the agent's Docker tests on another Docker (VERSION=28)
	@$(STEPS)/system-packages tests
	@$(STEPS)/test-engine "$(VERSION)" $(if $(SHORT),--short) $(if $(PYTEST_FLAGS),-- $(PYTEST_FLAGS))

# On another system than this one: debian12, debian13, forky, ubuntu24.04. TEST_ON_FLAGS="--full" tries more.
TEST_ON_FLAGS ?=
.PHONY: test-on
test-on: ## Do on another system what a newcomer does there (SYSTEM=debian13)
	@$(STEPS)/test-on "$(SYSTEM)" $(TEST_ON_FLAGS)

.PHONY: platforms
platforms: ## Write docs/platforms.md from what test-on and test-engine found
	@$(STEPS)/platforms write

# In an emulated machine, which takes its time: an hour or two where nothing else runs.
.PHONY: test-cgroup2
test-cgroup2: images ## Run what differs with cgroup v2 and systemd, emulated (ONLY="shrinking")
	@$(STEPS)/test-cgroup2 $(ONLY)

# From another version than manifests/development/released names: any name that git knows it by.
.PHONY: test-upgrade
test-upgrade: images ## Upgrade a running cluster and go back (FROM=COMMIT)
	@$(STEPS)/test-upgrade "$(FROM)" $(if $(PYTEST_FLAGS),-- $(PYTEST_FLAGS))

.PHONY: check
check: setup ## Check format, lint, types and imports
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	PYTHONPATH=. $(VENV)/lint-imports
	@$(STEPS)/web check

.PHONY: format
format: setup ## Format the code, and mend what ruff can mend
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

.PHONY: bench
bench: images ## Measure what docs/benchmarks.md shows
	@for benchmark in benchmarks/[a-z]*.py; do \
		echo "== $$benchmark"; \
		PYTHONPATH=. PATH="$$PATH:$(CURDIR)/$(VENV)" $(VENV)/python "$$benchmark"; \
	done

.PHONY: reference
reference: setup ## Write docs/reference/ and the CRDs from the code
	@$(VENV)/python $(STEPS)/reference

.PHONY: picture
picture: setup ## Draw docs/pictures/ from the cluster that KOHAKURIVER_CONFIG names
	@$(VENV)/python $(STEPS)/picture
	@$(VENV)/python $(STEPS)/picture-web

.PHONY: requirements
requirements: ## Pin the packages again, as pyproject.toml asks (UPGRADE=1: the newest)
	@$(STEPS)/requirements
