"""A coloured body without symmetry and pictures of it from known cameras, for tests of the photo."""

import math

import numpy as np
import torch

from backend.geometry.meshes import Mesh, with_colours
from backend.geometry.photo_camera import PhotoCamera
from backend.geometry.render import Surface
from tests.backend.geometry.bodies import body_mesh


def pattern(points: np.ndarray) -> np.ndarray:
    """Soft waves of colour."""
    waves = [
        np.sin(points @ np.array(axis)) for axis in ((18.0, 7.0, 9.0), (-6.0, 11.0, 15.0), (9.0, 4.0, -17.0))
    ]
    return 0.5 + 0.35 * np.stack(waves, axis=1)


def coloured_body(resolution: int = 64) -> Mesh:
    """The egg with its bumps, coloured by `pattern`."""
    body = body_mesh(resolution=resolution)
    return with_colours(body, pattern(body.vertices))


def camera(**changes: float) -> PhotoCamera:
    """A camera above the front, its cut-out a little off the middle."""
    angles = {"elevation": 22.0, "azimuth": 0.0, "fov": 40.0} | changes
    radians = {name: math.radians(value) for name, value in angles.items()}
    return PhotoCamera(**radians, scale=1.2, shift=(0.03, -0.02))


def photo(mesh: Mesh, seen_from: PhotoCamera, *, size: int = 128, gain: float = 1.0) -> torch.Tensor:
    """The body over nothing, RGBA, as the camera sees it; `gain` brightens it."""
    surface = Surface(mesh)
    hits = surface.bvh.cast(*seen_from.rays(size))
    solid = hits.is_hit.float()[:, None]
    pixels = torch.cat([(surface.colours(hits) * gain).clamp(0, 1) * solid, solid], dim=1)
    return pixels.T.reshape(4, size, size)
