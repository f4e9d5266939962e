"""Painting meshes from true views of a patterned body, whose colours are known everywhere."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend.errors import Cancelled, ConfigError
from backend.evaluate.pictures import other_cameras, picture_scores
from backend.geometry.cameras import STARTER_RIG
from backend.geometry.meshes import Mesh, TexturedMesh, vertex_normals, with_colours
from backend.geometry.projection import project_back
from backend.geometry.raycast import Bvh
from backend.geometry.render import render
from backend.geometry.sightings import Observer, Sightings, silhouette_agreement
from backend.geometry.simplify import simplify
from backend.geometry.unseen import Unseen, UnseenColours
from backend.models.colour_field import ColourFieldConfig
from backend.stages import texture
from backend.stages.field_fit import FieldFit, within_pixels
from backend.stages.texture import TextureConfig, texture_levels, texture_mesh
from tests.backend.geometry.bodies import body_mesh

CAMERAS = STARTER_RIG.cameras()
CONFIG = TextureConfig(
    texture_px=256,
    fit=FieldFit(
        iterations=150, batch=4096, colour_field=ColourFieldConfig(resolution=96, rank=8, hidden=32)
    ),
)


def stripes(points):
    """A pattern much finer than the faces of `COARSE`."""
    wave = np.sin(points @ np.array([50.0, 20.0, 35.0]))
    return 0.5 + 0.4 * np.stack([wave, points[:, 0] * 2, -wave * points[:, 2] * 2], axis=1).clip(-1, 1)


FINE = body_mesh(resolution=128)
TRUE = with_colours(FINE, stripes(FINE.vertices))
COARSE = simplify(FINE, faces=1500)
OURS = with_colours(COARSE, stripes(COARSE.vertices))
SHIFT = np.array([5, 0, 0], np.float32)
VIEWS = render(TRUE, CAMERAS, size=128)


@pytest.fixture(scope="module")
def painted():
    return texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=CONFIG)


def score(mesh, cameras):
    found = picture_scores(render(mesh, cameras, size=96), render(TRUE, cameras, size=96))["psnr_mask"]
    assert found is not None
    return found


def test_the_fit_beats_vertex_colours_from_the_six_cameras(painted):
    assert score(painted[0], CAMERAS) > score(OURS, CAMERAS) + 6


def test_the_fit_beats_vertex_colours_from_cameras_it_has_not_seen(painted):
    assert score(painted[0], other_cameras()) > score(OURS, other_cameras()) + 4


def test_the_surface_stays_where_it_was(painted):
    mesh, _ = painted
    corners, ours = (item.vertices[item.faces] for item in (mesh, OURS))
    assert np.array_equal(corners, ours)


def test_normals_agree_across_seams_where_the_body_is_smooth(painted):
    """Away from the creases around its bumps."""
    mesh, _ = painted
    smooth = (mesh.vertices[:, 0] < 0.05) & (mesh.vertices[:, 2] < 0.05)
    places, normals = mesh.vertices[smooth], mesh.normals[smooth]
    _, index, copies = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    first = np.zeros((index.max() + 1, 3), np.float32)
    first[index.reshape(-1)] = normals
    assert (copies > 1).sum() > 30
    assert np.allclose(first[index.reshape(-1)], normals, atol=1e-6)


def test_the_mesh_is_laid_out_beside_the_fit(monkeypatch):
    """The charts come from another process, and are met by another thread than the fit's."""
    threads = {}

    def noted(name, function):
        def call(*args, **kwargs):
            threads[name] = threading.current_thread()
            return function(*args, **kwargs)

        monkeypatch.setattr(texture, name, call)

    noted("surface_pixels", texture.surface_pixels)
    noted("fit_field", texture.fit_field)
    few = replace(CONFIG, fit=replace(CONFIG.fit, iterations=2))
    texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=few)
    assert threads["fit_field"] is threading.current_thread()
    assert threads["surface_pixels"] is not threads["fit_field"]


def test_same_seed_gives_the_same_texture(painted):
    again, _ = texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=CONFIG)
    assert np.array_equal(again.texture, painted[0].texture)
    assert np.array_equal(again.uv, painted[0].uv)


def test_without_views_the_meshs_own_colours_are_painted():
    nothing = torch.zeros_like(VIEWS)
    mesh, _ = texture_mesh(OURS, nothing, CAMERAS, seed=0, config=CONFIG)
    own = picture_scores(render(mesh, CAMERAS, size=64), render(OURS, CAMERAS, size=64))["psnr_mask"]
    assert own is not None
    assert own > 22


def test_a_mesh_with_texture_coordinates_keeps_them(painted):
    mesh, _ = painted
    other, _ = texture_mesh(mesh, VIEWS, CAMERAS, seed=1, config=CONFIG)
    assert np.array_equal(other.uv, mesh.uv)
    assert np.array_equal(other.faces, mesh.faces)


def test_a_mesh_from_elsewhere_is_painted_where_it_stands(painted):
    far = Mesh(OURS.vertices * 30 + SHIFT, OURS.faces, OURS.colours)
    mesh, _ = texture_mesh(far, VIEWS, CAMERAS, seed=0, config=CONFIG)
    assert mesh.vertices.max() > 5
    moved = TexturedMesh((mesh.vertices - SHIFT) / 30, mesh.faces, mesh.normals, mesh.uv, mesh.texture)
    # The body is not centred on its box nor as large as a fitted one, so the views are met only nearly.
    assert score(moved, CAMERAS) > 12


def test_outlines_agree_with_the_views_of_the_mesh_itself():
    assert silhouette_agreement(OURS, VIEWS, CAMERAS) > 0.95
    assert silhouette_agreement(OURS, torch.ones_like(VIEWS), CAMERAS) == 1


def test_hidden_points_are_seen_by_no_view():
    bvh = Bvh(OURS.vertices, OURS.faces)
    observer = Observer(bvh, torch.zeros(len(OURS.vertices), 3), VIEWS, CAMERAS)
    inner = torch.tensor([[0.0, 0.0, 0.0]])
    assert observer.best_cosine(inner, torch.tensor([[0.0, -1.0, 0.0]])).item() == 0


def test_sightings_carry_the_colour_of_their_point():
    bvh = Bvh(FINE.vertices, FINE.faces)
    normals = torch.from_numpy(vertex_normals(FINE))
    seen = Observer(bvh, normals, VIEWS, CAMERAS).sightings(sharpness=4.0)
    error = (seen.colours - torch.from_numpy(stripes(seen.points.numpy()))).abs().mean(dim=1)
    assert error.median() < 0.02
    assert seen.weights.min() >= 0
    assert seen.weights.max() <= 1


def test_steps_are_reported_and_may_stop_the_work():
    def stop(step: int, total: int) -> None:
        if step == 3:
            raise Cancelled(f"at {step} of {total}")

    with pytest.raises(Cancelled, match="at 3 of 152"):
        texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=CONFIG, on_step=stop)


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError):
        TextureConfig(texture_px=4)


def test_the_views_projected_back_sharpen_the_texture(painted):
    """The field alone, as small as this, draws the stripes blurred."""
    blurred, _ = texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=replace(CONFIG, sharpenings=0))
    for cameras in (CAMERAS, other_cameras()):
        assert score(painted[0], cameras) > score(blurred, cameras) + 2


def test_levels_of_detail_show_what_the_fine_surface_does():
    """Points for the few faces are looked up on the fine surface, so its stripes stay sharp."""
    levels, _ = texture_levels(
        [COARSE, simplify(FINE, faces=300)], VIEWS, CAMERAS, seed=0, config=CONFIG, fine=TRUE
    )
    assert [len(level.faces) for level in levels] == [1500, 300]
    assert all(level.normal_map is not None for level in levels)
    assert score(levels[0], CAMERAS) > 25
    assert score(levels[1], CAMERAS) > score(OURS, CAMERAS)


def test_projecting_back_gives_each_point_what_its_pixel_shows():
    """Pictures of the points' own positions come back as these positions."""
    bvh = Bvh(FINE.vertices, FINE.faces)
    normals = torch.from_numpy(vertex_normals(FINE))
    observer = Observer(bvh, normals, VIEWS, CAMERAS)
    size = VIEWS.shape[-1]
    pictures = torch.stack([bvh.positions(hits).T.reshape(3, size, size) for hits in observer.hits])
    seen = observer.sightings(sharpness=4.0)
    found, share = project_back(observer, pictures, seen.points, seen.normals, sharpness=4.0)
    well = share[:, 0] == 1
    assert well.float().mean() > 0.8
    # The mean over well seen points of what fades in beside outlines and is interpolated elsewhere.
    assert (found - seen.points)[well].norm(dim=1).median() < 2e-3


def test_projecting_back_leaves_unseen_points_alone():
    bvh = Bvh(FINE.vertices, FINE.faces)
    observer = Observer(bvh, torch.from_numpy(vertex_normals(FINE)), VIEWS, CAMERAS)
    inner, down = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, -1.0]])
    found, share = project_back(observer, VIEWS[:, :3], inner, down, sharpness=4.0)
    assert found.abs().max() == 0
    assert share.item() == 0


def test_unseen_colours_are_known_only_around_unseen_points():
    place = torch.tensor([[0.1, 0.2, -0.3]])
    red = torch.tensor([[1.0, 0.0, 0.0]])
    grid = UnseenColours(Unseen(place, red, red, torch.tensor([0.5])))
    colours, share = grid.at(torch.cat([place, -place]))
    assert torch.allclose(colours[0], red[0], atol=1e-4)
    assert share[:, 0].tolist() == pytest.approx([0.5, 0.0], abs=1e-3)


def test_points_move_over_the_surface_only_where_it_is_seen_aslant():
    normal = torch.tensor([[0.0, 0.0, 1.0]]).expand(500, 3)
    aslant = F.normalize(torch.tensor([[1.0, 0.0, 0.5]]), dim=1).expand(500, 3)
    for direction, least in ((normal, 0.0), (aslant, 0.01)):
        seen = Sightings(torch.zeros(500, 3), normal, direction, normal, torch.ones(500))
        place = torch.rand(500, 3, generator=torch.Generator().manual_seed(0))
        batch = within_pixels(seen, place, pixel=0.01)
        assert batch.points[:, 2].abs().max() < 1e-6
        # Half a pixel to each side, and twice as far along a surface seen at 27 degrees.
        assert (batch.points[:, 0].max() > least) == (least > 0)
        assert batch.points.abs().max() < 0.03
