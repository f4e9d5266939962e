"""Charts: complete, inside the texture, never over one another; and what is baked through them."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from backend.evaluate.atlas import overlap_pixels
from backend.geometry import xatlas_process
from backend.geometry.bake import fill_texture, texels
from backend.geometry.chart_parting import chart_of_faces, overlapping_pairs, parted
from backend.geometry.meshes import interpolate, make_mesh
from backend.geometry.packing import pack
from backend.geometry.simplify import simplify
from backend.geometry.unwrap import Unwrapped, grid_of_triangles, quick_unwrap, unwrap
from backend.geometry.xatlas_process import PART_FACES, cut
from tests.backend.geometry.bodies import body_mesh, cube

PX = 256
MESH = simplify(body_mesh(), faces=1500)
CHARTS = {
    "xatlas": unwrap(MESH, texture_px=PX),
    "box": quick_unwrap(MESH, texture_px=PX),
    "grid": grid_of_triangles(MESH, texture_px=PX),
}


def areas(uv, faces):
    a, b, c = (uv[faces[:, corner]].astype(np.float64) for corner in range(3))
    ab, ac = b - a, c - a
    return np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]) / 2


@pytest.mark.parametrize("how", CHARTS)
def test_every_face_has_a_place_inside_the_texture(how: str):
    charts = CHARTS[how]
    assert charts.uv.min() >= 0
    assert charts.uv.max() <= 1
    assert np.array_equal(charts.vertex[charts.faces], MESH.faces)
    assert (areas(charts.uv, charts.faces) > 0).mean() > 0.999


@pytest.mark.parametrize("how", CHARTS)
def test_charts_do_not_overlap(how: str):
    charts = CHARTS[how]
    assert overlap_pixels(charts.uv, charts.faces, size=2048) == 0


def test_two_pixels_lie_between_charts():
    """Each chart has one of its own beside it, so that filtering takes nothing from its neighbour."""
    charts = CHARTS["xatlas"]
    rows, columns = charts.faces[:, [0, 1]].ravel(), charts.faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(rows.size), (rows, columns)), shape=(len(charts.uv),) * 2)
    _, label = connected_components(graph, directed=False)
    rim = charts.uv * PX
    tree = KDTree(rim)
    near = tree.query_pairs(1.0, output_type="ndarray")
    assert (label[near[:, 0]] == label[near[:, 1]]).all()


def test_the_sheet_is_filled():
    mesh = simplify(body_mesh(resolution=96), faces=4000)
    charts = unwrap(mesh, texture_px=1024)
    assert areas(charts.uv, charts.faces).sum() > 0.63


def test_a_mesh_of_many_faces_is_unwrapped_in_parts():
    mesh = simplify(body_mesh(resolution=96), faces=12_000)
    parts = cut(mesh.vertices, mesh.faces.astype(np.int64))
    assert len(parts) > 2
    assert max(len(part) for part in parts) <= PART_FACES
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(mesh.faces)))
    charts = unwrap(mesh, texture_px=1024)
    assert charts.is_charted
    assert np.array_equal(charts.vertex[charts.faces], mesh.faces)
    assert overlap_pixels(charts.uv, charts.faces, size=1024) == 0


def test_charts_that_xatlas_lays_over_themselves_are_parted():
    mesh = simplify(body_mesh(resolution=96), faces=9_000)
    _, faces, uv = xatlas_process.charts(mesh.vertices, mesh.faces.astype(np.int64), 1024)
    chart = chart_of_faces(faces, num_vertices=len(uv))
    assert len(overlapping_pairs(uv[faces].astype(np.float64), chart)) > 0
    charts = unwrap(mesh, texture_px=1024)
    assert np.array_equal(charts.vertex[charts.faces], mesh.faces)
    assert overlap_pixels(charts.uv, charts.faces, size=2048) == 0


def test_a_strip_that_winds_over_itself_loses_only_the_faces_that_do():
    angle = np.linspace(0, 2.1 * np.pi, 43)
    uv = np.concatenate([np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1) for r in (1.0, 2.0)])
    inner, outer = np.arange(42), np.arange(42) + 43
    strip = np.concatenate(
        [np.stack([inner, outer, inner + 1], 1), np.stack([inner + 1, outer, outer + 1], 1)]
    )
    assert len(overlapping_pairs(uv[strip], np.zeros(84, np.int64))) > 0
    vertex, faces = parted(uv, strip)
    assert np.array_equal(vertex[faces], strip)
    chart = chart_of_faces(faces, num_vertices=len(vertex))
    assert len(overlapping_pairs(uv[strip], chart)) == 0
    assert np.bincount(chart).max() >= 80
    assert np.array_equal(parted(uv, strip[:40])[1], strip[:40])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_charts_find_the_same_places_on_a_gpu():
    charts = CHARTS["box"]
    places = [
        pack(charts.uv * PX, charts.faces.astype(np.int64), texture_px=PX, device=device)
        for device in ("cpu", "cuda")
    ]
    assert places[0] is not None
    assert places[0].tolist() == (places[1].tolist() if places[1] is not None else None)


def test_xatlas_makes_charts_and_uses_the_texture():
    charts = CHARTS["xatlas"]
    assert charts.is_charted
    assert len(charts.uv) < 1.5 * len(MESH.vertices)
    assert areas(charts.uv, charts.faces).sum() > 0.5


def test_unwrapping_twice_gives_the_same():
    again = unwrap(MESH, texture_px=PX)
    assert np.array_equal(again.uv, CHARTS["xatlas"].uv)
    assert np.array_equal(again.faces, CHARTS["xatlas"].faces)


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0), (1e6, 0), (1, 300)])
def test_tiny_huge_and_distant_meshes_get_charts_too(scale, shift):
    mesh = make_mesh(MESH.vertices * scale + shift, MESH.faces)
    charts = unwrap(mesh, texture_px=PX)
    assert len(charts.uv) < 1.5 * len(MESH.vertices)
    assert areas(charts.uv, charts.faces).sum() > 0.3


def test_when_time_is_up_quicker_charts_are_made():
    charts = unwrap(MESH, texture_px=PX, time_limit=1e-3)
    assert np.array_equal(charts.uv, CHARTS["box"].uv)


def test_quick_charts_are_few_and_fill_a_third_of_the_texture():
    charts = CHARTS["box"]
    assert charts.is_charted
    assert len(charts.uv) < 1.4 * len(MESH.vertices)
    assert areas(charts.uv, charts.faces).sum() > 0.33


def test_a_spiral_that_winds_over_itself_is_parted():
    """A ramp of two and a half turns: one patch by direction, and every place over another one."""
    angle = np.linspace(0, 5 * np.pi, 101)
    edges = [
        np.stack([radius * np.cos(angle), radius * np.sin(angle), angle / 60], 1) for radius in (0.2, 0.4)
    ]
    inner, outer = np.arange(100), np.arange(100) + 101
    faces = np.concatenate(
        [np.stack([inner, outer, inner + 1], 1), np.stack([inner + 1, outer, outer + 1], 1)]
    )
    spiral = make_mesh(np.concatenate(edges), faces)
    charts = quick_unwrap(spiral, texture_px=PX)
    found = texels(charts.faces, charts.uv, texture_px=1024)
    inside = (found.barycentric > 1e-5).all(dim=1).sum().item()
    assert inside / 1024**2 == pytest.approx(areas(charts.uv, charts.faces).sum(), rel=0.01)


def test_more_patches_than_pixels_end_in_a_grid():
    """A thousand loose triangles in a texture of 16 pixels."""
    rng = np.random.default_rng(0)
    soup = make_mesh(rng.random((3000, 3)), np.arange(3000).reshape(-1, 3))
    charts = quick_unwrap(soup, texture_px=16)
    assert not charts.is_charted
    assert np.array_equal(charts.vertex[charts.faces], soup.faces)


@pytest.mark.parametrize("how", CHARTS)
def test_a_baked_pattern_is_read_back_at_random_points(how: str):
    """Colour = position; reading the texture at points of the surface gives the position back."""
    charts: Unwrapped = CHARTS[how]
    size = 1024
    found = texels(charts.faces, charts.uv, texture_px=size)
    corners = MESH.faces[found.face.numpy()]
    colours = torch.from_numpy(interpolate(MESH.vertices, corners, found.barycentric.numpy()) + 0.5)
    texture = fill_texture(found.index, colours, texture_px=size)
    rng = np.random.default_rng(0)
    face = rng.integers(0, len(MESH.faces), 2000)
    weights = rng.dirichlet(np.ones(3), 2000)
    place = interpolate(charts.uv, charts.faces[face], weights)
    pixel = np.floor(place * size).astype(int).clip(0, size - 1)
    wanted = interpolate(MESH.vertices, MESH.faces[face], weights) + 0.5
    # A pixel of the grid's triangles is up to a fifth of a face wide, a face up to 0.05 metres.
    assert np.abs(texture[pixel[:, 1], pixel[:, 0]] / 255 - wanted).max() < 0.02


def test_the_gutter_goes_on_with_the_colour_of_the_chart():
    mesh = cube()
    charts = unwrap(mesh, texture_px=64)
    found = texels(charts.faces, charts.uv, texture_px=64)
    texture = fill_texture(found.index, torch.ones(len(found.index), 3), texture_px=64)
    assert (texture == 255).all()


def test_a_mesh_without_faces_has_no_charts():
    empty = make_mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=int))
    assert len(unwrap(empty, texture_px=64).faces) == 0
