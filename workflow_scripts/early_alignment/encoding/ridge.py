"""Held-out predictions of kernel ridge regression, for many units and alphas at a time.

A ridge regression of responses on features needs the features' inner products alone. With these and alpha given, each
prediction is a weighted sum of the training responses, and the weights are the same for all units: predictions are
matrix products. The weights of all alphas follow from one eigendecomposition of the training kernel. They depend on
stimuli and network and not on brains, so subjects and targets share them.

Imports numpy alone, and torch where its devices multiply.
"""

import zipfile
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..geometry.inner_products import Geometry
from .threads import in_turns

CONSTANT = 1e-12
"""A unit whose deviation is less than so much of its mean does not vary: that is rounding."""


class Smoothers(NamedTuple):
    """The matrices that make predictions from responses; conditions are in the order of their folds."""

    folds: np.ndarray
    """The fold of each condition, (conditions,), as given."""
    order: np.ndarray
    """The conditions' numbers, fold by fold, (conditions,)."""
    alphas: np.ndarray
    """As given, float64 (alphas,)."""
    of_pairs: dict[tuple[int, int], Any]
    """Two folds → (alphas, conditions of the two, other conditions): predicts the two from the others."""
    of_folds: list
    """For each fold (alphas, conditions of the fold, other conditions)."""


def smoothers(
    kernel: np.ndarray, folds: np.ndarray, alphas, dtype=np.float32, device=None, threads: int = 1
) -> Smoothers:
    """Prepare all fits of a nested cross-validation, a decomposition each, once for all units.

    For each fold that is predicted, alphas are compared by leaving out each of the other folds in turn. Two folds left
    out together serve both: each is predicted for the sake of the other. So k folds take k (k + 1) / 2 decompositions.

    Args:
        kernel: Inner products of the conditions' features, float64 (conditions, conditions). It may be centred or not:
            each fit takes out the mean of its own training conditions.
        folds: The fold of each condition, (conditions,), from `folds.folds`.
        alphas: Penalties, (alphas,), in units of the conditions' mean variance: the mean of the diagonal of the centred
            kernel. So one grid suits blocks of any width and scale.
        dtype: The precision of the products with responses; decompositions are in float64.
        device: A `torch.device` to multiply responses on; numpy on the processor by default.
        threads: So many decompositions are made at a time.

    Returns:
        Matrices of about alphas × conditions² × (k − 1)² / k numbers.

    Raises:
        ValueError: The kernel is not finite, or its conditions do not differ.
    """
    alphas, scaled = np.asarray(alphas, dtype=np.float64), of_variance_1(kernel)
    order = np.argsort(folds, kind="stable")
    in_order, fold = scaled[np.ix_(order, order)], folds[order]

    def weights(left_out: tuple[int, ...]):
        test = np.isin(fold, left_out)
        of_alphas = smoother(in_order, ~test, test, alphas).astype(dtype)
        return of_alphas if device is None else on_device(of_alphas, device)

    k = range(folds.max() + 1)
    pairs, alone = list(combinations(k, 2)), [(fold,) for fold in k]
    found = in_turns(weights, pairs + alone, threads)
    return Smoothers(folds, order, alphas, dict(zip(pairs, found, strict=False)), found[len(pairs) :])


def save_smoothers(path, of: Smoothers) -> None:
    """Write smoothers as `.npz`, arrays of numpy."""
    pairs = {f"pair.{a}.{b}": weights for (a, b), weights in of.of_pairs.items()}
    alone = {f"fold.{i}": weights for i, weights in enumerate(of.of_folds)}
    with open(path, "wb") as file:
        np.savez(file, folds=of.folds, order=of.order, alphas=of.alphas, **pairs, **alone)


def load_smoothers(path, device=None) -> Smoothers:
    """What `save_smoothers` wrote; a `torch.device`, if given, is where responses are multiplied.

    Raises:
        InputError: The file is damaged, or none.
    """
    there = (lambda array: array) if device is None else partial(on_device, device=device)
    try:
        with np.load(path, allow_pickle=False) as file:
            of_folds, of_pairs = [], {}
            for name in file.files:
                match name.split("."):
                    case "fold", _:
                        of_folds.append(there(file[name]))
                    case "pair", one, other:
                        of_pairs[int(one), int(other)] = there(file[name])
            return Smoothers(file["folds"], file["order"], file["alphas"], of_pairs, of_folds)
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        expected = "matrices that predict responses, as .npz"
        raise InputError(path, str(error), expected, "delete the file and run the workflow again") from None


def kernel_of(geometry: Geometry) -> np.ndarray:
    """The inner products of patterns as features have them, less those of the patterns' common mean over features."""
    about_common = geometry.means - geometry.means.mean()
    return geometry.products + geometry.n_features * np.outer(about_common, about_common)


def of_variance_1(kernel: np.ndarray) -> np.ndarray:
    """The kernel centred on the mean of all conditions and scaled to a mean diagonal of 1, float64.

    Raises:
        ValueError: The kernel is not finite, or its conditions do not differ.
    """
    kernel = np.asarray(kernel, dtype=np.float64)
    means = kernel.mean(axis=0)
    centred = kernel - means - means[:, None] + means.mean()
    variance = np.diag(centred).mean()
    if not (np.isfinite(kernel).all() and variance > 1e-12 * np.abs(np.diag(kernel)).mean()):
        raise ValueError(
            "inner products are not finite, or no condition differs from another: nothing predicts responses"
        )
    return centred / variance


def smoother(kernel: np.ndarray, train: np.ndarray, test: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """The weights by which training responses make up predictions about their mean, for each alpha.

    They are K* (K + αI)⁻¹, with K the kernel of the training conditions and K* that of the others with these, both
    centred on the mean of the training conditions' features. Weights of one prediction sum to 0, so the mean response
    is a term of its own: the intercept, which is not penalised.

    Args:
        kernel: (conditions, conditions).
        train: Which conditions to train on, bool (conditions,).
        test: Which to predict, bool (conditions,).
        alphas: float64 (alphas,).

    Returns:
        float64 (alphas, conditions predicted, conditions trained on).
    """
    within, across = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    means = within.mean(axis=0)
    across = across - means - across.mean(axis=1, keepdims=True) + means.mean()
    values, vectors = np.linalg.eigh(within - means - means[:, None] + means.mean())
    # A kernel has no negative eigenvalues; what rounding makes of zeros may be below.
    shrunk = (across @ vectors) / (np.maximum(values, 0) + alphas[:, None, None])
    weights = shrunk @ vectors.T
    return weights - weights.mean(axis=-1, keepdims=True)  # which is 0 but for rounding


class Predicted(NamedTuple):
    """What a nested cross-validation predicts."""

    predictions: np.ndarray
    """Each condition's, made without its fold, float64 (conditions, units)."""
    alphas: np.ndarray
    """The alpha that was chosen for each fold and unit, float64 (folds, units); NaN where predictions are."""


def held_out(responses: np.ndarray, of: Smoothers) -> Predicted:
    """Predict each condition's responses from those of the other folds, with the alpha that these find best.

    For each fold and unit it is the alpha of least squared error on the other folds, each predicted without itself and
    the first one, averaged over them: what scikit-learn's `GridSearchCV` chooses. Of equal ones, the first.

    Args:
        responses: Float (conditions, units). Units that do not vary, or are not finite in some condition, are NaN in
            all predictions.
        of: From `smoothers`.
    """
    with np.errstate(invalid="ignore"):  # of units that are NaN
        mean, deviation = moments(responses)
        in_order = (responses[of.order] - mean) / deviation
        z = as_weights(in_order, of.of_folds[0])
        every, end = np.arange(len(z)), np.bincount(of.folds).cumsum()
        rows = [np.arange(*ends) for ends in zip(np.append(0, end), end, strict=False)]
        errors, chosen, predictions = [0 * z[:1]] * len(rows), [], np.empty(responses.shape)
        for pair, weights in of.of_pairs.items():
            left_out, size = np.concatenate([rows[fold] for fold in pair]), len(rows[pair[0]])
            others = z[np.delete(every, left_out)]
            squares = (products(weights, others) - (z[left_out] - others.mean(0))) ** 2
            # Each fold judges alphas for the other.
            for fold, judged_by in zip(pair, (squares[:, size:], squares[:, :size]), strict=True):
                errors[fold] = errors[fold] + judged_by.mean(1)
        for fold, weights in enumerate(of.of_folds):
            best, train = errors[fold].argmin(0), np.delete(every, rows[fold])
            others, about_mean = z[train], z[rows[fold]] * 0
            for alpha, of_alpha in enumerate(weights):
                about_mean[:, best == alpha] = of_alpha @ others[:, best == alpha]
            predictions[of.order[rows[fold]]] = as_numpy(about_mean) + in_order[train].mean(axis=0)
            chosen.append(of.alphas[as_numpy(best)])
    return Predicted(predictions * deviation + mean, np.where(np.isnan(deviation), np.nan, chosen))


def moments(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of units over conditions, float64 (units,) each.

    The deviation of a unit that does not vary, but for rounding, is NaN, and so is all that is computed from it.
    """
    mean, deviation = responses.mean(axis=0, dtype=np.float64), responses.std(axis=0, dtype=np.float64)
    return mean, np.where(deviation > CONSTANT * np.abs(mean), deviation, np.nan)


def products(weights, responses):
    """(alphas, conditions, others) times (others, units), as one matrix product."""
    return (weights.reshape(-1, weights.shape[-1]) @ responses).reshape(*weights.shape[:-1], -1)


def on_device(array: np.ndarray, device):
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # its 10 bits of mantissa are not enough for a prediction
    return torch.from_numpy(array).to(device)


def as_weights(array: np.ndarray, weights):
    """The array in the precision of weights, where they are."""
    if isinstance(weights, np.ndarray):
        return array.astype(weights.dtype)
    import torch

    return torch.from_numpy(array).to(weights)


def as_numpy(array) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
