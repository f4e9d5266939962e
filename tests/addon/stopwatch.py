"""What work in steps takes of a tick."""

import time

from tests.addon.extension import steps as steps_module

TICK_S = 0.005
"""Processor time that a tick may take."""


def ticks_of(steps):
    """Processor time of each tick that work in steps takes."""
    is_over = False
    while not is_over:
        begin = time.thread_time()
        is_over = steps_module.take_steps(steps)
        yield time.thread_time() - begin
