"""Which timesteps the samples of a training batch get."""

import torch
from jaxtyping import Int
from torch import Tensor


def spread_timesteps(
    count: int, steps: int, generator: torch.Generator, *, from_noise: float = 0.0
) -> Int[Tensor, " b"]:
    """Rising timesteps, one from each of equal parts of the schedule: a batch covers all of it.

    Args:
        from_noise: Share of the batch that is at the last timestep instead, where one-step sampling starts.
    """
    spread = count - round(from_noise * count)
    offset = torch.rand(spread, generator=generator, device=generator.device)
    part = torch.arange(spread, device=generator.device)
    timesteps = ((part + offset) / max(1, spread) * steps).long().clamp(max=steps - 1)
    return torch.cat([timesteps, timesteps.new_full((count - spread,), steps - 1)])
