"""Points find their place in every view, and features are sampled where they project to."""

import torch
import torch.nn.functional as F
from torch.testing import assert_close

from backend.geometry.cameras import STARTER_RIG, ZERO123PLUS_V12_RIG, Cameras
from backend.models.lifting import project_grid, project_lists, sample_maps, sample_pixels

POINTS = torch.tensor([[0.0, 0.0, 0.0], [0.1, -0.2, 0.15], [-0.3, 0.05, -0.2], [3.0, 3.0, 3.0]])


def rigs(*rigs_of_samples: Cameras) -> Cameras:
    return Cameras(
        torch.stack([rig.world_from_cam for rig in rigs_of_samples]),
        torch.stack([rig.fov for rig in rigs_of_samples]),
    )


CAMERAS = rigs(STARTER_RIG.cameras(), ZERO123PLUS_V12_RIG.cameras())


def test_the_rig_decides_where_a_point_is_seen():
    seen = project_grid(POINTS[1:2], CAMERAS)
    for sample, rig in enumerate((STARTER_RIG, ZERO123PLUS_V12_RIG)):
        uv, _ = rig.cameras().project(POINTS[1:2].expand(6, 1, 3))
        assert_close(seen.uv[sample], uv[:, 0])
    assert not torch.allclose(seen.uv[0], seen.uv[1])


def test_the_origin_is_in_the_middle_of_every_view_at_depth_zero():
    seen = project_grid(POINTS[:1], CAMERAS)
    assert_close(seen.uv, torch.full_like(seen.uv, 0.5))
    assert_close(seen.geometry[..., 3], torch.zeros(2, 6), atol=1e-5, rtol=0)
    assert (seen.geometry[..., 4] == 1).all()


def test_lists_agree_with_a_grid_of_the_same_points():
    one, other = project_grid(POINTS, CAMERAS), project_lists([POINTS, POINTS], CAMERAS)
    assert_close(one.uv, other.uv)
    assert_close(one.geometry, other.geometry)
    assert_close(one.sample, other.sample)


def test_sampled_maps_agree_with_grid_sample():
    maps = torch.randn(2, 6, 5, 7, 3, dtype=torch.float64)
    seen = project_grid(POINTS, CAMERAS)
    grid = (2 * seen.uv.double() - 1).unflatten(0, (2, -1)).transpose(1, 2).flatten(0, 1)[:, :, None]
    wanted = F.grid_sample(maps.flatten(0, 1).movedim(-1, 1), grid, align_corners=False)[..., 0]
    wanted = wanted.unflatten(0, (2, 6)).permute(0, 3, 1, 2).flatten(0, 1)
    assert_close(sample_maps(maps, seen), wanted, atol=1e-5, rtol=1e-5)


def test_sampled_pixels_agree_with_sampled_maps():
    pictures = torch.rand(2, 6, 4, 8, 8)
    wanted = sample_maps(pictures.movedim(2, -1), project_grid(POINTS, CAMERAS))
    found = sample_pixels(pictures, POINTS, CAMERAS)
    assert_close(found.permute(0, 3, 1, 2).flatten(0, 1), wanted, atol=1e-5, rtol=1e-5)


def test_gradient_of_samples_agrees_with_finite_differences():
    seen = project_grid(POINTS[1:3], CAMERAS[:1])
    maps = torch.randn(1, 6, 3, 3, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda maps: sample_maps(maps, seen), (maps,))


def test_half_precision_moves_no_projection():
    exact = project_grid(POINTS, CAMERAS)
    with torch.autocast("cpu", torch.bfloat16):
        half = project_grid(POINTS, CAMERAS)
    assert_close(half.uv, exact.uv, rtol=0, atol=0)
