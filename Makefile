# make book    the book, from nothing to HTML        make test    lint, types, tests, outputs compared
# make book DATASET=tumorseg DATA=folder             the same on the real images

PYTHON     ?= python3
EXPERIMENT ?= ladder
# Where not given: phantom, quick and 0 for the book, and what experiments.yml says for an experiment.
DATASET    ?=
DATA       ?=
SCALE      ?=
SEED       ?=
COURSE     ?=
CHAPTER    ?= 06
LOCALE     ?=
CPU        ?= Haswell
SIZE       ?= 32
NUMBER     ?= 20000
SITE       ?= build/site
CORES      ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count())')

UV_VERSION := 0.13.9
READY      := .venv/ready
HTML        = build/$${DATASET:-phantom}-$${SCALE:-quick}-$${SEED:-0}/book/_build/html
SNAKEMAKE   = snakemake --cores "$$CORES" --quiet rules \
	--config "experiment=$$EXPERIMENT" $(if $(DATASET),"dataset=$$DATASET") $(if $(DATA),"data=$$DATA") \
	$(if $(SCALE),"scale=$$SCALE") $(if $(SEED),"seed=$$SEED") \
	$(if $(COURSE),"course=$$COURSE") $(if $(LOCALE),"locale=$$LOCALE") --rerun-incomplete

# A recipe takes what is given from its environment: as a part of its text, a quote or a space in it would be the shell's.
export EXPERIMENT DATASET DATA SCALE SEED COURSE CHAPTER LOCALE CPU SIZE CORES NUMBER SITE

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export BRAINSEG_WORKSPACE := $(CURDIR)/build
export PYTHONHASHSEED := 0

.PHONY: book site pdf slides gettext test lint fast compare test-all fuzz audit hooks verify bytes vary reference results benchmark bench bench-smoke lock clean help
.DEFAULT_GOAL := help

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/'

book: $(READY) ## Execute the chapters and build the HTML book (DATASET, DATA, SCALE, SEED, COURSE, LOCALE)
	$(SNAKEMAKE) book
	@echo "The book is ready: open $(HTML)/index.html"

site: book ## Put the book into SITE, a folder for any static host, beside the versions that are there
	python -m brainseg.paper.build publish "$(HTML)" "$$SITE"

pdf: book ## Print the whole book (needs Chromium)
	python -m brainseg.paper.build pdf "$(HTML)" _toc.yml

slides: $(READY) ## Make slides of a CHAPTER, one file that needs no network: build/slides
	python -m brainseg.paper.build slides "$$CHAPTER"

gettext: $(READY) ## Extract the prose of the book for translations: build/gettext
	python -m brainseg.paper.build gettext build/gettext

test: $(READY) ## Lint, types, the fast tests, and the chapters compared on the networks that come with the repository
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint fast
	@$(MAKE) --no-print-directory compare

compare: $(READY) ## Execute the chapters on the networks that come with the repository, and compare every output
	python -m brainseg.paper.build committed
	$(SNAKEMAKE) compare

lint: $(READY)
	ruff check . && ruff format --check . && mypy

fast: $(READY)
	pytest -n "$$CORES" --dist loadfile -m "not slow"

test-all: $(READY) ## Everything that make test leaves out: other backends, real kills, seeded defects, the wheel
	pytest -n "$$CORES" --dist worksteal --durations 30 -m slow
	KERAS_BACKEND=jax pytest -n "$$CORES" --dist loadfile -m contract

fuzz: $(READY) ## Give every reader NUMBER damaged inputs; what is found lies in build/fuzz
	python -m tests.faults.fuzz all "$$NUMBER" "$$SEED"

audit: $(READY) ## Ask what is known to be unsafe among the packages of the lock (needs a network)
	python scripts/audit.py

verify: export BRAINSEG_WORKSPACE := $(CURDIR)/build/verify
verify: $(READY) ## Train and execute all anew, compare every output, judge every claim: build/report/index.html
	rm -rf build/report
	python -m brainseg.paper.build committed
	$(SNAKEMAKE) build/verify/prepared/phantom-quick.json
	pytest -q verification/test_claims.py
	BRAINSEG_TRAIN_ANEW=1 $(SNAKEMAKE) runs
	pytest --nbval --nbval-current-env --nbval-cell-timeout 600 -W default -n "$$CORES" --dist loadscope \
		--report build/report --junitxml build/report/junit.xml notebooks/ verification

bytes: $(READY) ## Compute a little here and on an emulated processor (CPU, SIZE), and compare every byte
	python scripts/same_bytes.py --cpu "$$CPU" --size "$$SIZE"

vary: $(READY) ## After make book: one chapter again, in the same way and with other arithmetic
	pytest -n "$$CORES" -W default verification/vary.py

reference: $(READY) ## Execute the chapters on the phantom; networks and outputs become the committed ones
	$(SNAKEMAKE) runs
	python -m brainseg.paper.build networks
	$(SNAKEMAKE) reference
	python scripts/manifests.py

results: $(READY) ## Run an EXPERIMENT of experiments.yml and keep its scores (DATA, SCALE, SEED)
	$(SNAKEMAKE) results

benchmark: $(READY) ## Measure what the networks as published cost, and what a student needs for each chapter; record it
	python benchmarks/networks.py --record results/efficiency.json
	python benchmarks/classroom.py --record results/classroom.json

bench: $(READY) ## Measure training, answers, data, masks and maps beside what others offer; record it, write its page
	python -m benchmarks --record results/benchmarks.json
	python -m brainseg.paper.build benchmarks

bench-smoke: $(READY) ## Compare the ratios that need no other package with the recorded ones
	python -m benchmarks --smoke results/benchmarks.json

hooks: $(READY) ## Check style and types before each commit
	git config core.hooksPath .githooks

lock: $(READY) ## Resolve pyproject.toml anew into requirements.lock
	uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
		--generate-hashes --no-emit-index-url --extra tensorflow --extra jax --extra book --extra dev \
		--custom-compile-command 'make lock' --output-file requirements.lock
	{ sed '/- pip:/q' environment.yml; \
	  sed -nE "s/^([a-z0-9][^ ]*==[^\\]*[^ \\]) *\\\\?$$/      - \"\1\"/p" requirements.lock; \
	  echo '      - "--editable ."'; } > environment.new && mv environment.new environment.yml

clean: ## Remove what was made, the environment included
	rm -rf build .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "brainseg needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 2; }
	@echo "Setting up .venv (once for each change of the lock)"
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	.venv/bin/uv pip sync --python .venv/bin/python --compile-bytecode --require-hashes requirements.lock
	.venv/bin/uv pip install --python .venv/bin/python --quiet --no-deps --editable .
	@touch $@
