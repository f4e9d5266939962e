"""sRGB to linear light and back, and colour changes as affine maps (sRGB in, sRGB out)."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in brightness (Rec. 709)."""


def linear_from_srgb(colours: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    return np.where(colours <= 0.04045, colours / 12.92, ((np.maximum(colours, 0) + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(colours: np.ndarray) -> np.ndarray:
    """sRGB values of linear light in [0, 1]; the inverse of `linear_from_srgb`."""
    bright = 1.055 * np.maximum(colours, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(colours <= 0.0031308, colours * 12.92, bright)


def colour_changes(
    *,
    hue: Float[Tensor, " n"],
    saturation: Float[Tensor, " n"],
    contrast: Float[Tensor, " n"],
    brightness: Float[Tensor, " n"],
) -> Float[Tensor, "n 3 4"]:
    """Affine maps that turn the hue (radians) about grey, scale colour and contrast, and add brightness.

    Neutral values are 0, 1, 1, 0. The maps apply to sRGB values; the result is to be clamped.
    """
    axis = torch.full((3, 3), 1 / 3, device=hue.device)
    root = math.sqrt(1 / 3)
    cross = torch.tensor([[0, -root, root], [root, 0, -root], [-root, root, 0]], device=hue.device)
    cosine, sine = hue.cos()[:, None, None], hue.sin()[:, None, None]
    turn = cosine * torch.eye(3, device=hue.device) + (1 - cosine) * axis + sine * cross
    grey = torch.tensor(LUMA, device=hue.device).expand(3, 3)
    amount = saturation[:, None, None]
    colour = amount * torch.eye(3, device=hue.device) + (1 - amount) * grey
    matrix = contrast[:, None, None] * colour @ turn
    offset = 0.5 * (1 - contrast) + brightness
    return torch.cat([matrix, offset[:, None, None].expand(-1, 3, 1)], dim=2)
