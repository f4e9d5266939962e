"""Folding parts of the tab: how results come in, and the process that makes them."""

import bpy

from ..backend.protocol import Device, Engine
from . import backend_operators, jobs, memory, readiness
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


class _Fold(Tab):
    """Where these parts stand, and when."""

    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not on a first run, whose card is all there is to do."""
        return readiness.is_set_up(context) or jobs.SESSION.client.is_alive


class ONE2345_PT_method(_Fold, bpy.types.Panel):
    """The method, and the networks that draw the views"""

    bl_label = "Method"

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


class ONE2345_PT_import(_Fold, bpy.types.Panel):
    """How results come into the scene"""

    bl_label = "Import"

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


class ONE2345_PT_backend(_Fold, bpy.types.Panel):
    """The process that does the work"""

    bl_label = "Backend"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw its state and what can be done with it."""
        layout = layout_of(self)
        for line in status_lines():
            draw_text(context, layout, line, icon="NONE")
        if jobs.SESSION.notice:
            draw_text(context, layout, jobs.SESSION.notice, icon="INFO")
        row = layout.row(align=True)
        if jobs.SESSION.client.is_alive:
            row.operator(backend_operators.ONE2345_OT_stop_backend.bl_idname, text="Stop")
        else:
            row.operator(backend_operators.ONE2345_OT_start_backend.bl_idname, text="Start")
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


def status_lines() -> list[str]:
    """The backend's state and device, then the device's memory; what is not known is left out."""
    state, ready = tr(_STATE_TEXTS[jobs.SESSION.client.state]), memory.known()
    if ready is None:
        return [state]
    lines = [tr("{state}: {device}", state=state, device=ready.device_name)]
    if ready.total_bytes:
        free, total = (f"{size / _GIB:.1f}" for size in (ready.free_bytes, ready.total_bytes))
        is_own = ready.device is Device.CUDA
        text = "GPU memory: {free} of {total} GiB free" if is_own else "Memory: {free} of {total} GiB free"
        lines.append(tr(text, free=free, total=total))
    return lines
