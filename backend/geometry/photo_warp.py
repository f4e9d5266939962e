"""A smooth shift of the picture that brings its outline onto that of the mesh.

Generated shapes keep to the picture's outline only roughly. Without the shift, parts of the picture would
land beside the parts they belong to, and its edge inside the mesh's.

Legend: `h w` rows and columns, `n` points of the outline.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from backend.geometry.photo_target import blur_matrix, outline_distance, rim, slopes

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


def outline_shift(ours: Bool[np.ndarray, "h w"], theirs: Bool[np.ndarray, "h w"]) -> Shift:
    """From each pixel to where the picture shows what the mesh has there.

    At the mesh's outline it leads to the picture's; inwards it is a mean over the outline around.

    Args:
        ours: Where the mesh is.
        theirs: Where the picture's object is.
    """
    size = len(ours)
    distance = outline_distance(theirs)
    towards, outwards = slopes(distance), slopes(outline_distance(ours))
    edge = rim(ours)
    rows, columns = np.nonzero(edge)
    shift = np.zeros((2, size, size))
    for reach in REACHES:
        at = np.stack([rows + shift[1][edge] * size, columns + shift[0][edge] * size])
        # Both outlines run half a pixel outside the outermost pixels' centres.
        away = _values(distance, at) + 0.5 / size
        away = np.sign(away) * np.maximum(np.abs(away) - UNSURE_PX / size, 0)
        along = np.stack([_values(axis, at) for axis in towards])
        cosine = (along * outwards[:, edge]).sum(axis=0)
        weights = np.clip((cosine - MIN_ALIGNMENT) / (1 - MIN_ALIGNMENT), 0, 1)
        fade = FADE if reach < REACHES[0] else 1e-6
        shift += _spread(-away * along, weights, edge, reach=reach * size, fade=fade)
        shift *= np.minimum(1, MAX_SHIFT / np.maximum(np.hypot(*shift), 1e-9))
    return shift


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


def _values(image: Float[np.ndarray, "h w"], at: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, " n"]:
    return ndimage.map_coordinates(image, at, order=1, mode="nearest")


def _spread(
    steps: Float[np.ndarray, "2 n"],
    weights: Float[np.ndarray, " n"],
    edge: Bool[np.ndarray, "h w"],
    *,
    reach: float,
    fade: float,
) -> Shift:
    """Steps at the outline, averaged over a neighbourhood and fading far from the outline."""

    blur = blur_matrix(len(edge), reach, reaches=4.0)
    images = np.zeros((3, *edge.shape))
    images[:, edge] = weights, *(steps * weights)
    total, *shifts = blur @ images @ blur.T
    floor = fade / (reach * np.sqrt(2 * np.pi))
    return np.stack(shifts) / (total + floor * np.exp(-total / floor))
