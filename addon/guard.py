"""The outermost loop of this process: what Blender's timers call."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


def guarded(tick: Callable[[], float | None], *, otherwise: float | None, name: str) -> float | None:
    """Do a timer's work; after a fault that nobody foresaw, log it and go on with `otherwise`.

    A timer that raises ends without a word in the panel.
    """
    try:
        return tick()
    except Exception:
        log.exception("%s failed", name)
        return otherwise
