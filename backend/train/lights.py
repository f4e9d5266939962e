"""Random light for input pictures: an even share and two directional lights, without shadows."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

NUM_LAMPS = 2


@dataclass(frozen=True, slots=True)
class Light:
    """Light of a batch of scenes; all strengths are linear.

    Attributes:
        ambient: Light from everywhere.
        toward: Unit vectors from the scene towards each lamp.
        lamps: Strength and colour of each lamp.
        gloss: Strength of the mirrored lamps.
    """

    ambient: Float[Tensor, "b 3"]
    toward: Float[Tensor, "b lamps 3"]
    lamps: Float[Tensor, "b lamps 3"]
    gloss: Float[Tensor, " b"]


def random_lights(count: int, generator: torch.Generator, device: torch.device | str) -> Light:
    """Light that makes a white surface facing the camera about as bright as even light does.

    The first lamp is mostly in front, above the camera; the second anywhere above the ground. `generator`
    is a CPU one.
    """
    even = 0.45 + 0.5 * torch.rand(count, 1, generator=generator)
    tint = 1 + 0.08 * torch.randn(count, 1 + NUM_LAMPS, 3, generator=generator)
    spread = torch.tensor([[0.8, 0.5, 0.4], [1.0, 1.0, 0.5]])
    centre = torch.tensor([[0.0, -1.0, 0.8], [0.0, 0.0, 0.8]])
    toward = centre + spread * torch.randn(count, NUM_LAMPS, 3, generator=generator)
    share = torch.rand(count, 1, generator=generator) * 0.6
    power = (1.1 - even) * 1.3
    lamps = torch.stack([power * (1 - 0.4 * share), power * share], dim=1) * tint[:, 1:]
    gloss = (torch.rand(count, generator=generator) - 0.5).clamp_min(0) * 0.5
    return Light(
        (even * tint[:, 0]).clamp_min(0).to(device),
        torch.nn.functional.normalize(toward, dim=-1).to(device),
        lamps.clamp_min(0).to(device),
        gloss.to(device),
    )
