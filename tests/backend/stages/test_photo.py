"""The picture in the texture stage: it sharpens what it shows, and is left out where it does not fit."""

import numpy as np
import pytest
import torch

from backend.geometry.cameras import STARTER_RIG
from backend.geometry.render import Surface, render
from backend.geometry.simplify import simplify
from backend.models.colour_field import ColourFieldConfig
from backend.stages.field_fit import FieldFit
from backend.stages.photo import PhotoTexture
from backend.stages.texture import TextureConfig, texture_mesh
from tests.backend.geometry.photographed import camera, coloured_body, photo

CAMERAS = STARTER_RIG.cameras()
CONFIG = TextureConfig(
    texture_px=256,
    fit=FieldFit(iterations=60, batch=2048, colour_field=ColourFieldConfig(resolution=48, rank=6, hidden=16)),
)
BODY = coloured_body()
OURS = simplify(BODY, faces=1500)
VIEWS = render(BODY, CAMERAS, size=48)
CAMERA = camera()
PICTURE = photo(BODY, CAMERA, size=256)


def painted(extra):
    return texture_mesh(OURS, VIEWS, CAMERAS, seed=0, config=CONFIG, extra=extra)[0]


def error_in_front(mesh) -> float:
    """Mean difference from the truth where both are seen by the picture's camera."""
    first, second = (Surface(item) for item in (mesh, BODY))
    hits = [surface.bvh.cast(*CAMERA.rays(96)) for surface in (first, second)]
    both = hits[0].is_hit & hits[1].is_hit
    return float((first.colours(hits[0]) - second.colours(hits[1]))[both].abs().mean())


@pytest.fixture(scope="module")
def without():
    return painted(None)


@pytest.fixture(scope="module")
def with_photo():
    extra = PhotoTexture(PICTURE, texture_px=256)
    return painted(extra), extra


def test_the_picture_sharpens_what_it_shows(with_photo, without):
    """The views here are small: 48 pixels."""
    assert error_in_front(with_photo[0]) < 0.7 * error_in_front(without)


def test_the_report_tells_the_camera(with_photo):
    facts = with_photo[1].facts()
    assert facts["used"] is True
    assert facts["elevation_deg"] == pytest.approx(22, abs=3)
    assert facts["azimuth_deg"] == pytest.approx(0, abs=3)
    assert facts["iou"] > 0.95


def test_the_same_picture_gives_the_same_texture(with_photo):
    assert np.array_equal(painted(PhotoTexture(PICTURE, texture_px=256)).texture, with_photo[0].texture)


def wrong_pictures():
    """A thin bar, the body upside down in other colours, and nothing at all."""
    bar = torch.zeros(4, 128, 128)
    bar[:, 60:66, 8:120] = 1
    nothing = torch.zeros(4, 128, 128)
    return {"bar": bar, "nothing": nothing}


@pytest.mark.parametrize("name", ["bar", "nothing"])
def test_a_wrong_picture_is_left_out(name, without):
    extra = PhotoTexture(wrong_pictures()[name], texture_px=256)
    assert np.array_equal(painted(extra).texture, without.texture)
    assert extra.facts()["used"] is False
