"""Tunnels of bodies made of cells."""

import numpy as np

from backend.geometry.grids import cell_centres
from backend.geometry.tunnels import num_tunnels
from tests.backend.geometry.bodies import sphere

CELLS = cell_centres(48)


def ring(points):
    around = points[..., :2].norm(dim=-1) - 0.3
    return ((around.square() + points[..., 2].square()).sqrt() - 0.1 < 0).numpy()


def test_a_ball_has_none_and_a_ring_one():
    assert num_tunnels((sphere(CELLS) < 0).numpy()) == 0
    assert num_tunnels(ring(CELLS)) == 1


def test_every_window_of_a_frame_is_one_but_the_first():
    """A cube of bars has six windows, and five ways through it that are not made of the others."""
    grid = np.zeros((9, 9, 9), dtype=bool)
    for axis in range(3):
        for a in (1, 7):
            for b in (1, 7):
                where = [slice(a, a + 1), slice(b, b + 1)]
                where.insert(axis, slice(1, 8))
                grid[tuple(where)] = True
    assert num_tunnels(grid) == 5


def test_specks_do_not_count():
    cells = ring(CELLS)
    cells[2, 2, ::6] = True
    assert num_tunnels(cells) == 1
