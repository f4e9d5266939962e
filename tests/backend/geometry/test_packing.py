"""Packing of charts: in the holes of others, apart from each other, up to the ends of the sheet."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from backend.evaluate.atlas import overlap_pixels, sheet_fill
from backend.geometry.chart_parting import chart_of_faces
from backend.geometry.packing import MOST_STRETCH, pack
from tests.backend.geometry.flat_charts import ring, rod, together

PX = 512
NESTED = together(*(ring(radius, 0.86 * radius, pieces=4) for radius in (1.0, 0.8, 0.64, 0.51, 0.41, 0.33)))


def packed(uv, faces) -> np.ndarray:
    found = pack(uv, faces, texture_px=PX)
    assert found is not None
    return found


def test_frames_lie_within_frames():
    uv, faces = NESTED
    laid = packed(uv, faces)
    low, high = (
        np.array([part(laid[faces[at : at + 8]].reshape(-1, 2), 0) for at in range(0, 48, 8)])
        for part in (np.min, np.max)
    )
    assert (low[1:] > low[0]).all()
    assert (high[1:] < high[0]).all()
    assert sheet_fill(laid, faces) > 0.65
    assert overlap_pixels(laid, faces, size=2048) == 0


def test_what_lies_in_a_hole_keeps_its_distance():
    uv, faces = NESTED
    laid = packed(uv, faces)
    chart = chart_of_faces(faces, num_vertices=len(uv))
    spots = np.random.default_rng(0).dirichlet(np.ones(3), (len(faces), 400))
    points = np.einsum("fsk,fkc->fsc", spots, laid[faces] * PX).reshape(-1, 2)
    near = KDTree(points).query_pairs(1.5, output_type="ndarray") // 400
    assert (chart[near[:, 0]] == chart[near[:, 1]]).all()


def test_nothing_lies_over_the_inside_of_a_chart():
    """A disc has no hole, though no outline runs there."""
    charts = [ring(1.0, 1e-3, pieces=32), *(rod(0.3, 0.3, pieces=2) for _ in range(8))]
    uv, faces = together(*charts)
    laid = packed(uv, faces)
    assert overlap_pixels(laid, faces, size=2048) == 0


@pytest.mark.parametrize(("length", "fill"), [(1.7, 0.98), (3.0, 0.65), (30.0, 0.065)])
def test_a_chart_longer_than_wide_is_stretched_across_within_bounds(length, fill):
    uv, faces = rod(length, 1.0, pieces=1)
    laid = packed(uv, faces)
    width, height = sorted(np.ptp(laid, axis=0))[::-1]
    assert length * height / width <= MOST_STRETCH * 1.01
    assert sheet_fill(laid, faces) > fill
    assert laid.max() == pytest.approx(1)
