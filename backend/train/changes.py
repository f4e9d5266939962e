"""How training meshes are drawn, placed and recoloured at random. Legend: `p` parts, `b` scenes."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.errors import ConfigError
from backend.train.colours import colour_changes
from backend.train.pack import RADIUS
from backend.train.patterns import pattern_colours, random_colours

MAX_BEND = 0.95
"""Largest Frobenius norm of the Jacobian of a bend less one; below one nothing folds over itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceConfig:
    """How training objects are drawn and changed; probabilities unless said otherwise.

    Attributes:
        procedural: Of a procedural object.
        families: Of a procedural object's being a thing of a family.
        combined: Of a scene of two or three meshes.
        turned: Of any rotation about the vertical; else it is within about 25 degrees.
        tilted: Of a tilt of up to 20 degrees.
        stretched: Of a change of proportions.
        bent: Of a bend, taper or twist.
        recoloured: Of a change of hue, saturation, contrast and brightness.
        flipped: Of a flip of texture coordinates.
        repainted: Of patterns instead of the mesh's own textures.
        patterns: Number of patterns for procedural objects.
    """

    procedural: float = 0.3
    families: float = 0.5
    combined: float = 0.08
    turned: float = 0.6
    tilted: float = 0.1
    stretched: float = 0.5
    bent: float = 0.5
    recoloured: float = 0.7
    flipped: float = 0.05
    repainted: float = 0.15
    patterns: int = 330

    def __post_init__(self) -> None:
        if not (0 <= self.procedural <= 1 and 0 <= self.families <= 1) or self.patterns < 1:
            raise ConfigError(
                f"need a share of procedural objects and one of families in [0, 1] and patterns, got {self}"
            )


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to each mesh of a scene.

    Attributes:
        bend: What is added to each coordinate before the mesh is placed: coefficients, in 1 / m, of squares
            and products of coordinates, symmetric in the last two axes. There are tapers (x z, y z), bends
            (z^2) and twists (y z, -x z) among them.
        world_from_mesh: Affine placement.
        uv_flip: Factors -1 or 1 of the texture coordinates.
        colours: Affine change of sRGB, or of the channels of patterns where they take the textures' place.
        is_repainted: Whether they do.
    """

    bend: Float[Tensor, "p 3 3 3"]
    world_from_mesh: Float[Tensor, "p 3 4"]
    uv_flip: Float[Tensor, "p 2"]
    colours: Float[Tensor, "p 3 4"]
    is_repainted: Bool[Tensor, " p"]


def unchanged(count: int) -> Changes:
    identity = torch.eye(3, 4).expand(count, -1, -1)
    none = torch.zeros(count, dtype=torch.bool)
    return Changes(torch.zeros(count, 3, 3, 3), identity, torch.ones(count, 2), identity, none)


def random_changes(
    scene: Int[Tensor, " p"], number: Int[Tensor, " b"], config: SourceConfig, generator: torch.Generator
) -> Changes:
    """Random placements and colours; the parts of a scene stand around each other."""
    count = len(scene)

    def happens(probability: float) -> Tensor:
        return torch.rand(count, generator=generator) < probability

    turn = torch.where(
        happens(config.turned),
        2 * math.pi * torch.rand(count, generator=generator),
        math.radians(25) / 2 * torch.randn(count, generator=generator),
    )
    tilt = happens(config.tilted) * math.radians(20) * (2 * torch.rand(count, generator=generator) - 1)
    scale = torch.exp(0.18 * torch.randn(count, 3, generator=generator).clamp(-2.5, 2.5))
    scale = torch.where(happens(config.stretched)[:, None], scale, torch.ones(3))
    mirror = torch.where(happens(0.5), -1.0, 1.0)
    scale = scale * torch.stack([mirror, torch.ones(count), torch.ones(count)], dim=1)
    linear = rotations_about(2, turn) @ rotations_about(0, tilt) @ torch.diag_embed(scale)
    is_alone = number[scene] == 1
    size = torch.where(is_alone, 1.0, 0.5 + 0.5 * torch.rand(count, generator=generator))
    spread = torch.tensor([0.9, 0.9, 0.6]) * (torch.rand(count, 3, generator=generator) - 0.5)
    offset = torch.where(is_alone[:, None], torch.zeros(3), spread)
    changed = happens(config.recoloured)
    strong = happens(0.35)

    def shift(spread: float, neutral: float) -> Tensor:
        return torch.where(changed, neutral + spread * torch.randn(count, generator=generator), neutral)

    hue = torch.where(strong, 2 * math.pi * torch.rand(count, generator=generator), shift(0.2, 0.0))
    colours = colour_changes(
        hue=torch.where(changed, hue, 0.0),
        saturation=shift(0.25, 1.0).clamp(0, 1.6),
        contrast=shift(0.15, 1.0).clamp(0.6, 1.4),
        brightness=shift(0.08, 0.0),
    )
    is_repainted = happens(config.repainted)
    colours = torch.where(is_repainted[:, None, None], _pattern_palettes(count, generator), colours)
    flip = torch.where(torch.rand(count, 2, generator=generator) < config.flipped, -1.0, 1.0)
    world = torch.cat([linear * size[:, None, None], offset[..., None]], dim=2)
    bend = _random_bends(count, generator)
    bend = torch.where(happens(config.bent)[:, None, None, None], bend, 0.0)
    return Changes(bend, world, flip, colours, is_repainted)


def _pattern_palettes(count: int, generator: torch.Generator) -> Float[Tensor, "p 3 4"]:
    """Three random colours and some grain for each part's patterns."""
    base, first, second = random_colours(3 * count, generator).view(3, count, 3)
    grain = (torch.rand(count, generator=generator) - 0.4).clamp_min(0) * 0.4
    return pattern_colours(base, first, second, grain)


def _random_bends(count: int, generator: torch.Generator) -> Float[Tensor, "p 3 3 3"]:
    """Bends of any direction, as strong as `MAX_BEND` allows for meshes that fit the sphere of training.

    A few of the coefficients stand out, as cubes of normal numbers do, so that one thing is seen to happen.
    """
    drawn = torch.randn(count, 3, 3, 3, generator=generator) ** 3
    symmetric = (drawn + drawn.transpose(2, 3)) / 2
    strength = MAX_BEND * torch.rand(count, 1, 1, 1, generator=generator).sqrt() / (2 * RADIUS)
    return strength * symmetric / symmetric.flatten(1).norm(dim=1)[:, None, None, None]


def bent(
    vertices: Float[Tensor, "v 3"], normals: Float[Tensor, "v 3"], bend: Float[Tensor, "v 3 3 3"]
) -> tuple[Float[Tensor, "v 3"], Float[Tensor, "v 3"]]:
    """Move vertices (m) by squares and products of their coordinates, and turn their normals with them.

    Args:
        bend: Coefficients as in `Changes`, symmetric in the last two axes.
    """
    moved = torch.einsum("vkij,vj->vki", bend, vertices)
    jacobian = torch.eye(3, device=bend.device) + 2 * moved
    cofactor = torch.linalg.inv(jacobian).transpose(1, 2)
    return (
        vertices + torch.einsum("vki,vi->vk", moved, vertices),
        torch.einsum("vki,vi->vk", cofactor, normals),
    )


def rotations_about(axis: int, angle: Float[Tensor, " p"]) -> Float[Tensor, "p 3 3"]:
    """Right-handed rotations about a coordinate axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turned = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    turned[:, first, first] = turned[:, second, second] = angle.cos()
    turned[:, first, second] = -angle.sin()
    turned[:, second, first] = angle.sin()
    return turned
