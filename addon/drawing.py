"""What all panels draw with: wrapped sentences, and buttons that lead to a cure."""

from typing import TYPE_CHECKING

import bpy

from .package import PACKAGE
from .texts import tr

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

CATEGORY = "One2345"
"""Name of the tab."""

_PX_PER_LETTER = 7.0
_SIDE_PX = 60
"""Margins, icon and scroll bar."""
_MIN_LETTERS = 12
_NO_WINDOW_PX = 280


class Tab:
    """Where the panels of the 3D view stand."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = CATEGORY


def layout_of(panel: bpy.types.Panel) -> bpy.types.UILayout:
    """A panel's layout, which is there while Blender draws it."""
    if panel.layout is None:
        raise RuntimeError("a panel is drawn by Blender alone")
    return panel.layout


def draw_text(
    context: bpy.types.Context, layout: bpy.types.UILayout, text: str, *, icon: "IconItems"
) -> None:
    """Draw a sentence in as many lines as the sidebar's width asks for; Blender does not wrap."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    width = context.region.width if context.region else _NO_WINDOW_PX
    scale = context.preferences.system.ui_scale or 1.0  # no scale without a window
    lines = wrapped(tr(text), max(_MIN_LETTERS, int((width / scale - _SIDE_PX) / _PX_PER_LETTER)))
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


def draw_preferences_button(layout: bpy.types.UILayout) -> None:
    """Draw the way to the add-on's preferences."""
    button = layout.operator("preferences.addon_show", text="Preferences")
    button.module = PACKAGE


def wrapped(text: str, num_letters: int) -> list[str]:
    """Cut a text into lines; words longer than a line, such as paths, are cut as well."""
    lines, line = [], ""
    for word in text.split():
        rest = word
        if line and len(line) + 1 + len(rest) <= num_letters:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while len(rest) > num_letters:
            lines.append(rest[:num_letters])
            rest = rest[num_letters:]
        line = rest
    return [*lines, line] if line else lines
