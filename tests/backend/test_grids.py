"""Cells, voxels and children agree about where they are."""

import numpy as np
import torch
from torch.testing import assert_close

from backend.geometry.grids import box_around, cell_centres, children, voxel_centres


def test_dense_and_listed_centres_agree():
    dense = cell_centres(4)
    coords = torch.tensor([[0, 0, 0], [3, 1, 2]])
    assert_close(voxel_centres(coords, 4), dense[coords[:, 0], coords[:, 1], coords[:, 2]])
    assert_close(dense[0, 0, 0], torch.full((3,), -0.375))


def test_children_surround_their_cell_and_come_in_c_order():
    occupancy = torch.zeros(2, 4, 4, 4, dtype=torch.bool)
    occupancy[0, 1, 2, 3] = occupancy[1, 0, 0, 0] = True
    fine = children(occupancy)
    assert fine.shape == (16, 4)
    assert_close(voxel_centres(fine[:8, 1:], 8).mean(0), cell_centres(4)[1, 2, 3])
    keys = ((fine[:, 0] * 8 + fine[:, 1]) * 8 + fine[:, 2]) * 8 + fine[:, 3]
    assert (keys.diff() > 0).all()


def test_a_box_holds_all_set_cells_and_no_more_than_its_margin():
    cells = np.zeros((8, 9, 10), dtype=bool)
    cells[2, 3, 4] = cells[5, 3, 9] = True
    assert box_around(cells) == (slice(2, 6), slice(3, 4), slice(4, 10))
    assert cells[box_around(cells, margin=2)].shape == (8, 5, 8)
    assert cells[box_around(np.zeros_like(cells))].size == 0
