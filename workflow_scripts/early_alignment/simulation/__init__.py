"""Simulated images and brain data, for trying the workflow without data of one's own.

`scenes` draws the images, `generative_model` turns images into responses with a known geometry and a known noise
ceiling, `algonauts2023` and `things_eeg2` write them in the published formats, and `plan` says which files there
will be. Only counts of images, subjects, units and concepts are scaled down.
"""
