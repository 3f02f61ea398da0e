# The grid of the paper's config with all epochs, as plain as Snakemake has it: as many jobs, files, logs and benchmarks.
# What a dry-run of the workflow may cost is measured by this one's.
SEEDS, EPOCHS = range(1, 6), [f"{epoch:03d}" for epoch in range(91)]
BLOCKS = ["layer1", "layer2", "layer3", "layer4"]
SUBJECTS = {"nsd": range(1, 9), "things_eeg2": range(1, 11)}
TARGETS = [("nsd", roi) for roi in ("V1v", "hV4", "PPA")]
TARGETS += [("things_eeg2", time) for time in ("80ms", "170ms", "300ms")]
LOOK = "{dataset}/resnet50/seed-{seed}/epoch-{epoch}/224px"
ALIGNMENTS = [
    f"alignment/{dataset}/resnet50/seed-{seed}/epoch-{epoch}/224px/{block}/{target}.csv"
    for seed in SEEDS
    for epoch in EPOCHS
    for block in BLOCKS
    for dataset, target in TARGETS
]


wildcard_constraints:
    seed=r"\d+",
    epoch=r"\d{3}",
    segment=r"\d{3}",
    subject=r"\d+",


rule all:
    input:
        ALIGNMENTS,
        expand(
            f"resamples/{LOOK}/{{block}}.npz",
            dataset=SUBJECTS,
            seed=SEEDS,
            epoch=EPOCHS,
            block=BLOCKS,
        ),
        expand("accuracy/seed-{seed}/epoch-{epoch}.json", seed=SEEDS, epoch=EPOCHS),


rule train:
    input:
        lambda w: (
            [f"training/seed-{w.seed}/segment-{int(w.segment) - 1:03d}.json"]
            if int(w.segment) > 1
            else []
        ),
    output:
        "training/seed-{seed}/segment-{segment}.json",
    log:
        "logs/training/seed-{seed}/segment-{segment}.log",
    benchmark:
        "benchmarks/training/seed-{seed}/segment-{segment}.tsv"
    shell:
        "touch {output}"


rule publish:
    input:
        lambda w: f"training/seed-{w.seed}/segment-{max(1, -(-int(w.epoch) // 10)):03d}.json",
    output:
        "checkpoints/seed-{seed}/epoch-{epoch}.pt",
        "accuracy/seed-{seed}/epoch-{epoch}.json",
    log:
        "logs/checkpoints/seed-{seed}/epoch-{epoch}.log",
    benchmark:
        "benchmarks/checkpoints/seed-{seed}/epoch-{epoch}.tsv"
    shell:
        "touch {output}"


rule stimuli:
    output:
        "stimuli/{dataset}.csv",
    log:
        "logs/stimuli/{dataset}.log",
    benchmark:
        "benchmarks/stimuli/{dataset}.tsv"
    shell:
        "touch {output}"


rule features:
    input:
        "checkpoints/seed-{seed}/epoch-{epoch}.pt",
        "stimuli/{dataset}.csv",
    output:
        expand(f"features/{LOOK}/{{block}}.zarr.zip", block=BLOCKS, allow_missing=True),
    log:
        f"logs/features/{LOOK}.log",
    benchmark:
        f"benchmarks/features/{LOOK}.tsv"
    shell:
        "touch {output}"


rule model_rdm:
    input:
        f"features/{LOOK}/{{block}}.zarr.zip",
    output:
        f"model_rdms/{LOOK}/{{block}}.npy",
    log:
        f"logs/model_rdms/{LOOK}/{{block}}.log",
    benchmark:
        f"benchmarks/model_rdms/{LOOK}/{{block}}.tsv"
    shell:
        "touch {output}"


rule responses:
    output:
        "responses/{dataset}/sub-{subject}/{target}.npy",
    log:
        "logs/responses/{dataset}/sub-{subject}/{target}.log",
    benchmark:
        "benchmarks/responses/{dataset}/sub-{subject}/{target}.tsv"
    shell:
        "touch {output}"


rule brain_rdm:
    input:
        "responses/{dataset}/sub-{subject}/{target}.npy",
        "stimuli/{dataset}.csv",
    output:
        "brain_rdms/{dataset}/sub-{subject}/{target}.npy",
    log:
        "logs/brain_rdms/{dataset}/sub-{subject}/{target}.log",
    benchmark:
        "benchmarks/brain_rdms/{dataset}/sub-{subject}/{target}.tsv"
    shell:
        "touch {output}"


rule alignment:
    input:
        f"model_rdms/{LOOK}/{{block}}.npy",
        lambda w: [f"brain_rdms/{w.dataset}/sub-{s}/{w.target}.npy" for s in SUBJECTS[w.dataset]],
    output:
        f"alignment/{LOOK}/{{block}}/{{target}}.csv",
    log:
        f"logs/alignment/{LOOK}/{{block}}/{{target}}.log",
    benchmark:
        f"benchmarks/alignment/{LOOK}/{{block}}/{{target}}.tsv"
    shell:
        "touch {output}"


rule resamples:
    input:
        f"model_rdms/{LOOK}/{{block}}.npy",
        "brains/{dataset}.npz",
    output:
        f"resamples/{LOOK}/{{block}}.npz",
    log:
        f"logs/resamples/{LOOK}/{{block}}.log",
    benchmark:
        f"benchmarks/resamples/{LOOK}/{{block}}.tsv"
    shell:
        "touch {output}"


rule brains:
    input:
        lambda w: [
            f"brain_rdms/{w.dataset}/sub-{s}/{t}.npy"
            for d, t in TARGETS
            for s in SUBJECTS[d]
            if d == w.dataset
        ],
    output:
        "brains/{dataset}.npz",
    log:
        "logs/brains/{dataset}.log",
    benchmark:
        "benchmarks/brains/{dataset}.tsv"
    shell:
        "touch {output}"
