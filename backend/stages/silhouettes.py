"""Silhouettes of views that a model painted on an even grey, as Zero123++ does."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import Tensor

Grey = Float[np.ndarray, "h w"]
Colours = Float[np.ndarray, "h w 3"]
Solid = Bool[np.ndarray, "h w"]

TOLERANCE = 12 / 255
"""Largest deviation of the painted background from its grey."""
SEARCH = 24 / 255
"""Pixels of the border that are this near to the grey say which grey the model painted."""
MIN_PIECE_SHARE = 2e-4
"""Pieces that take less than this share of a tile are noise of the background."""


def cut_from(views: Float[Tensor, "v 4 h w"], grey: float) -> Float[Tensor, "v 4 h w"]:
    """Opaque views with the alpha of what stands before the grey.

    Only grey that is joined to a tile's border is background, so a grey object keeps its inside. Colours of
    half-clear pixels come from the nearest opaque ones, so that no grey shows along an outline.
    """
    cut = [_cut(view[:3].permute(1, 2, 0).numpy(), grey) for view in views]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()


def _cut(colours: Colours, grey: float) -> Float[np.ndarray, "h w 4"]:
    alpha = grey_alpha(colours, grey)
    return np.concatenate([without_background(colours, alpha), alpha[..., None]], axis=2)


def grey_alpha(colours: Colours, grey: float) -> Grey:
    """Alpha of what stands before a background of about this grey.

    Unlike a search for a plain background it works where the object reaches over a tile's border.
    """
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    near = border[np.abs(border - grey).max(axis=1) <= SEARCH]
    colour = np.median(near, axis=0) if len(near) else np.full(3, grey, dtype=np.float32)
    is_plain = np.abs(colours - colour).max(axis=2) <= TOLERANCE
    labels = np.zeros(is_plain.shape, dtype=np.int32)
    ndimage.label(is_plain, output=labels)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    solid = _without_specks(~np.isin(labels, edge[edge > 0]))
    # Half a pixel of softness, as a drawn edge has it.
    return ndimage.uniform_filter(solid.astype(np.float32), 3) * solid


def _without_specks(solid: Solid) -> Solid:
    pieces = np.zeros(solid.shape, dtype=np.int32)
    ndimage.label(solid, structure=np.ones((3, 3)), output=pieces)
    sizes = np.bincount(pieces.ravel())
    is_kept = sizes >= MIN_PIECE_SHARE * solid.size
    is_kept[0] = False
    return is_kept[pieces]


def without_background(colours: Colours, alpha: Grey) -> Colours:
    """Colours of half-clear pixels from the nearest opaque ones, so that no background shows there."""
    solid = alpha >= 0.95
    if not solid.any():
        return colours
    return colours[nearest(solid)]


def nearest(solid: Solid) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "h w"]]:
    """Row and column of the nearest solid pixel, for every pixel."""
    indices = np.zeros((2, *solid.shape), dtype=np.int32)
    ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True, indices=indices)
    return indices[0], indices[1]
