"""A small data set in the files of the 92 images."""

import numpy as np
from scipy.io import savemat
from scipy.spatial.distance import squareform


def structures(rows):
    """MATLAB structures with the fields of the first row, an array of them of the rows' shape."""
    array = np.empty(np.shape(rows), dtype=[(key, object) for key in rows.flat[0]])
    for place, row in np.ndenumerate(rows):
        array[place] = tuple(row.values())
    return array


def write_humans(root, change=lambda rdm: rdm):
    """Write random RDMs in the published form, that of subject 3's second session changed; returns all."""
    rng = np.random.default_rng(4)
    square = [[squareform(rng.uniform(0.1, 1, 92 * 91 // 2)) for _ in range(2)] for _ in range(4)]
    sessions = np.empty((4, 2), dtype=object)
    for place in np.ndindex(4, 2):
        rdm = square[place[0]][place[1]]
        sessions[place] = {"RDM": change(rdm.copy()) if place == (2, 1) else rdm, "name": "hIT"}
    savemat(root / "92_brainRDMs.mat", {"RDMs": structures(sessions)})
    return square


def write_supplement(root):
    """Write random images and monkeys' RDM in the published form; returns both."""
    rng = np.random.default_rng(92)
    images = rng.integers(0, 256, (92, 8, 8, 3), dtype=np.uint8)
    monkeys = rng.uniform(0.1, 1, 92 * 91 // 2)
    content = {
        "stimuli_92objs": structures(np.array([{"image": image} for image in images])),
        "RDMs_mIT_hIT_fig1": structures(np.array([{"RDM": monkeys}] * 2)),
    }
    savemat(root / "Kriegeskorte_Neuron2008_supplementalData.mat", content)
    return images, monkeys
