"""Inside and outside by winding numbers, on bodies with known volume."""

import numpy as np
import pytest

from backend.evaluate.inside import inside_cells
from backend.geometry.grids import cell_centres
from tests.backend.geometry.bodies import body_mesh, cube, sphere


def test_cells_inside_a_cube_are_those_whose_centre_is():
    mesh = cube()
    cells = inside_cells(mesh.vertices, mesh.faces, resolution=16)
    expected = (cell_centres(16).abs() < 0.25).all(dim=-1).numpy()
    assert np.array_equal(cells, expected)


def test_a_hole_in_the_surface_hardly_matters():
    mesh = body_mesh(sphere, resolution=32)
    whole = inside_cells(mesh.vertices, mesh.faces, resolution=32)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    open_ = mesh.faces[np.linalg.norm(centres - [0, 0, 0.35], axis=1) > 0.1]
    assert len(open_) < len(mesh.faces)
    holed = inside_cells(mesh.vertices, open_, resolution=32)
    assert (whole ^ holed).sum() < 0.01 * whole.sum()


def test_volume_of_a_sphere():
    mesh = body_mesh(sphere, resolution=64)
    share = inside_cells(mesh.vertices, mesh.faces, resolution=64).mean()
    assert share == pytest.approx(4 / 3 * np.pi * 0.35**3, rel=0.01)
