"""What a picture gives to points of the surface it shows."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from backend.geometry.meshes import vertex_normals
from backend.geometry.photo_map import GAINS, LIGHT_RANGE, continued, lay_over
from backend.geometry.photo_target import rim
from backend.geometry.raycast import Bvh
from backend.geometry.sightings import MAX_DEPTH_STEP
from tests.backend.geometry.photographed import camera, coloured_body, pattern, photo

BODY = coloured_body()
NORMALS = torch.from_numpy(vertex_normals(BODY))
CAMERA = camera()


def true_colours(points):
    return torch.from_numpy(pattern(points.numpy())).float()


def laid(gain: float = 1.0):
    bvh = Bvh(BODY.vertices, BODY.faces)
    picture = photo(BODY, CAMERA, size=256, gain=gain)
    beyond = continued(picture)
    return lay_over(
        picture, CAMERA, bvh, beyond=beyond, normals=NORMALS, colours_of=true_colours, view_px=256
    )


@pytest.fixture(scope="module")
def look():
    colours, weights = laid().look(torch.from_numpy(BODY.vertices))
    return colours.numpy(), weights.numpy()


def cosines() -> np.ndarray:
    towards = CAMERA.position.numpy() - BODY.vertices
    return (towards * NORMALS.numpy()).sum(axis=1) / np.linalg.norm(towards, axis=1)


def test_points_get_the_colours_that_the_picture_shows(look):
    colours, weights = look
    seen = weights > 0.9
    assert seen.mean() > 0.03
    assert np.abs(colours[seen] - pattern(BODY.vertices[seen])).mean() < 0.02


def test_the_back_is_not_seen(look):
    assert look[1][cosines() < 0].max() < 0.01
    assert look[1][cosines() < -0.5].max() == 0


def test_weights_fade_towards_grazing_angles(look):
    _, weights = look
    grazing = cosines() < 0.12
    assert weights[grazing].max() < 0.1
    assert np.median(weights[cosines() > 0.92]) == pytest.approx(1, abs=0.02)


def test_weights_fade_to_nothing_at_outlines_and_steps_in_depth():
    """At the picture's own pixels, where one would see a seam."""
    bvh = Bvh(BODY.vertices, BODY.faces)
    hits = bvh.cast(*CAMERA.rays(256))
    seen = hits.is_hit.reshape(256, 256).numpy()
    _, weights = laid().look(bvh.positions(hits))
    image = np.where(seen, weights.reshape(256, 256).numpy(), 0)
    assert image[rim(seen)].max() < 0.05
    assert max(np.abs(np.diff(image, axis=axis)).max() for axis in (0, 1)) < 0.5
    depth = np.where(seen, hits.distance.reshape(256, 256).numpy(), 1e3)
    step = seen & (depth - ndimage.minimum_filter(depth, 3) > MAX_DEPTH_STEP)
    assert image[step].max(initial=0) < 0.05


def test_a_darker_picture_is_brightened_to_the_views(look):
    dark, weights = laid(gain=0.7).look(torch.from_numpy(BODY.vertices))
    seen = weights.numpy() > 0.9
    assert np.abs(dark.numpy()[seen] - look[0][seen]).mean() < 0.02


def test_light_is_matched_within_bounds():
    assert laid(gain=0.1).gain.max() <= GAINS[1] * LIGHT_RANGE + 1e-6
