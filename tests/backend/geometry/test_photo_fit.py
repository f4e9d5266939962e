"""Finding the camera of pictures whose camera is known."""

import math

import pytest
import torch

from backend.geometry.photo_cost import colour_error, palette_error
from backend.geometry.photo_fit import find_camera
from backend.geometry.raycast import Bvh
from tests.backend.geometry.photographed import camera, coloured_body, photo

BODY = coloured_body()


def found(picture):
    return find_camera(Bvh(BODY.vertices, BODY.faces), torch.from_numpy(BODY.colours).float(), picture)


@pytest.mark.parametrize(
    ("elevation", "azimuth", "gain"), [(-8.0, 0.0, 1.0), (22.0, 11.0, 0.6), (41.0, -6.0, 1.0)]
)
def test_camera_of_a_rendered_picture_is_found(elevation, azimuth, gain):
    """The project asks for 3 degrees; a darker picture has the same camera."""
    fit = found(photo(BODY, camera(elevation=elevation, azimuth=azimuth), gain=gain))
    assert math.degrees(fit.camera.elevation) == pytest.approx(elevation, abs=3)
    assert math.degrees(fit.camera.azimuth) == pytest.approx(azimuth, abs=3)
    assert fit.iou > 0.97
    assert fit.colour_error < 0.05
    assert fit.palette_error < 0.05


def test_the_search_repeats_itself_and_misses_a_mirrored_picture():
    picture = photo(BODY, camera(), size=64).flip(-1)
    fit = found(picture)
    assert fit.iou < 0.95
    assert found(picture) == fit


def test_palettes_of_other_objects_differ():
    ours = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    shuffled = ours[torch.randperm(200, generator=torch.Generator().manual_seed(1))]
    assert palette_error(ours, 0.8 * shuffled) < 0.01
    assert palette_error(ours, ours * torch.tensor([1.0, 0.3, 0.1])) > 0.15


def test_gain_and_offset_are_no_error_of_colour():
    ours = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    assert colour_error(ours, 0.2 + 0.5 * ours, torch.ones(200)) == pytest.approx(0, abs=1e-4)
    assert colour_error(ours, ours.flip(0), torch.ones(200)) > 0.2
