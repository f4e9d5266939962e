"""Shifting one outline onto another."""

import numpy as np
import pytest

from backend.geometry.photo_target import rim
from backend.geometry.photo_warp import MAX_SHIFT, least_stretch, outline_shift

SIZE = 96


def disc(*, centre=(0.5, 0.5), radius=0.3) -> np.ndarray:
    axis = (np.arange(SIZE) + 0.5) / SIZE
    down, right = np.meshgrid(axis, axis, indexing="ij")
    return np.hypot(right - centre[0], down - centre[1]) < radius


def test_equal_outlines_stay_where_they_are():
    assert np.abs(outline_shift(disc(), disc())).max() < 0.5 / SIZE


def test_a_larger_outline_is_reached_from_all_sides():
    ours, shift = disc(radius=0.3), outline_shift(disc(radius=0.3), disc(radius=0.34))
    rows, columns = np.nonzero(rim(ours))
    outwards = np.stack([columns + 0.5, rows + 0.5]) / SIZE - 0.5
    outwards /= np.linalg.norm(outwards, axis=0)
    assert (shift[:, rows, columns] * outwards).sum(axis=0).mean() == pytest.approx(0.04, abs=0.008)


def test_a_moved_object_is_followed_inside_too():
    """In between the outline's shift is a mean, less what outlines that run along it cannot tell."""
    right, down = outline_shift(disc(), disc(centre=(0.54, 0.48)))[:, 40:56, 40:56].mean(axis=(1, 2))
    assert 0.015 < right < 0.045
    assert -0.025 < down < -0.008


def test_shifts_are_bounded():
    shift = outline_shift(disc(radius=0.15), disc(radius=0.45))
    assert np.hypot(*shift).max() <= MAX_SHIFT + 1e-9


def test_stretch_of_a_linear_shift_is_its_least_scale():
    axis = np.arange(SIZE) / SIZE
    down, right = np.meshgrid(axis, axis, indexing="ij")
    assert least_stretch(np.stack([0.5 * right, -0.3 * down])) == pytest.approx(0.7)
    assert least_stretch(np.stack([-1.5 * right, 0 * down])).max() < 0
