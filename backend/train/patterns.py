"""A bank of small patterns whose channels are weights of colours, not colours.

A part's affine change of colour turns a pattern into any three colours: base, where the first channel
is one, where the second is one; the third channel is fine noise. See `pattern_colours`.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SIDE = 64
Fields = tuple[np.ndarray, np.ndarray]


def _smooth_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Periodic noise of mean zero and deviation one with about `cells` bumps a side."""
    wave = np.fft.fftfreq(SIDE, 1 / SIDE)
    power = np.exp(-(wave[:, None] ** 2 + wave[None] ** 2) / (0.5 * cells**2))
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * power).real
    return (field - field.mean()) / (field.std() + 1e-9)


def _axes(rng: np.random.Generator, most: int) -> Fields:
    """Periodic phases along two directions, in turns."""
    axis = (np.arange(SIDE) + 0.5) / SIDE
    counts = rng.integers(1, most + 1, size=2)
    return axis[None] * counts[0] + 0 * axis[:, None], axis[:, None] * counts[1] + 0 * axis[None]


def _flat(rng: np.random.Generator) -> Fields:
    zero = np.zeros((SIDE, SIDE))
    return zero, zero


def _stripes(rng: np.random.Generator) -> Fields:
    across, down = _axes(rng, 6)
    phase = (across, down, across + down)[rng.integers(3)] % 1
    width = rng.uniform(0.15, 0.6)
    return (phase < width) * 1.0, (np.abs(phase - 0.8) < 0.08) * float(rng.random() < 0.4)


def _checks(rng: np.random.Generator) -> Fields:
    across, down = _axes(rng, 4)
    first = ((across % 1 < 0.5) ^ (down % 1 < 0.5)) * 1.0
    return first, ((across % 1 < 0.5) & (down % 1 < 0.5)) * float(rng.random() < 0.3)


def _dots(rng: np.random.Generator) -> Fields:
    across, down = _axes(rng, 5)
    radius = np.hypot(across % 1 - 0.5, down % 1 - 0.5)
    outer = rng.uniform(0.2, 0.45)
    inner = outer * rng.uniform(0.3, 0.8) * float(rng.random() < 0.5)
    return ((radius < outer) & (radius >= inner)) * 1.0, (radius < inner) * 1.0


def _gradient(rng: np.random.Generator) -> Fields:
    down = (np.arange(SIDE) + 0.5)[:, None] / SIDE + np.zeros((1, SIDE))
    wave = 0.5 - 0.5 * np.cos(2 * math.pi * down)
    return (wave if rng.random() < 0.5 else down), 0 * down


def _noise(rng: np.random.Generator) -> Fields:
    first = np.clip(0.5 + 0.35 * _smooth_noise(rng, int(rng.integers(1, 9))), 0, 1)
    return first, np.clip(0.3 * _smooth_noise(rng, int(rng.integers(2, 12))), 0, 1)


def _blobs(rng: np.random.Generator) -> Fields:
    field = _smooth_noise(rng, int(rng.integers(1, 5)))
    level = rng.uniform(-0.5, 0.8)
    return (field > level) * 1.0, (field > level + rng.uniform(0.5, 1.5)) * 1.0


def _bricks(rng: np.random.Generator) -> Fields:
    across, down = _axes(rng, 4)
    shifted = across + 0.5 * (np.floor(down * 2) % 2)
    joint = (shifted % 1 < 0.1) | ((down * 2) % 1 < 0.16)
    return joint * 1.0, np.clip(0.4 * _smooth_noise(rng, 3), 0, 1) * ~joint


def _bands(rng: np.random.Generator) -> Fields:
    """One band and one patch, like a label."""
    axis = (np.arange(SIDE) + 0.5) / SIDE
    low, high = np.sort(rng.uniform(0.1, 0.9, size=2))
    band = ((axis > low) & (axis < high))[:, None] & np.ones((1, SIDE), bool)
    left, right = np.sort(rng.uniform(0.0, 1.0, size=2))
    patch = band & ((axis > left) & (axis < right))[None]
    return (band & ~patch) * 1.0, patch * 1.0


def _scribble(rng: np.random.Generator) -> Fields:
    field = _smooth_noise(rng, int(rng.integers(2, 6)))
    return (np.abs(field) < rng.uniform(0.1, 0.3)) * 1.0, (field > 1.3) * 1.0


KINDS: tuple[Callable[[np.random.Generator], Fields], ...] = (
    _flat,
    _flat,
    _stripes,
    _checks,
    _dots,
    _gradient,
    _noise,
    _blobs,
    _bricks,
    _bands,
    _scribble,
)


def pattern_bank(count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Patterns (64 x 64 x 3, 8 bits), kinds by turns."""
    rng = np.random.default_rng(seed)
    patterns = []
    for index in range(count):
        first, second = KINDS[index % len(KINDS)](rng)
        grain = np.clip(0.5 + 0.25 * _smooth_noise(rng, int(rng.integers(2, 24))), 0, 1)
        stacked = np.stack([first, second, grain], axis=2)
        patterns.append(np.round(stacked * 255).astype(np.uint8))
    return patterns


def pattern_colours(
    base: Float[Tensor, "n 3"],
    first: Float[Tensor, "n 3"],
    second: Float[Tensor, "n 3"],
    grain: Float[Tensor, " n"],
) -> Float[Tensor, "n 3 4"]:
    """Affine maps from a pattern's channels to sRGB; `grain` is the strength of the noise."""
    noise = grain[:, None].expand(-1, 3)
    return torch.stack([first - base, second - base, noise, base - noise / 2], dim=2)


def random_colours(count: int, generator: torch.Generator) -> Float[Tensor, "n 3"]:
    """sRGB colours of all hues; a third are nearly grey, as many things are."""
    hue = torch.rand(count, 1, generator=generator)
    value = 1 - 0.9 * torch.rand(count, 1, generator=generator) ** 1.5
    saturation = torch.rand(count, 1, generator=generator)
    saturation = torch.where(torch.rand(count, 1, generator=generator) < 0.35, 0.12 * saturation, saturation)
    wheel = ((hue + torch.tensor([0.0, 2 / 3, 1 / 3])) % 1 * 6 - 3).abs().sub(1).clamp(0, 1)
    return value * (1 - saturation * (1 - wheel))
