"""Cells, voxels and children agree about where they are."""

import torch
from torch.testing import assert_close

from backend.geometry.grids import cell_centres, children, voxel_centres


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
