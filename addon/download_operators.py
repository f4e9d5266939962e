"""Downloading a network by a click, and stopping that."""

from typing import TYPE_CHECKING

import bpy

from . import ticking
from .download import DOWNLOAD, follow
from .downloadable import Downloadable, entry_of
from .drawing import draw_text
from .errors import SetupError, SourceError
from .installer.operators import check_online
from .options import UNSAVED
from .preferences import launch_from
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned


class ONE2345_OT_download_network(bpy.types.Operator):
    """Download the chosen network, after its licence was shown; goes on where it broke off"""

    bl_idname = "one2345.download_network"
    bl_label = "Download Network"

    if TYPE_CHECKING:
        name: str
        accepts: bool
    else:
        name: bpy.props.StringProperty(name="Network", options=UNSAVED)
        accepts: bpy.props.BoolProperty(name="I have read the licence and accept it", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Show what it is and on what terms."""
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw size and licence, and the tick."""
        entry, layout = entry_of(self.name), self.layout
        if entry is None or layout is None:
            return
        layout.label(text=f"{entry.title}, {entry.bytes / 1e9:.1f} GB", translate=False)
        draw_text(context, layout, entry.licence, icon="INFO")
        layout.prop(self, "accepts")

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the download."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        check_online()
        entry = entry_of(self.name)
        if entry is None:
            raise SourceError(tr("There is no network {name!r}.", name=self.name))
        if not self.accepts:
            raise SetupError(
                tr(
                    "{title} is under {licence}. Accept it to download.",
                    title=entry.title,
                    licence=entry.licence,
                )
            )
        DOWNLOAD.start(entry, launch_from(context))
        follow()


class ONE2345_OT_stop_download(bpy.types.Operator):
    """Stop the download; what was fetched is kept"""

    bl_idname = "one2345.stop_download"
    bl_label = "Stop Download"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """End it."""
        DOWNLOAD.stop()
        ticking.redraw()
        return {"FINISHED"}


CLASSES = (ONE2345_OT_download_network, ONE2345_OT_stop_download)


def draw_download(
    context: bpy.types.Context, layout: bpy.types.UILayout, missing: Downloadable | None
) -> None:
    """Draw what is missing, how large it is and on what terms, or how far its download is."""
    if DOWNLOAD.is_busy:
        row = layout.row(align=True)
        text = tr("Downloading {percent}", percent=f"{DOWNLOAD.fraction:.0%}")
        row.progress(factor=DOWNLOAD.fraction, text=text, type="BAR", translate=False)
        row.operator(ONE2345_OT_stop_download.bl_idname, text="", icon="X")
        return
    if missing is None:
        return
    text = tr(
        "{name} is not on this disk: {size} GB, {licence}",
        name=missing.title,
        size=f"{missing.bytes / 1e9:.1f}",
        licence=missing.licence,
    )
    draw_text(context, layout, text, icon="INFO")
    layout.operator_context = "INVOKE_DEFAULT"
    button = layout.operator(ONE2345_OT_download_network.bl_idname, text="Download...", icon="IMPORT")
    button.name = missing.name
    if DOWNLOAD.entry == missing and DOWNLOAD.message:
        draw_text(context, layout, DOWNLOAD.message, icon="ERROR")
