"""Scores of a mesh against the true one, as pure functions of points, volumes and pictures.

Protocol: peers.md 6.1, after MeshFormer (arXiv 2408.10198), which scores One-2-3-45++ with it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

F_THRESHOLDS = (0.05, 0.02, 0.01)
"""Distances of the F-scores, as shares of the longest side of the box."""

BOOTSTRAP_ROUNDS = 1000
"""Resamplings behind a 95 % interval of a mean."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Points on a surface with the unit normals of their faces."""

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """What each sample of two surfaces finds on the other one.

    Attributes:
        to_true: Distance of our samples to the nearest true one (precision, accuracy).
        to_ours: Distance of the true samples to our nearest one (recall, completeness).
        cosine_to_true: |cos| between the normals of our samples and of their nearest true ones.
        cosine_to_ours: The same from the true samples.
    """

    to_true: Float[np.ndarray, " n"]
    to_ours: Float[np.ndarray, " m"]
    cosine_to_true: Float[np.ndarray, " n"]
    cosine_to_ours: Float[np.ndarray, " m"]


def nearest(ours: Samples, true: Samples) -> Nearest:
    """Match each sample with the nearest one of the other surface."""
    to_true, true_index = KDTree(true.points).query(ours.points)
    to_ours, ours_index = KDTree(ours.points).query(true.points)
    return Nearest(
        to_true=to_true,
        to_ours=to_ours,
        cosine_to_true=np.abs(np.sum(ours.normals * true.normals[true_index], axis=1)),
        cosine_to_ours=np.abs(np.sum(true.normals * ours.normals[ours_index], axis=1)),
    )


def f_score(found: Nearest, threshold: float) -> float:
    """Harmonic mean of precision and recall: shares of samples nearer than `threshold` to the other side."""
    precision = float(np.mean(found.to_true < threshold))
    recall = float(np.mean(found.to_ours < threshold))
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def chamfer(found: Nearest) -> float:
    """Chamfer distance: the **sum** over both directions of the mean (not squared) distance.

    MeshFormer does not print its formula. The sum is the likelier reading of its pair F@0.05 = 0.936,
    CD = 0.039: a mean of 0.039 in each direction would leave far more samples beyond 0.05.
    """
    return float(np.mean(found.to_true) + np.mean(found.to_ours))


def normal_consistency(found: Nearest) -> float:
    """Mean |cos| between nearest samples' normals, averaged over both directions; blind to flipped faces."""
    return float(np.mean(found.cosine_to_true) + np.mean(found.cosine_to_ours)) / 2


def surface_scores(ours: Samples, true: Samples) -> dict[str, float]:
    """All scores of two sets of samples in the same frame."""
    found = nearest(ours, true)
    scores = {f"f_{threshold}": f_score(found, threshold) for threshold in F_THRESHOLDS}
    scores["chamfer"] = chamfer(found)
    scores["normal_consistency"] = normal_consistency(found)
    return scores


def iou(ours: Bool[np.ndarray, "..."], true: Bool[np.ndarray, "..."]) -> float | None:
    """Intersection over union of two sets of cells; None where the true one is empty and has no score."""
    if not true.any():
        return None
    return float(np.count_nonzero(ours & true) / np.count_nonzero(ours | true))


def psnr(ours: Float[np.ndarray, "..."], true: Float[np.ndarray, "..."]) -> float:
    """Peak signal-to-noise ratio in dB of values in [0, 1]; at most 100 dB, so that means stay finite."""
    mean_square = float(np.mean(np.square(ours.astype(np.float64) - true.astype(np.float64))))
    return min(100.0, -10 * math.log10(max(mean_square, 1e-10)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One score over all objects. `interval` is the bootstrap 95 % interval of the mean."""

    mean: float
    median: float
    worst: float
    interval: tuple[float, float]
    count: int


def summarise(values: Iterable[float], *, is_better_high: bool = True, seed: int = 0) -> Summary | None:
    """Mean, median, worst and interval of a score; None when no object has it."""
    array = np.array([value for value in values if math.isfinite(value)], dtype=np.float64)
    if array.size == 0:
        return None
    draws = np.random.default_rng(seed).choice(array, (BOOTSTRAP_ROUNDS, array.size)).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Summary(
        mean=float(array.mean()),
        median=float(np.median(array)),
        worst=float(array.min() if is_better_high else array.max()),
        interval=(float(low), float(high)),
        count=int(array.size),
    )
