"""Scores against closed forms and hand-counted cases."""

import math

import numpy as np
import pytest

from backend.evaluate.metrics import (
    Samples,
    chamfer,
    f_score,
    iou,
    nearest,
    normal_consistency,
    psnr,
    summarise,
    surface_scores,
)


def sphere(radius: float, count: int, seed: int) -> Samples:
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Samples(radius * normals, normals)


def along_x(*positions: float) -> Samples:
    points = np.array([[position, 0.0, 0.0] for position in positions])
    return Samples(points, np.tile([0.0, 0.0, 1.0], (len(positions), 1)))


def test_identical_samples_have_perfect_scores():
    ours = sphere(0.4, 500, seed=1)
    scores = surface_scores(ours, ours)
    assert scores["chamfer"] == 0
    assert scores["normal_consistency"] == pytest.approx(1)
    assert scores["f_0.05"] == scores["f_0.02"] == scores["f_0.01"] == 1


def test_concentric_spheres_are_their_gap_apart():
    """The nearest point is one gap away; 20k samples leave sideways errors of 0.4 % of it."""
    found = nearest(sphere(0.45, 20_000, seed=1), sphere(0.40, 20_000, seed=2))
    assert chamfer(found) == pytest.approx(2 * 0.05, rel=0.01)
    assert f_score(found, 0.049) == 0
    assert f_score(found, 0.06) == pytest.approx(1)
    assert normal_consistency(found) == pytest.approx(1, abs=1e-3)


def test_f_score_is_the_harmonic_mean_of_precision_and_recall():
    found = nearest(along_x(0, 10), along_x(0, 0.5, 20, 30))
    assert found.to_true.tolist() == [0, 9.5]
    precision, recall = 1 / 2, 2 / 4
    assert f_score(found, 1.0) == pytest.approx(2 * precision * recall / (precision + recall))
    found = nearest(along_x(0), along_x(0, 9, 18, 27))
    assert f_score(found, 1.0) == pytest.approx(2 * 1 * 0.25 / 1.25)


def test_chamfer_is_the_sum_of_both_means():
    assert chamfer(nearest(along_x(0, 1), along_x(0))) == pytest.approx(0.5)
    assert chamfer(nearest(along_x(0), along_x(3))) == pytest.approx(6)


def test_flipped_normals_are_consistent_and_perpendicular_ones_are_not():
    flat = along_x(0, 1)
    flipped = Samples(flat.points, -flat.normals)
    upright = Samples(flat.points, np.roll(flat.normals, 1, axis=1))
    assert normal_consistency(nearest(flat, flipped)) == 1
    assert normal_consistency(nearest(flat, upright)) == 0


def test_iou_counts_cells():
    true, ours = np.array([1, 1, 1, 0], bool), np.array([0, 1, 1, 1], bool)
    assert iou(ours, true) == 0.5
    assert iou(true, true) == 1
    assert iou(np.zeros(4, bool), true) == 0
    assert iou(ours, np.zeros(4, bool)) is None


def test_psnr_of_an_even_difference_is_its_closed_form():
    true = np.zeros((3, 4, 4), np.float32)
    assert psnr(true + 0.1, true) == pytest.approx(20, abs=1e-5)
    assert psnr(true + 0.5, true) == pytest.approx(-20 * math.log10(0.5))
    assert psnr(true, true) == 100


def test_summary_of_one_failure_among_three():
    summary = summarise([1.0, 0.5, 0.0])
    assert summary.mean == summary.median == 0.5
    assert (summary.worst, summary.count) == (0.0, 3)
    assert 0 <= summary.interval[0] < 0.5 < summary.interval[1] <= 1
    assert summarise([1.0, 3.0], is_better_high=False).worst == 3
    assert summarise([math.nan]) is None
