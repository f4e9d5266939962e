"""The frame of the input picture: square, the object centred, its longer side a fixed share."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PICTURE_FILL = 0.8
"""Share of the picture's side that the longer side of the object's box takes (Zero123++'s demos: 0.75)."""

MIN_ALPHA = 0.5
"""Pixels with at least this alpha span the object's box."""


def object_box(pictures: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 4"]:
    """Left, top, right and bottom of what is opaque, as shares of the picture; zeros where nothing is."""
    solid = pictures[:, 3] >= MIN_ALPHA
    sides = []
    for axis in (1, 2):  # columns first: left and right
        line = solid.any(dim=axis)
        count = line.shape[1]
        index = torch.arange(count, device=line.device)
        first = torch.where(line, index, count).amin(dim=1)
        last = torch.where(line, index + 1, 0).amax(dim=1)
        sides.append((first.clamp(max=last) / count, last / count))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], dim=1)


def object_frames(
    pictures: Float[Tensor, "b 4 h w"], *, fill: float | Float[Tensor, " b"] = PICTURE_FILL
) -> tuple[Float[Tensor, "b 2"], Float[Tensor, " b"]]:
    """Centre (right, down) and side, in pixels, of the square that `crop_to_object` cuts out."""
    height, width = pictures.shape[-2:]
    scale = torch.tensor([width, height, width, height], device=pictures.device, dtype=pictures.dtype)
    box = object_box(pictures) * scale
    is_empty = box[:, 2] <= box[:, 0]
    box = torch.where(is_empty[:, None], torch.tensor([0.0, 0, 1, 1], device=box.device) * scale, box)
    share = torch.where(is_empty, 1.0, torch.as_tensor(fill, device=box.device, dtype=box.dtype))
    return (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).amax(dim=1) / share


def crop_to_object(
    pictures: Float[Tensor, "b 4 h w"], *, size: int, fill: float | Float[Tensor, " b"] = PICTURE_FILL
) -> Float[Tensor, "b 4 size size"]:
    """Cut a square of `size` pixels around each object, transparent where it leaves the picture.

    Colours are filtered premultiplied, so that nothing bleeds in from behind the object. A picture
    without an object comes back whole.
    """
    height, width = pictures.shape[-2:]
    centre, side = object_frames(pictures, fill=fill)
    axis = (torch.arange(size, device=side.device, dtype=side.dtype) + 0.5) / size - 0.5
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    pixels = centre[:, None, None] + torch.stack([right, down], dim=-1) * side[:, None, None, None]
    grid = pixels / pixels.new_tensor([width, height]) * 2 - 1
    premultiplied = torch.cat([pictures[:, :3] * pictures[:, 3:], pictures[:, 3:]], dim=1)
    # Area-like filtering when shrinking: sample a picture that is already near the wanted scale.
    factor = float((side / size).median())
    if factor > 2:
        shrunk = (max(1, round(height * 1.5 / factor)), max(1, round(width * 1.5 / factor)))
        premultiplied = F.interpolate(premultiplied, shrunk, mode="area")
    sampled = F.grid_sample(premultiplied, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    alpha = sampled[:, 3:]
    return torch.cat([(sampled[:, :3] / alpha.clamp_min(1e-6)).clamp(0, 1) * (alpha > 0), alpha], dim=1)
