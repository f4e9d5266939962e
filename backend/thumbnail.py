"""A small picture of a finished mesh, for the add-on's history and Blender's asset browser."""

import logging
import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import write_rgba
from backend.devices import is_out_of_memory
from backend.geometry.cameras import UNIT_RADIUS, Cameras, orbit_cameras
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.geometry.render import render
from backend.storage import part_of, put_in_place, writing_errors

log = logging.getLogger(__name__)

SIZE_PX = 256
_AZIMUTH, _ELEVATION, _FOV = (math.radians(angle) for angle in (25.0, 20.0, 30.0))
_LIGHT = np.array([-0.4, -0.7, 0.6])
_AMBIENT = 0.55
"""Brightness of what looks away from the light."""


def draw_thumbnail(
    mesh: TexturedMesh, *, size: int = SIZE_PX, device: torch.device | str = "cpu"
) -> Float[Tensor, "4 h w"]:
    """The mesh from the front right above, softly lit from the upper left, on nothing; on the CPU."""
    toward_light = mesh.normals @ (_LIGHT / np.linalg.norm(_LIGHT)).astype(np.float32)
    shade = _AMBIENT + (1 - _AMBIENT) * toward_light.clip(0, 1)
    lit = Mesh(mesh.vertices, mesh.faces, np.repeat(shade[:, None], 3, axis=1).astype(np.float32))
    camera = _camera(mesh)
    colour = render(mesh, camera, size=size, device=device, supersamples=2)[0].cpu()
    light = render(lit, camera, size=size, device=device, supersamples=2)[0].cpu()
    return torch.cat([colour[:3] * light[:3], colour[3:]])


def write_thumbnail(mesh: TexturedMesh, path: Path, *, device: torch.device | str = "cpu") -> None:
    """Write the picture whole; it is drawn on the CPU where `device` has no room left.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    part = part_of(path)
    picture = _drawn_anywhere(mesh, torch.device(device))
    with writing_errors(path):
        write_rgba(picture, part)
        put_in_place(part, path)


def _drawn_anywhere(mesh: TexturedMesh, device: torch.device) -> Float[Tensor, "4 h w"]:
    try:
        return draw_thumbnail(mesh, device=device)
    except (RuntimeError, MemoryError) as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
        log.warning("no room on the %s for the thumbnail, it is drawn on the CPU: %s", device.type, error)
    # After the handler, so that nothing of the failed attempt is held.
    return draw_thumbnail(mesh)


def _camera(mesh: TexturedMesh) -> Cameras:
    """A camera that sees the mesh's sphere, wherever it lies and however large it is."""
    radius = max(float(np.linalg.norm(mesh.vertices, axis=1).max()), 1e-3)
    distance = min(radius, 2 * UNIT_RADIUS) / math.sin(_FOV / 2)
    return orbit_cameras(
        *(torch.tensor([value], dtype=torch.float32) for value in (_AZIMUTH, _ELEVATION, distance, _FOV))
    )
