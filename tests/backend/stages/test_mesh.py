"""From sparse shapes to closed meshes: holes, specks, sides, colours, budget."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from backend.artifacts import FINE, SparseShape
from backend.errors import ArtifactError
from backend.evaluate.surface import is_watertight, num_shells
from backend.geometry.closing import close_shell, with_tunnels_filled
from backend.geometry.flips import smallest_angles
from backend.geometry.grids import cell_centres, voxel_centres
from backend.geometry.meshes import signed_volume
from backend.stages.mesh import extract_mesh
from tests.backend.geometry.bodies import BLUE, RED, egg, sparse_shape, sphere, without

VOLUME = 4 / 3 * np.pi * 0.35**3


def radii(mesh):
    return np.linalg.norm(mesh.vertices, axis=1)


def test_whole_sphere_comes_out_where_it_was():
    mesh = extract_mesh(sparse_shape(), faces=20_000)
    assert is_watertight(mesh.vertices, mesh.faces)
    assert num_shells(mesh.vertices, mesh.faces) == 1
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=5e-3)
    assert np.abs(radii(mesh) - 0.35).max() < 0.2 / FINE


def test_holes_in_the_shell_are_spanned():
    shape = sparse_shape()
    centres = voxel_centres(shape.coords, FINE)
    spots = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0, 0], [0, -1, 0.3], [-1, 1, 1], [0, 0, -1]]), dim=1
    )
    drop = torch.cdist(centres, spots * 0.35).amin(dim=1) < 0.08
    assert drop.float().mean() > 0.04
    mesh = extract_mesh(without(shape, drop), faces=20_000)
    assert is_watertight(mesh.vertices, mesh.faces)
    # A membrane over a hole of radius r in a sphere of radius R is flat: it lies r^2 / 2R below the sphere.
    assert np.abs(radii(mesh) - 0.35).max() < 0.08**2 / 0.7 + 2 / FINE
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=0.03)


def test_a_shape_with_half_its_cells_missing_is_still_closed():
    shape = sparse_shape()
    drop = (
        torch.rand(len(shape.coords) // 8, generator=torch.Generator().manual_seed(0)).repeat_interleave(8)
        < 0.5
    )
    drop = torch.cat([drop, drop.new_zeros(len(shape.coords) - len(drop))])
    mesh = extract_mesh(without(shape, drop), faces=20_000)
    assert is_watertight(mesh.vertices, mesh.faces)
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=0.1)


def test_noise_in_the_distances_leaves_the_mesh_closed():
    shape = sparse_shape()
    noise = torch.randn(len(shape.sdf), generator=torch.Generator().manual_seed(0)) * 0.5 / FINE
    noisy = SparseShape(shape.coords, shape.sdf + noise, shape.rgb)
    mesh = extract_mesh(noisy, faces=8_000)
    assert is_watertight(mesh.vertices, mesh.faces)
    assert len(mesh.faces) == pytest.approx(8_000, rel=0.02)
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=0.05)


def test_known_voxels_keep_their_distances():
    shape = sparse_shape()
    field = close_shell(shape)
    x, y, z = shape.coords.unbind(1)
    assert torch.allclose(field[x, y, z], shape.sdf, atol=1e-3 / FINE + 0.01 * shape.truncation)


def test_inside_and_outside_have_their_signs():
    field = close_shell(sparse_shape())
    assert field[64, 64, 64] < 0
    assert (field[0] > 0).all()
    assert (field[:, :, -1] > 0).all()


def test_a_cavity_is_filled():
    def hollow(points):
        return torch.maximum(sphere(points), -sphere(points, radius=0.15))

    mesh = extract_mesh(sparse_shape(hollow), faces=20_000)
    assert num_shells(mesh.vertices, mesh.faces) == 1
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=5e-3)


def _hollow_with_tunnel(radius):
    """A hollow ball with a tunnel of `radius` voxels into it."""

    def distance(points):
        shell = torch.maximum(sphere(points), -sphere(points, radius=0.3))
        tunnel = points[..., [0, 2]].norm(dim=-1) - radius / FINE
        return torch.where(points[..., 1] < 0, torch.maximum(shell, -tunnel), shell)

    return distance


def test_a_hollow_with_a_pinhole_is_filled():
    """Networks draw thin walls with holes where a body is solid."""
    mesh = extract_mesh(sparse_shape(_hollow_with_tunnel(1.5)), faces=20_000)
    assert signed_volume(mesh) == pytest.approx(VOLUME, rel=0.01)
    assert num_shells(*_arrays(mesh)) == 1


def _porous(count, radius):
    """A hollow ball whose wall has `count` holes of `radius` voxels, spread evenly."""
    number = torch.arange(count) + 0.5
    height = 1 - 2 * number / count
    turn = number * math.pi * (1 + math.sqrt(5))
    level = (1 - height.square()).sqrt()
    toward = torch.stack([level * turn.cos(), level * turn.sin(), height], dim=1)

    def distance(points):
        shell = torch.maximum(sphere(points), -sphere(points, radius=0.33))
        along = points @ toward.T
        away = (points.square().sum(dim=-1, keepdim=True) - along.square()).clamp_min(0).sqrt()
        hole = torch.where(along > 0, away, 1.0).amin(dim=-1) - radius / FINE
        return torch.maximum(shell, -hole)

    return distance


def test_a_porous_body_is_filled_through_openings_that_a_vessel_may_have():
    """Sixty openings of 11 voxels make a wall full of holes; one of them alone may be meant."""
    porous = extract_mesh(sparse_shape(_porous(60, 5.5)), faces=20_000)
    assert signed_volume(porous) > 0.9 * VOLUME
    assert _num_tunnels(porous) < 10
    vessel = extract_mesh(sparse_shape(_hollow_with_tunnel(5.5)), faces=20_000)
    assert signed_volume(vessel) < 0.5 * VOLUME


def _num_tunnels(mesh):
    return 1 - (len(mesh.vertices) - len(mesh.faces) // 2) // 2


def test_a_vessel_with_a_mouth_stays_hollow():
    mesh = extract_mesh(sparse_shape(_hollow_with_tunnel(8)), faces=20_000)
    assert signed_volume(mesh) < 0.5 * VOLUME


def test_narrow_gaps_between_bars_stay_open():
    """Five bars with gaps of 3.4 voxels."""

    def bars(points):
        across = (points[..., 0] * FINE + 804) % 8 - 4
        wide = across.abs() - 2.3
        inside_x = (points[..., 0].abs() * FINE) - 19
        length = torch.maximum(points[..., 1].abs(), points[..., 2].abs()) - 0.3
        return torch.maximum(torch.maximum(wide / FINE, inside_x / FINE), length)

    shape = sparse_shape(bars)
    volume = float((close_shell(shape) < 0).float().mean())
    true = float((bars(cell_centres(FINE)) < 0).float().mean())
    assert volume == pytest.approx(true, rel=0.02)


def test_specks_are_dropped():
    def with_speck(points):
        return torch.minimum(sphere(points), sphere(points, centre=(0.45, 0.45, 0.45), radius=0.02))

    assert num_shells(*_arrays(extract_mesh(sparse_shape(with_speck), faces=20_000))) == 1


def test_a_body_that_touches_the_border_is_closed_there():
    mesh = extract_mesh(sparse_shape(lambda points: sphere(points, centre=(0.3, 0.0, 0.0))), faces=20_000)
    assert is_watertight(mesh.vertices, mesh.faces)
    assert mesh.vertices.max() < 0.5


@pytest.mark.parametrize("budget", [20_000, 5_000, 1_000])
def test_the_face_budget_is_kept(budget: int):
    mesh = extract_mesh(sparse_shape(egg), faces=budget)
    assert 0.98 * budget <= len(mesh.faces) <= 1.02 * budget
    assert is_watertight(mesh.vertices, mesh.faces)


def test_colours_land_where_they_belong():
    mesh = extract_mesh(sparse_shape(), faces=10_000)
    front, back = mesh.vertices[:, 1] < -0.02, mesh.vertices[:, 1] > 0.02
    assert mesh.colours is not None
    assert np.abs(mesh.colours[front] - RED).max() < 0.01
    assert np.abs(mesh.colours[back] - BLUE).max() < 0.01


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_shape_that_encloses_nothing_is_refused(count: int):
    shape = SparseShape(
        torch.arange(count)[:, None] % 2 + 40 + torch.zeros(3, dtype=torch.long),
        torch.full((count,), 0.01),
        torch.zeros(count, 3),
    )
    with pytest.raises(ArtifactError, match="generate it again"):
        extract_mesh(shape, faces=1000)


def _arrays(mesh):
    return mesh.vertices, mesh.faces


def test_slivers_are_rare():
    mesh = extract_mesh(sparse_shape(egg), faces=5_000)
    angles = np.degrees(smallest_angles(mesh.vertices, mesh.faces))
    assert (angles < 5).mean() < 0.002
    assert angles.min() > 0.5


def test_a_standing_body_has_a_flat_underside():
    shape = sparse_shape()
    whole, standing = (extract_mesh(shape, faces=8_000, is_standing=choice) for choice in (False, True))
    low = standing.vertices[:, 2].min()
    # Half of the section at 0.15 of the height, h (2 R - h), is reached at 0.07 of it.
    assert low - whole.vertices[:, 2].min() == pytest.approx(0.07 * 0.7, abs=1.5 / FINE)
    corners = standing.vertices[standing.faces]
    is_base = (corners[:, :, 2] == low).all(axis=1)
    edges = corners[is_base][:, 1:, :2] - corners[is_base][:, :1, :2]
    area = np.abs(np.linalg.det(edges.astype(np.float64))).sum() / 2
    radius_squared = 0.35**2 - low.astype(np.float64) ** 2
    assert area == pytest.approx(np.pi * radius_squared, rel=0.1)
    assert is_watertight(*_arrays(standing))
    assert signed_volume(standing) > 0


def test_a_box_that_stands_already_loses_next_to_nothing():
    def box(points):
        return (points.abs() - torch.tensor([0.3, 0.2, 0.25])).amax(dim=-1)

    mesh = extract_mesh(sparse_shape(box), faces=4_000, is_standing=True)
    assert mesh.vertices[:, 2].min() == pytest.approx(-0.25, abs=1 / FINE)


def test_a_body_with_a_slanted_foot_is_cut_until_it_stands():
    """A ball on a small foot that is off its middle tips over unless the foot goes."""

    def on_a_foot(points):
        foot = (points - torch.tensor([0.15, 0.0, -0.33])).abs() - torch.tensor([0.03, 0.03, 0.04])
        return torch.minimum(sphere(points), foot.amax(dim=-1))

    mesh = extract_mesh(sparse_shape(on_a_foot), faces=8_000, is_standing=True)
    low = mesh.vertices[:, 2].min()
    base = mesh.vertices[mesh.vertices[:, 2] == low]
    assert base[:, 0].min() < -0.05
    assert base[:, 0].max() > 0.05


def test_a_sponge_keeps_a_small_budget():
    """A slab with 144 tunnels cannot have 400 faces and stay closed unless tunnels are filled."""

    def sponge(points):
        slab = (points.abs() - torch.tensor([0.4, 0.4, 0.1])).amax(dim=-1)
        cell = (points[..., :2] + 0.4).remainder(0.8 / 12) - 0.4 / 12
        tunnel = cell.norm(dim=-1) - 1.6 / FINE
        return torch.maximum(slab, -tunnel)

    mesh = extract_mesh(sparse_shape(sponge), faces=400)
    assert 0.98 * 400 <= len(mesh.faces) <= 1.02 * 400
    assert is_watertight(*_arrays(mesh))


@pytest.mark.parametrize("reach", [1, 3])
def test_tunnels_are_filled_by_a_ball(reach):
    """Against distances: open where a ball of this radius fits without touching the body."""
    side = 24
    generator = torch.Generator().manual_seed(0)
    field = torch.ones(side, side, side)
    field[4:-4, 4:-4, 4:-4] = (
        0.5 - (torch.rand(side - 8, side - 8, side - 8, generator=generator) < 0.4).float()
    )
    inside = np.pad((field < 0).numpy(), 8)
    free = np.asarray(ndimage.distance_transform_edt(~inside)) > reach
    closed = np.asarray(ndimage.distance_transform_edt(~free)) > reach
    filled = with_tunnels_filled(field, reach=reach) < 0
    assert np.array_equal(filled.numpy(), closed[8:-8, 8:-8, 8:-8])
