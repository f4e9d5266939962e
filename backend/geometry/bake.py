"""From texture coordinates to the points of the surface that the pixels of a texture show."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, UInt8
from scipy import ndimage
from torch import Tensor

from backend.geometry.raycast import Bvh

GUTTER_PX = 2.0
"""Pixels this near to a chart show the surface's nearest point, so that filtering meets no seam."""


@dataclass(frozen=True, slots=True)
class Texels:
    """The pixels of a texture that show the surface.

    Attributes:
        index: Row times width plus column.
        face: The face that a pixel shows.
        barycentric: Weights of the face's vertices.
    """

    index: Int[Tensor, " n"]
    face: Int[Tensor, " n"]
    barycentric: Float[Tensor, "n 3"]


def texels(faces: Int[np.ndarray, "f 3"], uv: Float32[np.ndarray, "n 2"], *, texture_px: int) -> Texels:
    """Find face and place for every pixel on a chart or next to one.

    The charts are a flat mesh: a pixel on one is hit from above, one beside it takes the nearest point.
    """
    flat = np.concatenate([uv * texture_px, np.zeros((len(uv), 1), np.float32)], axis=1)
    bvh = Bvh(flat, faces)
    axis = torch.arange(texture_px) + 0.5
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    centres = torch.stack([right, down, torch.zeros_like(right)], dim=-1).reshape(-1, 3)
    above, below = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, -1.0])
    on = bvh.cast(centres + above, below.expand_as(centres))
    covered = on.is_hit.reshape(texture_px, texture_px).numpy()
    reach = 2 * math.ceil(GUTTER_PX) + 1
    near = ndimage.binary_dilation(covered, np.ones((reach, reach), dtype=bool))
    beside = torch.from_numpy((near & ~covered).reshape(-1)).nonzero()[:, 0]
    closest = bvh.closest(centres[beside])
    beside, kept = beside[closest.distance <= GUTTER_PX], closest.distance <= GUTTER_PX
    inside = on.is_hit.nonzero()[:, 0]
    return Texels(
        torch.cat([inside, beside]),
        torch.cat([on.face[inside], closest.face[kept]]),
        torch.cat([on.barycentric[inside], closest.barycentric[kept]]),
    )


def fill_texture(
    index: Int[Tensor, " n"], colours: Float[Tensor, "n 3"], *, texture_px: int
) -> UInt8[np.ndarray, "h w 3"]:
    """A texture with `colours` at the pixels `index`; all others copy the nearest one of these."""
    values = np.zeros((texture_px * texture_px, 3), dtype=np.uint8)
    values[index.cpu().numpy()] = (colours.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    is_empty = np.ones(texture_px * texture_px, dtype=bool)
    is_empty[index.cpu().numpy()] = False
    nearest = np.empty((2, texture_px, texture_px), dtype=np.int32)
    ndimage.distance_transform_edt(
        is_empty.reshape(texture_px, texture_px), return_distances=False, return_indices=True, indices=nearest
    )
    return values.reshape(texture_px, texture_px, 3)[nearest[0], nearest[1]]
