"""Texts put together from parts, in the artist's language. Plain labels are translated by Blender itself."""

import bpy

_MINUTE_S = 60
_LONG_S = 100


def tr(text: str, **values: object) -> str:
    """A text in the artist's language with its {places} filled; `text` is what dictionaries know it by."""
    translated = bpy.app.translations.pgettext_iface(text) or text
    return translated.format(**values) if values else translated


def duration(seconds: float) -> str:
    """A time in the form that panels have room for."""
    if seconds < _LONG_S:
        return tr("{count} s", count=max(1, round(seconds)))
    return tr("{count} min", count=round(seconds / _MINUTE_S))


def progress(fraction: float, seconds_left: float | None) -> str:
    """How far something is, and how long it will take if that is known."""
    percent = f"{fraction:.0%}"
    if seconds_left is None:
        return percent
    return tr("{percent}, {time} left", percent=percent, time=duration(seconds_left))
