"""Cutting of charts: what fills its box stays whole, what wastes it is cut, and nothing is lost."""

import numpy as np
import pytest

from backend.geometry.chart_cutting import LONGEST, cut_charts
from backend.geometry.chart_parting import chart_of_faces
from backend.geometry.packing import pack
from tests.backend.geometry.flat_charts import ring, rod, together

DISC = ring(1.0, 1e-3, pieces=48)
RING = ring(1.0, 0.9, pieces=48)
FRAME = together(ring(1.0, 0.9, pieces=4))


def num_pieces(uv, faces) -> int:
    vertex, faces = cut_charts(uv, faces)
    return len(np.unique(chart_of_faces(faces, num_vertices=len(vertex))))


def fill_of(uv, faces) -> float:
    packed = pack(uv, faces, texture_px=1024)
    assert packed is not None
    a, b, c = (packed[faces[:, corner]].astype(np.float64) for corner in range(3))
    ab, ac = b - a, c - a
    return float(np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]).sum() / 2)


def test_faces_keep_their_form_and_every_chart_its_vertices_to_itself():
    uv, faces = together(DISC, RING, rod(3.0, 0.1, pieces=40))
    vertex, cut = cut_charts(uv, faces)
    assert np.array_equal(vertex[cut], faces)
    assert np.array_equal(np.unique(cut), np.arange(len(vertex)))


def test_a_disc_stays_whole():
    """Halves and quarters of a disc have boxes as large as the disc's own."""
    big = ring(2.0, 1e-3, pieces=48)
    assert num_pieces(*together(DISC, big, rod(4.0, 3.0, pieces=1))) == 3


def test_a_thin_ring_falls_into_arcs_that_fill_the_sheet():
    uv, faces = RING
    vertex, cut = cut_charts(uv, faces)
    assert 4 <= num_pieces(uv, faces) <= 16
    assert fill_of(uv[vertex], cut) > 2 * fill_of(uv, faces)


def test_a_rod_is_cut_until_no_piece_is_too_long():
    uv, faces = rod(100.0, 1.0, pieces=200)
    vertex, cut = cut_charts(uv, faces)
    chart = chart_of_faces(cut, num_vertices=len(vertex))
    lengths = [np.ptp(uv[vertex[cut[chart == number]], 0]) for number in np.unique(chart)]
    assert max(lengths) <= LONGEST * 10
    assert len(lengths) <= 24
    assert fill_of(uv[vertex], cut) > 0.7


@pytest.mark.parametrize("length", [3.0, 100.0])
def test_a_rod_whose_faces_are_as_long_as_itself_is_not_slit(length):
    assert num_pieces(*rod(length, 1.0, pieces=1)) == 1


def test_no_faces_are_no_charts():
    vertex, faces = cut_charts(np.zeros((0, 2)), np.zeros((0, 3), np.int64))
    assert len(vertex) == len(faces) == 0
