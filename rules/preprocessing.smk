# Make of raw EEG what the publishers offer as preprocessed: epochs, noise normalised per session, sessions joined.
#
# Inputs: the raw files of data sets of format things_eeg2_raw.
# Outputs: preprocessed_data/{dataset}/sub-{subject}/ses-{session}.npy, a job per subject and session, and
# preprocessed_eeg_{training,test}.npy beside them, in the publishers' format.


rule preprocess_session:
    input:
        unpack(raw_files),
    output:
        results("preprocessed_data/{dataset}/sub-{subject}/ses-{session}.npy"),
    log:
        log_of("preprocessed_data/{dataset}/sub-{subject}/ses-{session}"),
    benchmark:
        benchmark_of("preprocessed_data/{dataset}/sub-{subject}/ses-{session}")
    wildcard_constraints:
        session=r"\d+",
    conda:
        "../envs/analysis.yaml"
    params:
        noise_covariance=lambda wildcards: DATASETS[wildcards.dataset].settings["noise_covariance"],
        code=code_version("preprocess_session.py"),
    message:
        "Preprocess the EEG of subject {wildcards.subject}, session {wildcards.session}, {wildcards.dataset}"
    script:
        "../workflow_scripts/preprocess_session.py"


rule join_sessions:
    input:
        preprocessed_sessions,
    output:
        training=results("preprocessed_data/{dataset}/sub-{subject}/preprocessed_eeg_training.npy"),
        test=results("preprocessed_data/{dataset}/sub-{subject}/preprocessed_eeg_test.npy"),
    log:
        log_of("preprocessed_data/{dataset}/sub-{subject}/join"),
    benchmark:
        benchmark_of("preprocessed_data/{dataset}/sub-{subject}/join")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("join_sessions.py"),
    message:
        "Join the EEG sessions of subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/join_sessions.py"
