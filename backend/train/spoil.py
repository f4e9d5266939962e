"""Faults of the pictures that people have: soft, noisy, off in colour, compressed, badly cut out.

Targets stay clean, so the networks learn to look through the faults. Colours are off by little: by how much
cannot be seen in a picture, and an artist wants the colours that the picture has.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

BLOCK = 8
"""Side of JPEG's blocks in pixels."""

FAULT_SHARE = 0.5
"""Chance of each kind of fault in a picture."""


def spoil(pictures: Float[Tensor, "b 4 h w"], generator: torch.Generator) -> Float[Tensor, "b 4 h w"]:
    """Pictures with faults drawn for each; sides must be multiples of `BLOCK`."""
    rgb, alpha = pictures[:, :3], pictures[:, 3:]
    # What stood behind the object shows where the cut is too wide.
    backdrop = _uniform(pictures, generator).expand(-1, 3, -1, -1)
    seen = rgb * alpha + backdrop * (1 - alpha)
    seen = torch.lerp(seen, _soft(seen), _amount(pictures, generator))
    gain = 1 + 0.04 * _amount(pictures, generator) * _normal(pictures, generator, channels=3)
    gamma = torch.exp2(0.2 * _amount(pictures, generator) * _normal(pictures, generator))
    seen = (seen * gain).clamp(1e-4, 1) ** gamma
    noise = torch.randn(seen.shape, generator=generator, device=seen.device)
    seen = (seen + 0.03 * _amount(pictures, generator) * noise).clamp(0, 1)
    seen = compressed(seen, 0.15 * _amount(pictures, generator))
    return torch.cat([seen, _recut(alpha, generator)], dim=1)


def compressed(rgb: Float[Tensor, "b 3 h w"], step: Float[Tensor, "b 1 1 1"]) -> Float[Tensor, "b 3 h w"]:
    """Round the cosine coefficients of 8x8 blocks, coarser for finer waves: the artefacts of JPEG.

    `step` is the rounding step of the finest wave, as a share of the full range; 0 changes nothing.
    """
    wave = _cosine_basis(rgb)
    index = torch.arange(BLOCK, device=rgb.device, dtype=rgb.dtype)
    steepness = (1 + index[:, None] + index) / (2 * BLOCK - 1)
    blocks = rgb.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))
    coefficients = torch.einsum("ui,bcyixj,vj->bcyxuv", wave, blocks, wave)
    grain = (BLOCK / 2 * step.clamp_min(1e-6))[..., None, None] * steepness
    rounded = torch.round(coefficients / grain) * grain
    restored = torch.einsum("ui,bcyxuv,vj->bcyixj", wave, rounded, wave).flatten(4, 5).flatten(2, 3)
    return restored.clamp(0, 1)


def _cosine_basis(like: Tensor) -> Float[Tensor, "u i"]:
    """The orthonormal DCT-II of `BLOCK` samples."""
    index = torch.arange(BLOCK, device=like.device, dtype=like.dtype)
    wave = torch.cos(math.pi / BLOCK * (index + 0.5) * index[:, None])
    return wave * torch.where(index == 0, 1 / BLOCK, 2 / BLOCK).sqrt()[:, None]


def _recut(alpha: Float[Tensor, "b 1 h w"], generator: torch.Generator) -> Float[Tensor, "b 1 h w"]:
    """Move the outline in or out by up to about two pixels, and leave it harder or softer."""
    width = 9
    near = F.avg_pool2d(alpha, width, stride=1, padding=width // 2, count_include_pad=False)
    shift = 0.2 * _amount(alpha, generator) * (2 * _uniform(alpha, generator) - 1)
    hardness = _uniform(alpha, generator, low=3.0, high=8.0)
    moved = ((near - 0.5 + shift) * hardness + 0.5).clamp(0, 1)
    return torch.where(_uniform(alpha, generator) < FAULT_SHARE, moved, alpha)


def _soft(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    small = F.avg_pool2d(images, 3)
    return F.interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False)


def _uniform(
    like: Tensor, generator: torch.Generator, *, low: float = 0.0, high: float = 1.0
) -> Float[Tensor, "b 1 1 1"]:
    random = torch.rand(len(like), 1, 1, 1, generator=generator, device=like.device)
    return low + (high - low) * random


def _normal(like: Tensor, generator: torch.Generator, *, channels: int = 1) -> Float[Tensor, "b c 1 1"]:
    return torch.randn(len(like), channels, 1, 1, generator=generator, device=like.device)


def _amount(like: Tensor, generator: torch.Generator) -> Float[Tensor, "b 1 1 1"]:
    """From 0 to 1, and 0 in the pictures that are spared this fault."""
    strength = _uniform(like, generator)
    return strength * (_uniform(like, generator) < FAULT_SHARE)
