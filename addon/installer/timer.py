"""Moves the installation on while Blender's window is open, and draws it."""

from collections.abc import Callable

import bpy

from ..guard import guarded
from .state import INSTALLATION

INTERVAL_S = 0.2

_after: list[Callable[[], None]] = []
"""What is to be done when the work has ended."""


def start(then: Callable[[], None] | None = None) -> None:
    """Follow the installer; in background mode, where there are no timers, wait for it."""
    if then is not None:
        _after.append(then)
    if bpy.app.background:
        INSTALLATION.wait()
        _finish()
    elif not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL_S, persistent=True)


def stop() -> None:
    """End the timer and the installer."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _after.clear()
    INSTALLATION.stop()


def _tick() -> float | None:
    guarded(_move_on, otherwise=None, name="the installer's timer")
    return INTERVAL_S if INSTALLATION.is_busy else None


def _move_on() -> None:
    has_changed = INSTALLATION.poll()
    if not INSTALLATION.is_busy:
        _finish()
    if has_changed or not INSTALLATION.is_busy:
        redraw()


def _finish() -> None:
    waiting, _after[:] = list(_after), []
    for action in waiting:
        action()


def redraw() -> None:
    """Draw the preferences and the sidebars anew."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type in ("PREFERENCES", "VIEW_3D"):
                area.tag_redraw()
