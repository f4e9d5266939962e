"""Overlaps and fill of texture coordinates, on layouts whose answers are known."""

import numpy as np
import pytest

from backend.evaluate.atlas import overlap_pixels, sheet_fill

SQUARE = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def test_two_halves_of_a_square_do_not_overlap():
    assert overlap_pixels(SQUARE, FACES, size=200) == 0
    assert sheet_fill(SQUARE, FACES) == pytest.approx(0.25)


def test_a_face_on_another_is_found_whichever_way_it_runs():
    uv = np.concatenate([SQUARE, SQUARE + 0.25])
    for second in (FACES + 4, FACES[:, ::-1] + 4):
        found = overlap_pixels(uv, np.concatenate([FACES, second]), size=200)
        # The common square is 50 x 50 pixels; centres on its diagonals count for neither half.
        assert 2400 <= found <= 2500


def test_faces_without_area_cover_nothing():
    assert overlap_pixels(SQUARE, np.array([[0, 0, 1], [1, 1, 1]]), size=64) == 0
