"""Stage 0: cut the object out of the user's picture and put it in the picture's frame.

The alpha comes from the first of these that is there: the user's mask, the picture's own transparency, a
plain background, U2-Net (Qin et al. 2020, arXiv 2005.09007).
"""

from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
import torch
from jaxtyping import Float, Int
from onnxruntime.capi import (
    onnxruntime_pybind11_state as onnx_errors,  # pyright: ignore[reportAttributeAccessIssue] - compiled
)
from PIL import Image
from scipy import ndimage
from torch import Tensor

from backend.errors import InputError, NothingFound, WeightsError
from backend.geometry.framing import crop_to_object, object_frames
from backend.stages.silhouettes import Colours, Grey, Solid, nearest, without_background

NETWORK_PX = 320
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)

MIN_CLEAR_SHARE = 0.01
"""A picture has real transparency when at least this share of it is clear; less is a rounded corner."""
MIN_OBJECT_SHARE = 0.001
"""An object takes at least this share of the picture."""
MIN_PEAK = 0.5
"""U2-Net's largest value, before it is scaled to its own range, where an object stands out."""
MIN_PIECE = 0.1
"""A separate piece belongs to the object when it has this share of the largest one's weight."""
PLAIN_TOLERANCE = 10 / 255
"""Largest deviation of a plain background from its colour."""
MIN_PLAIN_BORDER = 0.97
"""Share of the picture's border that a plain background takes."""
MIN_AGREEMENT = 0.75
"""Intersection over union with U2-Net from which a cut along a plain background is trusted."""

# onnxruntime's exceptions share no base of their own.
_BROKEN_MODEL = (
    onnx_errors.InvalidProtobuf,
    onnx_errors.InvalidGraph,
    onnx_errors.NoSuchFile,
    onnx_errors.Fail,
    onnx_errors.RuntimeException,
)


def framed(
    cut: Float[Tensor, "4 h w"], *, size: int, max_size: int | None = None
) -> Float[Tensor, "4 side side"]:
    """A cut-out object in the middle of a square.

    Args:
        size: Side of the result, in pixels.
        max_size: The side may grow up to this where the picture holds more than `size` pixels of the object.
    """
    _, side = object_frames(cut[None])
    return crop_to_object(cut[None], size=max(size, min(max_size or size, round(float(side[0])))))[0]


def isolate(image: Image.Image, mask: Image.Image | None, *, model: Path | None) -> Float[Tensor, "4 h w"]:
    """The picture, transparent where the object is not.

    Args:
        image: `RGB` or `RGBA`, as `read_picture` gives it.
        mask: Bright or opaque where the object is; None to find the object.
        model: U2-Net as ONNX; None where it is not installed, which only photos need.

    Raises:
        NothingFound: when nothing stands out from the background.
        WeightsError: when the picture needs U2-Net and it is missing or damaged.
    """
    colours = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    if mask is not None:
        alpha = _mask_alpha(mask, image.size)
    elif _is_transparent(image):
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
    else:
        alpha = main_pieces(find_object(colours, model))
        colours = without_background(colours, alpha)
    if np.count_nonzero(alpha >= 0.5) < max(16, MIN_OBJECT_SHARE * alpha.size):
        raise NothingFound(
            "Nothing stands out from the background of this picture; use another one, or give a mask"
        )
    return torch.from_numpy(np.concatenate([colours, alpha[..., None]], axis=2)).permute(2, 0, 1)


def _mask_alpha(mask: Image.Image, size: tuple[int, int]) -> Grey:
    """A mask's own alpha, or its brightness, at the size of the picture."""
    if abs(mask.width / mask.height - size[0] / size[1]) > 0.02:
        raise InputError(
            f"The mask has {mask.width} × {mask.height} pixels and the picture {size[0]} × {size[1]};"
            " make a mask of the picture's shape"
        )
    channel = mask.getchannel("A") if _is_transparent(mask) else mask.convert("L")
    resized = channel.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32) / 255


def _is_transparent(image: Image.Image) -> bool:
    if image.mode != "RGBA":
        return False
    alpha = np.asarray(image.getchannel("A"))
    return np.count_nonzero(alpha < 128) >= MIN_CLEAR_SHARE * alpha.size


def find_object(colours: Colours, model: Path | None) -> Grey:
    """Alpha of the object in an opaque picture; all zero where none is found."""
    plain = plain_background_alpha(colours)
    if model is None:
        if plain is None:
            raise WeightsError(
                "The network that removes backgrounds, u2net.onnx, is not installed; run"
                " `python3 build.py setup`, or use a picture with a transparent or plain background"
            )
        return plain
    found = refine(colours, saliency(colours, model))
    if plain is not None and _overlap(plain >= 0.5, found >= 0.5) >= MIN_AGREEMENT:
        return plain
    return found


def _overlap(first: Solid, second: Solid) -> float:
    return float(np.count_nonzero(first & second) / max(1, np.count_nonzero(first | second)))


def plain_background_alpha(colours: Colours) -> Grey | None:
    """Alpha of what stands before a background of one colour; None where the background is not plain.

    Only what is joined to the border is background: a white plate on white keeps its middle.
    """
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    colour = np.median(border, axis=0)
    is_near = np.abs(border - colour).max(axis=1) <= PLAIN_TOLERANCE
    if is_near.mean() < MIN_PLAIN_BORDER:
        return None
    distance = np.abs(colours - colour).max(axis=2)
    labels, _ = _pieces(distance <= PLAIN_TOLERANCE)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    background = np.isin(labels, edge[edge > 0])
    # Half a pixel of softness, as a drawn edge has it.
    return ndimage.uniform_filter((~background).astype(np.float32), 3) * ~background


def with_silhouettes(views: Float[Tensor, "v 4 h w"]) -> Float[Tensor, "v 4 h w"]:
    """Give opaque views, as weights that paint a grey background draw them, the alpha of what is before it.

    Views with any transparency, and tiles without a plain background, come back as they are.
    """
    if (views[:, 3] < 1).any():
        return views
    cut = []
    for view in views:
        alpha = plain_background_alpha(view[:3].permute(1, 2, 0).numpy())
        cut.append(view[3] if alpha is None else torch.from_numpy(alpha))
    return torch.cat([views[:, :3], torch.stack(cut)[:, None]], dim=1)


def saliency(colours: Colours, model: Path) -> Grey:
    """U2-Net's map of what stands out, in [0, 1] at the size of the picture; zeros where nothing does.

    Raises:
        WeightsError: when the file is missing or is no such network.
    """
    small = Image.fromarray((colours * 255).round().astype(np.uint8)).resize(
        (NETWORK_PX, NETWORK_PX), Image.Resampling.LANCZOS
    )
    values = np.asarray(small, dtype=np.float32)
    values = (values / max(1.0, float(values.max())) - IMAGENET_MEAN) / IMAGENET_DEVIATION
    session = _session(model)
    name = session.get_inputs()[0].name
    found = np.asarray(session.run(None, {name: values.transpose(2, 0, 1)[None]})[0])[0, 0]
    if found.max() < MIN_PEAK:
        return np.zeros(colours.shape[:2], dtype=np.float32)
    scaled = (found - found.min()) / max(1e-6, float(found.max() - found.min()))
    size = (colours.shape[1], colours.shape[0])
    full = Image.fromarray(scaled.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(full).clip(0, 1)


def _session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Its arena would hold on to hundreds of megabytes that the next stages need.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except _BROKEN_MODEL as error:
        raise WeightsError(
            f"The network {model.name} is missing or damaged; run `python3 build.py setup` again"
        ) from error


def refine(colours: Colours, alpha: Grey) -> Grey:
    """Draw a coarse alpha along the picture's edges: a guided filter (He et al. 2010, eq. 5, 6 and 8).

    The guide is the brightness; the result is sharpened so that inside and outside are clear.
    """
    radius = max(2, round(max(alpha.shape) / 60))
    guide = colours.mean(axis=2)

    def blurred(values: Grey) -> Grey:
        return ndimage.uniform_filter(values, 2 * radius + 1, mode="nearest")

    mean_guide, mean_alpha = blurred(guide), blurred(alpha)
    variance = blurred(guide * guide) - mean_guide**2
    slope = (blurred(guide * alpha) - mean_guide * mean_alpha) / (variance + 1e-3)
    filtered = blurred(slope) * guide + blurred(mean_alpha - slope * mean_guide)
    ramp = ((filtered - 0.35) / 0.3).clip(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def main_pieces(alpha: Grey) -> Grey:
    """Keep the piece that is large and central, and others that are not small beside it."""
    labels, count = _pieces(alpha >= 0.5)
    if count < 2:
        return alpha
    rows, columns = np.indices(alpha.shape)
    height, width = alpha.shape
    off_centre = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5)
    weights = ndimage.sum_labels(1 - off_centre, labels, np.arange(1, count + 1))
    kept = 1 + np.flatnonzero(weights >= MIN_PIECE * weights.max())
    # Soft edges belong to the nearest piece.
    return alpha * np.isin(labels[nearest(labels > 0)], kept)


def _pieces(solid: Solid) -> tuple[Int[np.ndarray, "h w"], int]:
    """Number the connected pieces from 1; 0 lies between them."""
    labels = np.zeros(solid.shape, dtype=np.int32)
    return labels, int(cast("int", ndimage.label(solid, output=labels)))
