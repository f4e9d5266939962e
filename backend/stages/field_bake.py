"""Asking a colour field for every pixel of a texture."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from backend.geometry.bake import fill_texture, texels
from backend.geometry.meshes import Mesh, interpolate
from backend.geometry.unwrap import Unwrapped
from backend.models.colour_field import ColourField

CHUNK = 1 << 16
"""Points that the field is asked about at once."""

Retouch = Callable[[Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""Takes points, unit normals and colours of pixels; returns other colours."""


def bake(
    field: ColourField,
    mesh: Mesh,
    normals: Float32[np.ndarray, "v 3"],
    charts: Unwrapped,
    *,
    texture_px: int,
    retouch: Retouch | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Ask the field for the colour of every pixel, with the surface normal as view direction."""
    device = next(field.parameters()).device
    found = texels(charts.faces, charts.uv, texture_px=texture_px, device=device)
    corners = mesh.faces[found.face.numpy()]
    barycentric = found.barycentric.numpy()
    points = torch.from_numpy(interpolate(mesh.vertices, corners, barycentric)).float().to(device)
    facing = torch.from_numpy(interpolate(normals, corners, barycentric)).float().to(device)
    facing = F.normalize(facing, dim=1)
    colours = torch.cat(
        [field(part, normal) for part, normal in zip(points.split(CHUNK), facing.split(CHUNK), strict=True)]
    )
    if retouch is not None:
        colours = retouch(points, facing, colours)
    return fill_texture(found.index, colours, texture_px=texture_px)
