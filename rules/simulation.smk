# Experiments on simulated data only (those whose config has `simulation`): make up images and brain data.
#
# Outputs: every file of two data sets in the published formats, and a folder of labelled images.

if SIMULATION is not None:

    rule simulate_fmri:
        output:
            simulated_files("algonauts2023"),
        log:
            log_of("simulation/algonauts2023"),
        benchmark:
            benchmark_of("simulation/algonauts2023")
        conda:
            "../envs/analysis.yaml"
        params:
            plan=SIMULATION_SETTINGS,
            format="algonauts2023",
            code=code_version("simulate_brain_data.py"),
        message:
            "Simulate fMRI data in the format of Algonauts 2023"
        script:
            "../workflow_scripts/simulate_brain_data.py"

    rule simulate_eeg:
        output:
            simulated_files("things_eeg2"),
        log:
            log_of("simulation/things_eeg2"),
        benchmark:
            benchmark_of("simulation/things_eeg2")
        conda:
            "../envs/analysis.yaml"
        params:
            plan=SIMULATION_SETTINGS,
            format="things_eeg2",
            code=code_version("simulate_brain_data.py"),
        message:
            "Simulate EEG data in the format of THINGS EEG2"
        script:
            "../workflow_scripts/simulate_brain_data.py"

    rule simulate_labelled_images:
        output:
            directory(SIMULATION.labelled_images),
        log:
            log_of("simulation/labelled_images"),
        benchmark:
            benchmark_of("simulation/labelled_images")
        conda:
            "../envs/analysis.yaml"
        params:
            plan=SIMULATION_SETTINGS,
            code=code_version("simulate_labelled_images.py"),
        message:
            "Simulate labelled images to train on"
        script:
            "../workflow_scripts/simulate_labelled_images.py"
