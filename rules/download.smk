# Download THINGS EEG2 (Gifford et al. 2022; CC BY 4.0) from where its authors published it: a workflow of its own, so
# that the experiment's can never delete what was downloaded.
#
#   snakemake --snakefile rules/download.smk --cores 2 --config folder=/data/things_eeg2 subjects=[1,2]
#
# Outputs: the image set and, a job per subject, the preprocessed EEG; with `raw=true` the raw EEG instead.
#
# A download that broke off goes on where it stopped: what is there of an archive lies hidden beside its outputs, since
# Snakemake deletes the outputs of a job that failed.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

if "folder" not in config:
    raise WorkflowError("say where the data are to go, by --config folder=<folder>")

FOLDER = Path(config["folder"])
SUBJECTS = [f"{int(subject):02d}" for subject in config.get("subjects", range(1, 11))]
# Bases of the publishers' interfaces; a mirror of either may take its place.
config.setdefault("osf", "https://api.osf.io/v2")
config.setdefault("figshare", "https://api.figshare.com/v2")

IMAGES = [
    FOLDER / "image_set/image_metadata.npy",
    FOLDER / "image_set/training_images",
    FOLDER / "image_set/test_images",
]
PREPROCESSED = [
    FOLDER / f"preprocessed_data/sub-{{subject}}/preprocessed_eeg_{partition}.npy"
    for partition in ("training", "test")
]
RAW = [
    FOLDER / f"raw_data/sub-{{subject}}/ses-{session:02d}/raw_eeg_{partition}.npy"
    for session in range(1, 5)
    for partition in ("training", "test")
]


wildcard_constraints:
    subject=r"\d\d",


rule all:
    default_target: True
    input:
        IMAGES,
        expand(RAW if config.get("raw") else PREPROCESSED, subject=SUBJECTS),


rule download_images:
    output:
        IMAGES[0],
        directory(IMAGES[1]),
        directory(IMAGES[2]),
    log:
        FOLDER / "logs/image_set.log",
    benchmark:
        FOLDER / "logs/image_set.tsv"
    conda:
        "../envs/analysis.yaml"
    message:
        "Download the images of THINGS EEG2"
    script:
        "../workflow_scripts/download_images.py"


rule download_preprocessed:
    output:
        PREPROCESSED,
    log:
        FOLDER / "logs/preprocessed_sub-{subject}.log",
    benchmark:
        FOLDER / "logs/preprocessed_sub-{subject}.tsv"
    conda:
        "../envs/analysis.yaml"
    message:
        "Download the preprocessed EEG of subject {wildcards.subject}"
    script:
        "../workflow_scripts/download_subject.py"


rule download_raw:
    output:
        RAW,
    log:
        FOLDER / "logs/raw_sub-{subject}.log",
    benchmark:
        FOLDER / "logs/raw_sub-{subject}.tsv"
    conda:
        "../envs/analysis.yaml"
    message:
        "Download the raw EEG of subject {wildcards.subject}"
    script:
        "../workflow_scripts/download_subject.py"
