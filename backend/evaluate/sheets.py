"""A picture to look at: one row an object, from what went in to what came out."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.errors import StorageError
from backend.evaluate.pictures import over, side_cameras
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.geometry.render import render

TILE_PX = 128

Row = list[Tensor]
"""RGBA pictures of any sizes."""


def make_row(
    given: Float[Tensor, "4 hh ww"] | None,
    views: Float[Tensor, "v 4 h w"],
    ours: Mesh | TexturedMesh | None,
    true: TexturedMesh,
    *,
    device: torch.device,
) -> Row:
    """Input (empty where there was none), six views, our mesh from four sides, the true one likewise."""
    empty = torch.zeros(4, TILE_PX, TILE_PX)
    sides = [empty] * 4
    if ours is not None:
        sides = list(render(ours, side_cameras(), size=TILE_PX, device=device).cpu())
    truth = list(render(true, side_cameras(), size=TILE_PX, device=device).cpu())
    return [empty if given is None else given, *views, *sides, *truth]


def write_sheet(rows: list[Row], path: Path) -> None:
    """Write rows of pictures over grey as a PNG.

    Raises:
        StorageError: the file cannot be written.
    """
    lines = [torch.cat([over(_scaled(tile)) for tile in row], dim=2) for row in rows]
    pixels = (torch.cat(lines, dim=1).clamp(0, 1) * 255).round().to(torch.uint8)
    try:
        Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())).save(path)
    except (OSError, ValueError) as error:
        raise StorageError(f"Cannot write {path} ({error}); choose another place") from error


def _scaled(tile: Float[Tensor, "4 h w"]) -> Float[Tensor, "4 s s"]:
    premultiplied = torch.cat([tile[:3] * tile[3:], tile[3:]])
    small = F.interpolate(premultiplied[None], (TILE_PX,) * 2, mode="area")[0]
    return torch.cat([small[:3] / small[3:].clamp_min(1e-6), small[3:]])
