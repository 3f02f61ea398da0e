"""Measure training, features, RDMs and alignment against peers and bare operations, each pair in one run: `make bench`.

Every figure is a ratio of medians, taken in turns on the same data in the same process or in processes started one
after another, since machines differ and are shared. Prints a table and writes `results/bench.json`.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from early_alignment.comparison import measures  # noqa: E402
from early_alignment.geometry import inner_products, rdms  # noqa: E402
from early_alignment.networks import features  # noqa: E402
from early_alignment.networks.feature_files import FeatureFile, FeatureWriter  # noqa: E402

ROWS = []
N_NSD, N_THINGS = 872, 1654
BLOCK4, BLOCK1 = 100_352, 802_816
CORES = len(os.sched_getaffinity(0))


def seconds(*functions, times: int) -> list[float]:
    """The median time of each function, called in turns."""
    taken = [[] for _ in functions]
    for _ in range(times):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            taken[i].append(time.perf_counter() - start)
    return [float(np.median(t)) for t in taken]


def note(what: str, measured: str, value: float, at_most=None, at_least=None, **more) -> None:
    reached = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    bound = f"≤ {at_most:g}" if at_most is not None else f"≥ {at_least:g}"
    ROWS.append({"what": what, "measured": measured, "value": value, "bound": bound, "reached": bool(reached), **more})
    print(f"{'ok  ' if reached else 'MISS'} {what}: {measured} (must reach {bound})", flush=True)


def features_like_a_relu(n_conditions: int, n_features: int, seed=0, dtype=np.float32) -> np.ndarray:
    """Half zeros, half positive, with a pattern that conditions share."""
    rng = np.random.default_rng(seed)
    out = np.empty((n_conditions, n_features), dtype)
    for start in range(0, n_features, 8192):
        part = out[:, start : start + 8192]
        shared = rng.normal(size=(1, part.shape[1]), scale=0.7)
        values = rng.standard_normal(part.shape, dtype=np.float32) + shared.astype(np.float32)
        part[:] = np.maximum(values, 0)
    return out


def rdm_in_memory() -> None:
    import rsatoolbox

    patterns = features_like_a_relu(N_NSD, BLOCK4)
    dataset = rsatoolbox.data.Dataset(patterns)
    chunks = [patterns[:, start : start + 16_384] for start in range(0, BLOCK4, 16_384)]
    ours, theirs = seconds(
        lambda: rdms.rdm(chunks, threads=CORES),
        lambda: rsatoolbox.rdm.calc_rdm(dataset, method="correlation"),
        times=3,
    )
    exact = 1 - rdms.condensed(np.corrcoef(patterns.astype(np.float64)))
    difference = np.abs(rdms.rdm(chunks, threads=CORES) - exact).max()
    what = f"RDM of {N_NSD} × {BLOCK4:,} float32 in memory, against rsatoolbox calc_rdm"
    note(what, f"{theirs / ours:.0f} times faster ({ours:.2f} s against {theirs:.1f} s)", theirs / ours, at_least=40)
    note("its largest difference from float64 numpy", f"{difference:.1e}", difference, at_most=1e-5)


def store(path: Path, patterns: np.ndarray) -> Path:
    writer = FeatureWriter(path, [str(i) for i in range(len(patterns))])
    for start in range(0, len(patterns), 64):
        writer.add(patterns[start : start + 64])
    writer.close()
    return path


def syrk(n: int, k: int):
    """A bare float32 BLAS ssyrk of that size."""
    from scipy.linalg.blas import ssyrk

    matrix = np.random.default_rng(0).standard_normal((n, k), dtype=np.float32)
    return lambda: ssyrk(1.0, matrix.T, trans=1)


def geometry_of(file: Path) -> inner_products.Geometry:
    with FeatureFile(file) as opened:
        return inner_products.geometry(opened.readers(), threads=CORES)


def rdm_of(file: Path) -> np.ndarray:
    return rdms.rdm_of(geometry_of(file))


def rdm_from_disk(folder: Path) -> None:
    file = store(folder / "block1.zarr.zip", features_like_a_relu(N_NSD, BLOCK1, dtype=np.float16))
    bare = syrk(N_NSD, BLOCK1)
    ours, blas = seconds(lambda: rdm_of(file), bare, times=5)
    del bare
    what = f"geometry and RDM of {N_NSD} × {BLOCK1:,} from the zarr zip (float16), against one float32 ssyrk"
    note(what, f"{ours / blas:.2f} times ({ours:.2f} s against {blas:.2f} s)", ours / blas, at_most=1.5)
    kept = folder / "geometry.npz"
    inner_products.save(kept, geometry_of(file))
    (again,) = seconds(lambda: rdms.rdm_of(inner_products.load(kept), "euclidean"), times=5)
    what = f"RDM of another distance from its geometry's file ({kept.stat().st_size / 1e6:.1f} MB), against features"
    note(what, f"{ours / again:.0f} times faster ({again:.2f} s)", ours / again, at_least=20)

    code = (
        "import sys; sys.path.insert(0, 'workflow_scripts'); "
        "from early_alignment.networks import feature_files; from early_alignment.geometry import rdms; "
        "import threadpoolctl, numcodecs.blosc; "
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024; before = peak(); "
        f"rdms.rdm(feature_files.FeatureFile({str(file)!r}).readers(), threads={CORES}); print(peak() - before)"
    )
    above = float(subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True).stdout)
    note("its peak memory above imports", f"{above:.0f} MB", above, at_most=600)

    part = BLOCK1 // 8
    small = store(folder / "small.zarr.zip", features_like_a_relu(N_NSD, part, dtype=np.float16))
    large = store(folder / "large.zarr.zip", features_like_a_relu(N_THINGS, part, dtype=np.float16))
    at_small, at_large = seconds(lambda: rdm_of(small), lambda: rdm_of(large), times=5)
    ratio = at_large / at_small / (N_THINGS / N_NSD) ** 2
    what = f"its time per feature at {N_THINGS} against {N_NSD} conditions, over the quadratic"
    note(what, f"{ratio:.2f} times", ratio, at_most=1.3)


def write_photographs(folder: Path, n: int, side: int = 425) -> list:
    """Images with the size of NSD's, as JPEG."""
    from early_alignment.datasets.base import Stimulus
    from early_alignment.simulation.scenes import CATEGORIES, scene
    from PIL import Image

    rng = np.random.default_rng(0)
    stimuli = []
    for i in range(n):
        picture = Image.fromarray(scene(CATEGORIES[i % len(CATEGORIES)], rng, side))
        picture.save(folder / f"{i:04d}.jpg", quality=92)
        stimuli.append(Stimulus(f"image {i}", f"{i:04d}.jpg"))
    return stimuli


def extraction(folder: Path, n: int, size: int = 224, batch_size: int = 32) -> None:
    import torch
    from early_alignment.datasets.base import DataSet
    from early_alignment.networks import networks

    stimuli = write_photographs(folder, n)
    dataset = DataSet("bench", {"root": folder, "subjects": [1], "targets": ["V1"]})
    network = networks.untrained("resnet50", n_classes=1000, seed=1).eval()
    batches = list(features.image_batches(dataset, stimuli, size, batch_size=batch_size))
    files = {f"layer{i}": folder / f"layer{i}.zarr.zip" for i in range(1, 5)}

    fast = deepcopy(network).to(memory_format=torch.channels_last)

    def bare_forward(network, **layout):
        with torch.inference_mode():
            for batch in batches:
                network(batch.to(**layout))

    def extract():
        with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
            features.extract(network, files, dataset, stimuli, size, workers=1, batch_size=batch_size)

    ours, bare, bare_fast = seconds(
        extract,
        lambda: bare_forward(deepcopy(network).to(memory_format=torch.contiguous_format)),
        lambda: bare_forward(fast, memory_format=torch.channels_last),
        times=3 if n < 300 else 1,  # a minute and a half each: long enough to even out
    )
    what = f"extraction of {n} images at {size} px, four blocks to disk, against the bare forward pass"
    note(what, f"{ours / bare:.2f} times ({n / ours:.1f} against {n / bare:.1f} images/s)", ours / bare, at_most=1.15)
    print(f"     against a bare forward pass with channels last: {ours / bare_fast:.2f} times")


def extraction_memory(folder: Path, n_concepts: int, size: int = 224, batch_size: int = 32) -> None:
    """Peak memory of the whole process, which a group of conditions and one batch should bound."""
    write_photographs(folder, 32)
    code = (
        "import sys; sys.path.insert(0, 'workflow_scripts')\n"
        "from pathlib import Path\n"
        "from early_alignment.networks import features, networks\n"
        "from early_alignment.datasets.base import DataSet, Stimulus\n"
        f"folder = Path({str(folder)!r})\n"
        # Every eighth concept has two images, so that averages are taken too.
        f"images = [i for i in range({n_concepts}) for _ in range(1 + (i % 8 == 0))]\n"
        "stimuli = [Stimulus(f'concept {i}', f'{i % 32:04d}.jpg') for i in images]\n"
        "network = networks.untrained('resnet50', n_classes=1000, seed=1).eval()\n"
        "files = {f'layer{i}': folder / f'many{i}.zarr.zip' for i in range(1, 5)}\n"
        "dataset = DataSet('bench', {'root': folder, 'subjects': [1], 'targets': ['V1']})\n"
        f"features.extract(network, files, dataset, stimuli, {size}, workers=1, batch_size={batch_size})\n"
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    peak = float(done.stdout.split()[-1])
    # A batch: its images, and what they put out in float32.
    batch = batch_size * 4 * (3 * size**2 + sum(BLOCK1 * (size / 224) ** 2 / 2**i for i in range(4))) / 2**20
    what = f"extraction of {n_concepts:,} concepts at {size} px, four blocks to disk: peak memory of the process"
    note(what, f"{peak:.0f} MB, of which a batch is {batch:.0f} MB", peak, at_most=round(3000 + batch))


def labelled_photographs(folder: Path, n: int) -> Path:
    """A folder of labelled images with ImageNet's usual size, as JPEG, read once so that they are in memory."""
    from early_alignment.simulation.scenes import CATEGORIES, scene
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(n):
        category = CATEGORIES[i % len(CATEGORIES)]
        file = folder / f"labelled/train/{category}/{i:04d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(category, rng, 500)[:375]).save(file, quality=92)
        file.read_bytes()
    return folder / "labelled"


def training(folder: Path, n: int, size: int = 64, n_loaded: int = 1024, batch_size: int = 32) -> None:
    """A ResNet-50: one epoch of the trainer, and the same epoch as torch's tutorials write it.

    Images are small, so that an epoch takes seconds on a processor and many of each can be had in turns.
    """
    import torch
    import yaml
    from early_alignment.experiment.config import checked
    from early_alignment.networks import networks
    from early_alignment.networks.loaders import Loader
    from early_alignment.training import loop as trainer
    from early_alignment.training.evaluation import layout, loading
    from early_alignment.training.labelled_images import EpochBatches, SeededImages, image_folder, training_transform
    from early_alignment.training.recipe import Computing, Recipe, recipe
    from torchvision.datasets import ImageFolder

    config = checked(yaml.safe_load((REPOSITORY / "config.yaml").read_text()))
    # So slow that the network stays what it is: one that has learnt these few images by heart computes with
    # vanishing numbers, which takes processors many times longer.
    given = {"learning_rate": 1e-9, "image_size": size, "batch_size": batch_size}
    recipe = Recipe(**recipe(config) | given)
    root, workers, computing = labelled_photographs(folder, n_loaded), CORES - 1, Computing()
    images = image_folder(root, "train")
    bare_images = ImageFolder(root / "train", transform=training_transform(recipe))
    network = networks.untrained("resnet50", len(images.classes), seed=1).to(memory_format=layout(computing))
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-9, momentum=recipe.momentum)

    def our_loader(n):
        order = EpochBatches(n, batch_size, 1, 1)
        seeded = SeededImages(images, 1, training_transform(recipe))
        return Loader(seeded, batch_sampler=order, **loading(workers))

    def bare_loader(n):
        subset = torch.utils.data.Subset(bare_images, range(n))
        return torch.utils.data.DataLoader(subset, batch_size, shuffle=True, num_workers=workers)

    def ours():
        device = torch.device("cpu")
        trainer.train_epoch(network, optimiser, recipe, 1, 1, our_loader(n), device, computing, lambda *_: None)

    def bare():
        network.train()
        for x, labels in bare_loader(n):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(x.to(memory_format=torch.channels_last)), labels)
            loss.backward()
            optimiser.step()

    def through(loader):
        return lambda: [None for _ in loader(n_loaded)]

    alone, bare_alone = seconds(through(our_loader), through(bare_loader), times=7)
    what = f"loading and augmenting {n_loaded} photographs of 500 × 375, against a bare ImageFolder and DataLoader"
    measured = f"{bare_alone / alone:.2f} of its images/s ({n_loaded / alone:.0f} against {n_loaded / bare_alone:.0f})"
    note(what, measured, bare_alone / alone, at_least=0.95)
    whole, bare_whole = seconds(ours, bare, times=11)
    what = (
        f"training on {n} of them at {recipe.image_size} px, ResNet-50, batch {batch_size}, against a bare torch loop"
    )
    measured = f"{bare_whole / whole:.2f} of its images/s ({n / whole:.1f} against {n / bare_whole:.1f})"
    note(what, measured, bare_whole / whole, at_least=0.95)


def alignment_job(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("model", *(f"sub-{i}" for i in range(1, 9))):
        rdms.save(folder / f"{name}.npy", rng.uniform(size=N_NSD * (N_NSD - 1) // 2))
    # The workflow's script, as Snakemake starts it, which says at its end how much time its process took.
    (folder / "early_alignment").symlink_to(REPOSITORY / "workflow_scripts/early_alignment")
    script = (REPOSITORY / "workflow_scripts/align.py").read_text()
    script += "\nimport time\nopen(snakemake.output[0] + '.seconds', 'w').write(str(time.process_time()))\n"
    (folder / "align.py").write_text(script)
    job = "{dataset}_{target}_{seed}_{epoch}_{block}"
    (folder / "Snakefile").write_text(
        "rule align:\n"
        "    input: model='model.npy', brain=[f'sub-{i}.npy' for i in range(1, 9)]\n"
        f"    output: 'aligned/{job}.csv'\n"
        f"    log: 'logs/{job}.txt'\n"
        "    params: measures=['pearson'], subjects=list(map(str, range(1, 9)))\n"
        "    script: 'align.py'\n"
    )
    targets = [f"aligned/nsd_V1v_1_{epoch:03d}_layer1.csv" for epoch in range(11)]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--directory", folder]
    subprocess.run([*command, "--snakefile", folder / "Snakefile", *targets], check=True, capture_output=True)
    cpu = float(np.median([float((folder / f"{target}.seconds").read_text()) for target in targets]))
    what = f"one alignment job ({N_NSD} conditions, 8 subjects), processor time of the whole process"
    note(what, f"{cpu:.2f} s", cpu, at_most=0.3)


def comparison() -> None:
    import rsatoolbox

    rng = np.random.default_rng(0)
    a, b = (rng.uniform(size=(24, N_NSD * (N_NSD - 1) // 2)) for _ in range(2))
    theirs_a, theirs_b = rsatoolbox.rdm.RDMs(a), rsatoolbox.rdm.RDMs(b)
    ours, theirs = seconds(
        lambda: measures.compare(a, b), lambda: rsatoolbox.rdm.compare(theirs_a, theirs_b, method="corr"), times=5
    )
    difference = np.abs(measures.compare(a, b) - rsatoolbox.rdm.compare(theirs_a, theirs_b, method="corr")).max()
    what = f"Pearson of 24 × 24 RDMs of {N_NSD} conditions, against rsatoolbox compare"
    note(what, f"{theirs / ours:.1f} times faster", theirs / ours, at_least=4)
    note("its largest difference from rsatoolbox", f"{difference:.1e}", difference, at_most=1e-9)


def machine() -> dict[str, str]:
    """The processor's name, cores and memory."""
    cpu = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": cpu, "cores": str(len(os.sched_getaffinity(0))), "memory": f"{memory:.0f} GiB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of measurements; all by default")
    parser.add_argument("--images", type=int, default=N_NSD, help="images of the extraction")
    parser.add_argument("--concepts", type=int, default=1854, help="concepts of the extraction that measures memory")
    parser.add_argument("--training-images", type=int, default=192, help="images of the training")
    chosen = parser.parse_args()
    (REPOSITORY / "results").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "results") as folder:
        folder = Path(folder)
        everything = {
            "comparison": comparison,
            "alignment_job": lambda: alignment_job(folder),
            "rdm_in_memory": rdm_in_memory,
            "rdm_from_disk": lambda: rdm_from_disk(folder),
            "training": lambda: training(folder, chosen.training_images),
            "extraction": lambda: extraction(folder, chosen.images),
            "extraction_memory": lambda: extraction_memory(folder, chosen.concepts),
        }
        for name in chosen.only or everything:
            everything[name]()
    print(f"\n{machine()}\n\n| what | measured | must reach |\n|---|---|---|")
    for row in ROWS:
        print(f"| {row['what']} | {row['measured']} | {row['bound']} |")
    (REPOSITORY / "results/bench.json").write_text(json.dumps({"machine": machine(), "rows": ROWS}, indent=1) + "\n")


if __name__ == "__main__":
    main()
