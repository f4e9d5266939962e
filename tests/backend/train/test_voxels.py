"""Shells of training scenes: signs, distances, thin parts, and that views and volumes agree."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from backend.artifacts import COARSE, FINE, SDF_TRUNCATION, SHELL_THRESHOLD
from backend.geometry.grids import children, voxel_centres
from backend.train.bank import mesh_bank
from backend.train.objects import scenes_of
from backend.train.rigs import starter_rigs
from backend.train.scenes import Scenes
from backend.train.sheet import splat
from backend.train.voxels import LEAST_HALF_THICKNESS, Voxels
from tests.backend.train.shapes import GREEN, RED, ball, box, flat, joined, quad, shifted

SPHERE, NESTED, OPEN, SHEET, MIXED, CRACKED = range(6)
H = 1 / FINE


@pytest.fixture(scope="module")
def made() -> Scenes:
    cracked = ball(0.3)
    # A slit of one voxel around the middle.
    upper = cracked.vertices[cracked.faces].mean(axis=1)[:, 2] > 0
    vertices = cracked.vertices + np.where(cracked.vertices[:, 2:] > 1e-9, [0, 0, H], [0, 0, 0])
    torn = type(cracked)(
        vertices, cracked.uv, cracked.faces[~upper], (int((~upper).sum()),), cracked.textures
    )
    lid = type(cracked)(
        cracked.vertices + np.array([0, 0, H]),
        cracked.uv,
        cracked.faces[upper],
        (int(upper.sum()),),
        cracked.textures,
    )
    meshes = [
        ball(0.4, rings=64),
        joined(box((0.3, 0.3, 0.3), colours=(RED, RED, RED)), box((0.15, 0.15, 0.15))),
        box((0.3, 0.2, 0.25), drop_top=True),
        quad(),
        joined(box((0.3, 0.12, 0.1)), shifted(ball(0.15, texture=flat(GREEN)), (0.1, 0.0, 0.2))),
        joined(torn, lid),
    ]
    return scenes_of(*mesh_bank(meshes, "cpu"), torch.arange(len(meshes)), normalise=False)


@pytest.fixture(scope="module")
def voxels(made: Scenes) -> Voxels:
    return made.voxels()


def own(voxels: Voxels, scene: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centres, distances and colours of one scene."""
    is_own = voxels.coords[:, 0] == scene
    return voxel_centres(voxels.coords[is_own, 1:], FINE), voxels.sdf[is_own], voxels.rgb[is_own]


def dense(voxels: Voxels, scene: int) -> torch.Tensor:
    """Signed distance on the whole grid; not a number where there is no voxel."""
    volume = torch.full((FINE, FINE, FINE), torch.nan)
    is_own = voxels.coords[:, 0] == scene
    volume[voxels.coords[is_own, 1:].unbind(dim=1)] = voxels.sdf[is_own]
    return volume


def test_a_balls_distance_is_the_closed_form(voxels: Voxels):
    centres, sdf, _ = own(voxels, SPHERE)
    expected = (centres.norm(dim=1) - 0.4).clamp(-SDF_TRUNCATION, SDF_TRUNCATION)
    # The polyhedron's sagitta: 0.4 * (1 - cos(pi / 128)) twice over.
    assert_close(sdf, expected, atol=2.5e-4, rtol=0)


def test_coordinates_are_the_children_of_the_occupied_cells(voxels: Voxels):
    assert torch.equal(voxels.coords, children(voxels.occupancy))


def test_a_cell_is_occupied_when_a_child_is_near_the_shell(voxels: Voxels):
    near = voxels.coords[voxels.sdf.abs() < SHELL_THRESHOLD]
    expected = torch.zeros_like(voxels.occupancy)
    expected[near[:, 0], near[:, 1] // 2, near[:, 2] // 2, near[:, 3] // 2] = True
    assert torch.equal(voxels.occupancy, expected)
    assert voxels.occupancy.shape[1:] == (COARSE, COARSE, COARSE)


def test_a_hidden_inner_box_leaves_no_trace(voxels: Voxels):
    centres, sdf, rgb = own(voxels, NESTED)
    expected = centres.abs().amax(dim=1) - 0.3
    is_flat = centres.abs().median(dim=1).values < 0.25
    assert_close(sdf[is_flat], expected[is_flat].clamp(-SDF_TRUNCATION, SDF_TRUNCATION), atol=1e-5, rtol=0)
    assert float(centres.abs().amax(dim=1).min()) > 0.25
    assert bool((rgb[:, 0] > 0.8).all())


def test_inside_an_open_box_is_outside(voxels: Voxels):
    wall = dense(voxels, OPEN)[:, FINE // 2, FINE // 2]
    left = round((0.5 - 0.3) * FINE)
    assert float(wall[left - 1 : left + 1].min()) < 0
    inside = wall[left + 2 : FINE - left - 2]
    assert not bool((inside < 0).any())
    assert float(wall[left + 1]) > 0
    assert float(wall[left - 2]) > 0


def test_a_sheet_gets_a_body(voxels: Voxels):
    centres, sdf, _ = own(voxels, SHEET)
    is_over = centres[:, [0, 2]].abs().amax(dim=1) < 0.28
    expected = centres[:, 1].abs() - LEAST_HALF_THICKNESS
    assert_close(sdf[is_over], expected[is_over].clamp(max=SDF_TRUNCATION), atol=1e-5, rtol=0)
    inside = (sdf < 0) & is_over
    # No hole: one or two voxels under every place of the sheet.
    assert int(inside.sum()) >= (round(0.56 * FINE) - 2) ** 2


def test_a_crack_of_a_voxel_does_not_let_the_flood_in(voxels: Voxels):
    centres, sdf, _ = own(voxels, CRACKED)
    radius = centres.norm(dim=1)
    deep = (radius < 0.3 - 1.6 * H) & (centres[:, 2].abs() > 0.05)
    assert deep.any()
    assert bool((sdf[deep] < 0).all())


def test_the_coloured_shell_reproduces_the_views(made: Scenes, voxels: Voxels):
    """Voxels just inside the surface, drawn by `Cameras.project`, look like the rendered views."""
    size = 64
    rig = starter_rigs(len(made), "cpu")
    views = made.render(rig, size)
    for scene in (SPHERE, OPEN, MIXED):
        centres, sdf, rgb = own(voxels, scene)
        is_inside = sdf < 0
        for view in range(6):
            drawn = splat(centres[is_inside], rgb[is_inside], rig[scene][view : view + 1], size, cell=H)
            both = (drawn[3] > 0.5) & (views[scene, view, 3] > 0.5)
            either = (drawn[3] > 0.5) | (views[scene, view, 3] > 0.5)
            assert int(both.sum()) / int(either.sum()) > 0.9
            error = (drawn[:3] - views[scene, view, :3]).abs().amax(dim=0)[both]
            # Splats are larger than pixels, so the outlines of patches move by one pixel.
            assert float((error < 0.05).float().mean()) > 0.85


def test_chunks_do_not_matter(made: Scenes, voxels: Voxels):
    again = made.voxels(chunk=4)
    assert torch.equal(again.coords, voxels.coords)
    assert torch.equal(again.sdf, voxels.sdf)
    assert torch.equal(again.rgb, voxels.rgb)
