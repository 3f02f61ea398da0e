# Compute RDMs of what is cheap in a data set's images: mean luminance, colours, pixels, Gabor energy.
#
# Input: the list of stimuli; the images themselves are not tracked, the list has digests of their pixels.
# Output: controls/{dataset}/{control}/{distance}.npy, condensed.


rule controls:
    input:
        stimuli=results("stimuli/{dataset}.csv"),
    output:
        results("controls/{dataset}/{control}/{distance}.npy"),
    log:
        log_of("controls/{dataset}/{control}/{distance}"),
    benchmark:
        benchmark_of("controls/{dataset}/{control}/{distance}")
    conda:
        "../envs/analysis.yaml"
    params:
        background=config["features"]["background"],
        distance=lambda wildcards: distance_of(wildcards.control, wildcards.distance),
        code=code_with_format("compute_control_rdm.py"),
    message:
        "Compute the RDM of {wildcards.control} in the images of {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_control_rdm.py"
