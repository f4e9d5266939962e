"""Folding parts of the tab: how results come in, and the process that makes them."""

import bpy

from ..backend.protocol import Engine
from . import backend_operators, jobs
from .client import State
from .downloadable import FOLDER, entry_of, memory_mib
from .drawing import Tab, draw_preferences_button, draw_text, layout_of
from .properties import ONE2345_PG_settings, scene_settings
from .texts import tr

_STATE_TEXTS = {
    State.STOPPED: "Not running",
    State.STARTING: "Starting...",
    State.IDLE: "Ready",
    State.BUSY: "Working",
    State.STOPPING: "Stopping...",
    State.FAILED: "Failed",
}
_GIB = 2**30


class ONE2345_PT_method(Tab, bpy.types.Panel):
    """The method, and the networks that draw the views"""

    bl_label = "Method"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        """Draw both choices, with the licence of what was chosen."""
        layout = layout_of(self)
        settings = scene_settings(context)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "engine")
        column.prop(settings, "weights")
        if settings.weights == FOLDER:
            column.prop(settings, "weights_folder")
        for text in _facts(settings):
            draw_text(context, layout, text, icon="INFO")


class ONE2345_PT_import(Tab, bpy.types.Panel):
    """How results come into the scene"""

    bl_label = "Import"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the import settings."""
        layout = layout_of(self)
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = scene_settings(context)
        for name in ("place", "size", "collection"):
            layout.prop(settings, name)
        column = layout.column(align=True)
        for name in ("faces", "texture_px", "topology"):
            column.prop(settings, name)
        column = layout.column(heading="Make")
        for name in ("use_photo", "flat_base", "pack", "is_asset"):
            column.prop(settings, name)
        if settings.is_asset:
            layout.prop(settings, "catalogue")
            layout.prop(settings, "tags")


class ONE2345_PT_backend(Tab, bpy.types.Panel):
    """The process that does the work"""

    bl_label = "Backend"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        """Draw its state and what can be done with it."""
        layout = layout_of(self)
        draw_text(context, layout, status_line(), icon="NONE")
        if jobs.SESSION.notice:
            draw_text(context, layout, jobs.SESSION.notice, icon="INFO")
        row = layout.row(align=True)
        row.operator(backend_operators.ONE2345_OT_stop_backend.bl_idname, text="Stop")
        row.operator(backend_operators.ONE2345_OT_open_log.bl_idname, text="Log")
        draw_preferences_button(layout)


CLASSES = (ONE2345_PT_method, ONE2345_PT_import, ONE2345_PT_backend)


def _facts(settings: ONE2345_PG_settings) -> list[str]:
    """What the chosen engine and weights need, as far as it is known."""
    entry = entry_of(settings.weights)
    facts = [entry.licence] if entry else []
    needed = memory_mib(Engine[settings.engine], settings.weights)
    facts += [
        tr("{size} GiB of {kind} memory", size=f"{mib / 1024:.1f}", kind=kind.upper())
        for kind, mib in needed.items()
    ]
    return facts


def status_line() -> str:
    """The backend's state and device in a line."""
    client = jobs.SESSION.client
    text = tr(_STATE_TEXTS[client.state])
    if client.ready is None or not client.is_alive:
        return text
    free = client.ready.free_bytes / _GIB
    return tr(
        "{state}: {device}, {free} GiB free", state=text, device=client.ready.device_name, free=f"{free:.1f}"
    )
