"""Pictures of training scenes: geometry, textures, edges, light."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from backend.geometry.cameras import Cameras, orbit_cameras
from backend.models.input_camera import InputFrame
from backend.train.bank import mesh_bank
from backend.train.gltf import ObjectMesh
from backend.train.lights import Light
from backend.train.objects import mesh_soup, scenes_of
from backend.train.rigs import input_cameras, random_rigs, starter_rigs
from backend.train.scenes import Scenes, input_pictures
from backend.train.soup import MAX_PER_CELL, thinned_out
from tests.backend.train.shapes import BLUE, GREEN, RED, YELLOW, ball, box, flat, joined, quad, shifted


def scenes(*meshes: ObjectMesh) -> Scenes:
    """The meshes as they are, each in its own scene."""
    return scenes_of(*mesh_bank(meshes, "cpu"), torch.arange(len(meshes)), normalise=False)


def front(count: int = 1, *, azimuth_deg: float = 0.0, elevation_deg: float = 0.0) -> Cameras:
    """One camera for each scene, 2 m away, that sees 1 m in the object's plane."""
    angle = torch.deg2rad(torch.full((count, 1), azimuth_deg))
    elevation = torch.deg2rad(torch.full((count, 1), elevation_deg))
    fov = torch.full((count, 1), 2 * math.atan(0.25))
    return orbit_cameras(angle, elevation, torch.full((count, 1), 2.0), fov)


def colour(rgb: tuple[int, int, int]) -> torch.Tensor:
    return torch.tensor(rgb) / 255


def test_textures_are_upright_and_not_mirrored():
    picture = scenes(quad()).render(front(), 40)[0, 0, :3]
    for row, column, expected in ((12, 12, RED), (12, 28, GREEN), (28, 12, BLUE), (28, 28, YELLOW)):
        assert_close(picture[:, row, column], colour(expected), atol=1e-5, rtol=0)


def test_sheets_are_seen_from_behind_too():
    picture = scenes(quad()).render(front(azimuth_deg=180.0), 40)[0, 0]
    assert picture[3, 20, 20] == 1
    assert_close(picture[:3, 12, 12], colour(GREEN), atol=1e-5, rtol=0)


def test_the_renderer_agrees_with_the_cameras():
    """Small balls appear where the cameras project their centres, in every view of a jittered rig."""
    places = torch.tensor([[0.3, 0.1, 0.2], [-0.2, -0.3, 0.1], [0.05, 0.25, -0.35]])
    mesh = ball(0.02, rings=8, texture=flat(RED))
    rig = random_rigs(3, torch.Generator().manual_seed(3), "cpu")
    size = 96
    moved = [shifted(mesh, (float(place[0]), float(place[1]), float(place[2]))) for place in places]
    alpha = scenes(*moved).render(rig, size)[:, :, 3]
    axis = (torch.arange(size) + 0.5) / size
    weight = alpha.sum(dim=(2, 3))
    found = torch.stack(
        [(alpha.sum(dim=2) * axis).sum(dim=2) / weight, (alpha.sum(dim=3) * axis).sum(dim=2) / weight], dim=2
    )
    expected = rig.project(places[:, None, None].expand(-1, 6, -1, -1))[0][:, :, 0]
    # A tenth of a pixel: edges have four samples.
    assert_close(found, expected, atol=0.1 / size, rtol=0)


def test_the_nearer_surface_hides_the_farther_one():
    near, far = shifted(box((0.1, 0.02, 0.1)), (0, -0.3, 0)), shifted(quad(), (0, 0.2, 0))
    picture = scenes(joined(far, near)).render(front(), 32)[0, 0]
    assert_close(picture[:3, 16, 16], colour(GREEN), atol=1e-5, rtol=0)


def test_alpha_is_the_covered_share_of_a_pixel():
    """A sheet of 0.6 m x 0.6 m covers 36 % of a picture of 1 m x 1 m."""
    sheet = quad()
    red = ObjectMesh(sheet.vertices, sheet.uv, sheet.faces, sheet.runs, (flat(RED),))
    picture = scenes(red).render(front(), 37, supersample=4)[0, 0]
    # Off by at most one of 148 samples, across and down.
    assert float(picture[3].mean()) == pytest.approx(0.36, abs=2 * 0.6 / 148)
    is_edge = (picture[3] > 0) & (picture[3] < 1)
    assert is_edge.any()
    # Straight alpha: edges keep the full colour.
    expected = colour(RED)[:, None].expand(-1, int(is_edge.sum()))
    assert_close(picture[:3, is_edge], expected, atol=1e-5, rtol=0)


def test_scenes_do_not_see_each_other():
    many = [box((0.1 + 0.02 * index, 0.2, 0.3)) for index in range(9)]
    together = scenes(*many).render(starter_rigs(9, "cpu"), 24)
    alone = torch.cat([scenes(mesh).render(starter_rigs(1, "cpu"), 24) for mesh in many])
    assert torch.equal(together, alone)


def test_faces_piled_up_at_one_place_are_thinned_out():
    """Warp 1.2 would overflow its stack; what is seen stays the same."""
    sheet = quad()
    pile = ObjectMesh(sheet.vertices, sheet.uv, np.tile(sheet.faces, (40, 1)), (80,), sheet.textures)
    bank, textures = mesh_bank([pile, ball()], "cpu")
    made = scenes_of(bank, textures, torch.arange(2), normalise=False)
    assert torch.equal(made.render(front(2), 16), scenes(sheet, ball()).render(front(2), 16))
    soup = mesh_soup(bank, torch.arange(2), normalise=False)
    thin = thinned_out(soup, 2)
    scene = thin.scene[thin.faces[:, 0].long()]
    assert (scene == 0).sum() == MAX_PER_CELL
    assert (scene == 1).sum() == bank.face_range[1, 1]


def test_light_from_everywhere_changes_nothing():
    even = Light(torch.ones(1, 3), torch.tensor([[[0.0, -1, 0]]]), torch.zeros(1, 1, 3), torch.zeros(1))
    plain, lit = scenes(ball()).render(front(), 24), scenes(ball()).render(front(), 24, light=even)
    assert_close(lit, plain, atol=2e-3, rtol=0)


def test_faces_towards_the_lamp_are_brighter():
    lamp = Light(
        torch.full((1, 3), 0.2), torch.tensor([[[0.0, 0, 1]]]), torch.full((1, 1, 3), 0.8), torch.zeros(1)
    )
    grey = ball(texture=flat((128, 128, 128)))
    picture = scenes(grey).render(front(elevation_deg=20.0), 32, light=lamp)[0, 0, 0]
    assert picture[7, 16] > picture[16, 16] > picture[25, 16]


def test_the_starter_rig_stays_in_the_mixture():
    rigs = random_rigs(200, torch.Generator().manual_seed(0), "cpu")
    same = (rigs.world_from_cam - starter_rigs(200, "cpu").world_from_cam).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 0.3 < float(same.float().mean()) < 0.5


def test_random_rigs_see_nearly_the_whole_sphere():
    rigs = random_rigs(100, torch.Generator().manual_seed(1), "cpu")
    half_angle = torch.asin(0.5 / rigs.position.norm(dim=-1))
    assert float((half_angle / (rigs.fov / 2)).max()) < 1.05


def test_input_pictures_hold_the_object_in_the_middle():
    made = scenes(box((0.3, 0.2, 0.1)), ball(0.3))
    pictures, _ = input_pictures(made, torch.Generator().manual_seed(0), 48)
    assert pictures.shape == (2, 4, 48, 48)
    solid = pictures[:, 3] > 0.5
    for index in range(2):
        rows, columns = solid[index].any(dim=1).nonzero(), solid[index].any(dim=0).nonzero()
        longer = max(len(rows), len(columns)) / 48
        assert 0.68 < longer < 0.95
        assert abs(float(rows.float().mean()) - 23.5) < 1.5


def test_the_frame_of_an_input_picture_says_where_points_of_the_object_lie():
    """The tips of a thin rod are the edges of what is solid."""
    made = scenes(box((0.3, 0.01, 0.01)))
    pictures, frame = input_pictures(made, torch.Generator().manual_seed(0), 96)
    uv, _ = frame.project(torch.tensor([[-0.3, 0, 0], [0.3, 0, 0]]))
    columns = (pictures[0, 3] > 0.5).any(dim=0).nonzero()[:, 0]
    assert_close(uv[0, :, 0] * 96, torch.tensor([columns.min(), columns.max() + 1]).float(), atol=1.5, rtol=0)


def test_frames_survive_their_code():
    _, frame = input_pictures(scenes(ball(0.3)), torch.Generator().manual_seed(2), 16)
    again = InputFrame.from_code(frame.code())
    for name in ("elevation", "fov", "centre", "side"):
        assert_close(getattr(again, name), getattr(frame, name))


def test_input_cameras_stand_in_front():
    cameras, elevation = input_cameras(50, torch.Generator().manual_seed(0), "cpu")
    height = cameras.position[:, 0, 2] / cameras.position[:, 0].norm(dim=1)
    assert_close(height.asin(), elevation)
    assert_close(cameras.position[..., 0], torch.zeros(50, 1), atol=1e-6, rtol=0)
    assert bool((cameras.position[..., 1] < 0).all())
