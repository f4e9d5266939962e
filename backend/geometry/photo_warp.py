"""A smooth shift of the picture that brings its outline onto that of the mesh.

Generated shapes keep to the picture's outline only roughly. Without the shift, parts of the picture would
land beside the parts they belong to, and its edge inside the mesh's.

Legend: `h w` rows and columns, `n` points of the outline.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.geometry.photo_target import blur_matrix, outline_distance, rim, sampled, slopes

REACHES = (0.2, 0.12, 0.08, 0.05, 0.035, 0.025)
"""Deviations, as shares of the picture, over which the outline's shifts are spread, one after the other."""

MAX_SHIFT = 0.08
"""Longest shift, as a share of the picture; an outline farther off is another shape."""

MIN_ALIGNMENT = 0.3
"""Least cosine between the directions of two outlines that belong together."""

FADE = 0.3
"""Share of a straight outline's weight below which its shift fades; the first one reaches everywhere."""

UNSURE_PX = 0.75
"""Distance, in pixels, that two drawings of one outline may well have."""

Shift = Float[np.ndarray, "2 h w"]
"""Right and down, as shares of the picture, at every pixel."""


def outline_shift(
    ours: Bool[np.ndarray, "h w"], theirs: Bool[np.ndarray, "h w"], *, device: torch.device | str = "cpu"
) -> Shift:
    """From each pixel to where the picture shows what the mesh has there.

    At the mesh's outline it leads to the picture's; inwards it is a mean over the outline around.

    Args:
        ours: Where the mesh is.
        theirs: Where the picture's object is.
        device: Where it is worked out.
    """
    size = len(ours)
    distance = outline_distance(theirs)
    rows, columns = np.nonzero(rim(ours))
    outwards = torch.from_numpy(slopes(outline_distance(ours))[:, rows, columns]).to(device)
    field = torch.from_numpy(np.concatenate([distance[None], slopes(distance)])).to(device)
    rows, columns = (torch.from_numpy(axis).to(device) for axis in (rows, columns))
    centres = (torch.stack([columns, rows]) + 0.5) / size
    shift = field.new_zeros(2, size, size)
    for reach in REACHES:
        away, *along = sampled(field, (centres + shift[:, rows, columns]).T).T
        along = torch.stack(along)
        # Both outlines run half a pixel outside the outermost pixels' centres.
        away = away + 0.5 / size
        away = away.sign() * (away.abs() - UNSURE_PX / size).clamp_min(0)
        cosine = (along * outwards).sum(dim=0)
        weights = ((cosine - MIN_ALIGNMENT) / (1 - MIN_ALIGNMENT)).clamp(0, 1)
        images = field.new_zeros(3, size, size)
        images[:, rows, columns] = torch.cat([weights[None], -away * along * weights])
        shift += _spread(images, reach=reach * size, fade=FADE if reach < REACHES[0] else 1e-6)
        shift *= (MAX_SHIFT / torch.hypot(*shift).clamp_min(1e-9)).clamp_max(1)
    return shift.cpu().numpy()


def least_stretch(shift: Shift) -> Float[np.ndarray, "h w"]:
    """Scale of the shifted picture at each pixel in the direction of its least; below 0 where it folds."""
    size = shift.shape[-1]
    (right_down, right_right), (down_down, down_right) = (
        [np.gradient(axis, axis=side) * size for side in (0, 1)] for axis in shift
    )
    determinant = (1 + right_right) * (1 + down_down) - right_down * down_right
    total = (1 + right_right) ** 2 + (1 + down_down) ** 2 + right_down**2 + down_right**2
    # The two singular values have this product and this sum of squares.
    greatest = np.sqrt((total + np.sqrt(np.maximum(total**2 - 4 * determinant**2, 0))) / 2)
    return determinant / np.maximum(greatest, 1e-9)


def _spread(images: Float[Tensor, "3 h w"], *, reach: float, fade: float) -> Float[Tensor, "2 h w"]:
    """Weights at the outline and weighted steps, averaged over a neighbourhood and fading far from there."""
    blur = torch.from_numpy(blur_matrix(images.shape[-1], reach, reaches=4.0)).to(images)
    total, *shifts = blur @ images @ blur.T
    floor = fade / (reach * math.sqrt(2 * math.pi))
    return torch.stack(shifts) / (total + floor * torch.exp(-total / floor))
