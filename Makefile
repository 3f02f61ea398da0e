SHELL := /bin/bash -o pipefail

PYTHON ?= python3
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --profile profiles/demo
INSTALLED := .venv/installed

.PHONY: help demo demo-whole trial overview test test-unit test-dry-runs test-slow test-gpu test-slurm test-mutants check bench pictures docs clean
.DEFAULT_GOAL := help

help: ## these lines
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): envs/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=<one>" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement envs/requirements.txt
	touch $@

# Snakemake, which goes on after a SIGKILL. That leaves Snakemake's lock behind, which says neither whose it is nor
# whether that still lives. So a run notes in a file that it began, and holds the file locked, as its standard input,
# which all its jobs inherit: whoever gets that lock may take Snakemake's away if the note is still there.
define run
@set -e; mkdir -p .snakemake; exec <>.snakemake/begun_by_make; \
flock --nonblock 0 || { echo "waiting for the jobs of an earlier run in this folder"; flock 0; }; \
test ! -s .snakemake/begun_by_make || $(BIN)/snakemake --unlock; \
echo begun >.snakemake/begun_by_make; $(SNAKEMAKE) --configfile experiments/$(1).yaml; : >.snakemake/begun_by_make
endef

demo: $(INSTALLED) ## the whole experiment on simulated data, in minutes
	$(call run,demo)
	@$(MAKE) --no-print-directory results/demo/report.html
	@$(call where_things_lie,demo)

demo-whole: demo ## a whole cortex and a course of time, by encoding models, on the demo's networks and data
	$(call run,demo_whole)
	@$(MAKE) --no-print-directory results/demo_whole/report.html
	@$(call where_things_lie,demo_whole)

trial: $(INSTALLED) ## the same on real photographs and real brain RDMs: make trial DATA=<folder>
	@test -d "$(DATA)" || { echo "usage: make trial DATA=<folder with cifar10_subset/ and kriegeskorte92/>; see README.md"; exit 1; }
	mkdir -p data && ln -sfn "$(abspath $(DATA))" data/trial
	$(call run,trial)
	@$(MAKE) --no-print-directory results/trial/report.html
	@$(call where_things_lie,trial)

results/%/report.html: results/%/figures/figure1_resnet50.png report/*.rst
	$(BIN)/snakemake --quiet all --configfile experiments/$*.yaml --report $@

# Snakemake's own messages are shown only if it fails.
overview: $(INSTALLED) ## what is done, missing and stale, rule by rule, while jobs run too: make overview CONFIG=<config file>
	@printed=$$($(BIN)/snakemake --dry-run --quiet --nolock --rerun-incomplete $(if $(CONFIG),--configfile $(CONFIG)) 2>&1) \
	  || { printf '%s\n' "$$printed"; exit 1; }; printf '%s\n' "$$printed" | sed -n '/^rule  .*why stale$$/,$$p'

define where_things_lie
printf '\nFigure 1  %s\ntables    %s\nreport    %s\n' \
  "$(CURDIR)/results/$(1)/figures/figure1_resnet50.png" "$(CURDIR)/results/$(1)/tables/" "$(CURDIR)/results/$(1)/report.html"
endef

check: $(INSTALLED) ## formatting, lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules tests/workflow/plain.smk
	$(BIN)/mypy
	$(BIN)/snakemake --lint --configfile experiments/demo.yaml
	$(BIN)/snakemake --lint --snakefile rules/download.smk --config folder=data/things_eeg2

# Three processes on two cores, since one of them mostly waits for SLURM.
test: $(INSTALLED) check ## every check and test but the slow ones
	$(BIN)/pytest --numprocesses 3 --dist loadfile

test-unit: $(INSTALLED) ## the library's tests but those of seconds each, for a first look at a change: a minute and a half
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow and not long and not jobs" tests/unit

test-dry-runs: $(INSTALLED) ## dry-runs of every shipped config, over fake data sets
	$(BIN)/pytest tests/workflow -k "dry_run or every_shipped_experiment"

test-gpu: $(INSTALLED) ## training, extraction, geometry and encoding on CUDA against the processor; skipped without a GPU
	$(BIN)/pytest -m gpu -s tests/gpu

test-slow: $(INSTALLED) ## what takes minutes each and is not in make test
	$(BIN)/pytest -m slow

test-slurm: $(INSTALLED) ## the part of make test that starts a one-node SLURM
	$(BIN)/pytest -m slurm

test-mutants: $(INSTALLED) ## whether tests notice small changes of the numeric modules; docs/testing.md says of which
	$(BIN)/python tests/mutants.py

# Pictures in the README and docs/design.md: the demo's Figure 1; of the paper's config, with the demo's data as roots, the rule graph, and
# the graph of the files behind one alignment, of which wildcards are written without their constraints.
ON_DEMO_DATA := --config 'networks={resnet50: {training: {images: data/demo/labelled_images}}}' \
  'datasets={nsd: {root: data/demo/algonauts2023, subjects: [1, 2, 3]}, things_eeg2: {root: data/demo/things_eeg2, subjects: [1, 2, 3]}}'

pictures: demo ## those of README.md and docs/, from the demo
	cp results/demo/figures/figure1_resnet50.png docs/figure1_demo.png
	$(BIN)/snakemake --forceall --rulegraph $(ON_DEMO_DATA) | dot -Tsvg > docs/rulegraph.svg
	$(BIN)/snakemake --forceall --filegraph results/alignment/nsd/resnet50/seed-1/epoch-090/224px/layer4/V1v.csv $(ON_DEMO_DATA) \
	  | sed -E 's/\{(\w+),([^{}]|\{[^{}]*\})*\}/{\1}/g' | dot -Tsvg > docs/filegraph.svg

docs: $(INSTALLED) ## docs/config.md, from the config's schema
	PYTHONPATH=workflow_scripts $(BIN)/python -m early_alignment.experiment.documentation docs/config.md

clean: ## remove the demo's data and results
	rm -rf results/demo results/demo_whole data/demo

bench: $(INSTALLED) ## speed and memory against peers and bare operations: a table, and results/bench.json
	$(BIN)/python benchmarks/measure.py
