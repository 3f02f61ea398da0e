# When in training does a network come to represent images as the brain does?
#
# This file is the table of contents. The path of the data, one file of rules per arrow:
#
#   network × seed ── training ── checkpoints ── features ── geometry ── model_rdms ──┐
#   data set ── stimuli ───────────────┘                                              ├── alignment ── tables ── figures
#   data set ── responses ──────────────────────────────────── brain_rdms ────────────┤
#   data set ── stimuli ────────────────────────────────────── controls ──────────────┤
#   geometry × responses ───────────────────────────────────── encoding ──────────────┘

import atexit

from snakemake.utils import min_version

min_version("9.20")

# An experiment is one whole file: a --configfile of your own takes the place of config.yaml, it is not merged with it.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/simulation.smk"
include: "rules/check.smk"
include: "rules/plan.smk"
include: "rules/labelled_images.smk"
include: "rules/training.smk"
include: "rules/own_checkpoints.smk"
include: "rules/preprocessing.smk"
include: "rules/stimuli.smk"
include: "rules/features.smk"
include: "rules/geometry.smk"
include: "rules/model_rdms.smk"
include: "rules/responses.smk"
include: "rules/brain_rdms.smk"
include: "rules/controls.smk"
include: "rules/alignment.smk"
include: "rules/tables.smk"
include: "rules/encoding.smk"
include: "rules/statistics.smk"
include: "rules/figures.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        expand(rules.figure1.output, network=NETWORKS),
        rules.networks_figure.output if len(NETWORKS) > 1 else [],
        expand(rules.specification_figure.output, network=NETWORKS if HAS_CURVES else []),
        rules.training_figure.output,
        PICTURES_OF_TIMES_AND_PLACES,
        rules.alignment_table.output,
        rules.accuracy_table.output,
        rules.noise_ceiling_table.output,
        rules.controls_table.output if CONTROLS else [],
        rules.peaks_table.output,
        rules.encoding_table.output if ENCODED else [],
        rules.clusters_table.output if time_courses() else [],
        rules.trajectories_table.output,
        # Of measures for which stimuli cannot be resampled, no more is known.
        TABLES_OF_RESAMPLES if HAS_CURVES else [],
        rules.claims_in_words.output,


# Before anything runs, not in a dry-run: Snakemake does not say earlier what will run the jobs.
onstart:
    try:
        check_executor(workflow.executor_plugin.name)
    except InputError as error:
        raise WorkflowError(str(error))


# A dry-run ends with a table of what is done, what is missing and what is stale.
atexit.register(print_overview, workflow)
