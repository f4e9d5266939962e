"""Work in steps that nobody feels: generators that pause between them, and how far they go in a tick."""

import time
from collections.abc import Generator, Iterator
from typing import TypeVar

Result = TypeVar("Result")
Steps = Generator[None, None, Result]
"""Work that pauses between short steps and returns something at its end."""

BUDGET_S = 0.001
"""A tick begins no step after that; the longest step takes twice that."""


def finish(steps: Steps[Result]) -> Result:
    """Do all steps at once; returns what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def take_steps(steps: Iterator[None]) -> bool:
    """Take steps for as long as a tick may last; returns whether there are none left."""
    until = time.perf_counter() + BUDGET_S
    return all(time.perf_counter() <= until for _ in steps)
