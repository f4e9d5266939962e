"""A rolling window of samples made on the fly, each used several times before it is replaced.

Samples are made in numbered groups. Which groups the window holds, and which samples a batch draws, depend on
the step alone; so a resumed run sees what an uninterrupted one would have seen.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from backend.errors import ConfigError

SampleT = TypeVar("SampleT")


class Pool(Generic[SampleT]):
    """Samples for training, deterministic in (seed, step).

    Args:
        make: Makes all samples of a group from the group's number.
        groups: Number of groups in the window.
        steps_per_group: Steps after which the oldest group gives way to a new one.
        seed: Of the choice of samples.
    """

    def __init__(
        self,
        make: Callable[[int], list[SampleT]],
        *,
        groups: int,
        steps_per_group: int = 1,
        seed: int = 0,
    ) -> None:
        if groups < 1 or steps_per_group < 1:
            raise ConfigError(f"a pool needs groups and steps for each, got {groups} and {steps_per_group}")
        self._make = make
        self._groups = groups
        self._steps_per_group = steps_per_group
        self._seed = seed
        self._window: OrderedDict[int, list[SampleT]] = OrderedDict()

    def batch(self, step: int, size: int) -> list[SampleT]:
        """Samples for one step, drawn from the whole window."""
        self._advance(step // self._steps_per_group)
        window = list(self._window.values())
        total = sum(len(group) for group in window)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        # Without repeats where the window is large enough.
        draws = torch.randperm(total, generator=generator)
        chosen = draws.repeat(-(-size // total))[:size].tolist()
        flat = [sample for group in window for sample in group]
        return [flat[index] for index in chosen]

    def _advance(self, first: int) -> None:
        wanted = range(first, first + self._groups)
        for number in list(self._window):
            if number not in wanted:
                del self._window[number]
        for number in wanted:
            if number not in self._window:
                # Pools are asked from within a loss; half precision would move vertices and rays.
                with torch.autocast("cuda", enabled=False):
                    self._window[number] = self._make(number)
        self._window = OrderedDict((number, self._window[number]) for number in wanted)
