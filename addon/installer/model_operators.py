"""Operators of the models: download, remove, take over from a folder."""

from typing import TYPE_CHECKING

import bpy

from ..errors import SetupError
from ..reporting import reported
from ..texts import tr
from . import timer
from .models import ModelEntry, model_entries
from .operators import WhenIdle, check_online, root_of
from .state import INSTALLATION

if TYPE_CHECKING:
    from ..reporting import Returned


class _OnModel(WhenIdle):
    if TYPE_CHECKING:
        name: str
    else:
        name: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def entry(self) -> ModelEntry:
        """The model that this is about.

        Raises:
            SetupError: there is none of that name.
        """
        found = next((entry for entry in model_entries() if entry.name == self.name), None)
        if found is None:
            raise SetupError(tr("There is no model {name!r}.", name=self.name))
        return found


class ONE2345_OT_download_model(_OnModel, bpy.types.Operator):
    """Download a model, after its licence was shown"""

    bl_idname = "one2345.download_model"
    bl_label = "Download Model"

    if TYPE_CHECKING:
        accepts: bool
    else:
        accepts: bpy.props.BoolProperty(name="I have read the licence and accept it", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Show what it is and on what terms."""
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw name, size and licence, and a tick where not every use is allowed."""
        entry, layout = self.entry(), self.layout
        layout.label(text=f"{entry.title}: {entry.purpose}", translate=False)
        layout.label(text=f"{entry.licence}, {entry.download_bytes / 1e6:.0f} MB", translate=False)
        if not entry.is_free:
            layout.prop(self, "accepts")

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the download."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        check_online()
        entry = self.entry()
        if not (entry.is_free or self.accepts):
            text = "{model} is under {licence}. Accept it to download."
            raise SetupError(tr(text, model=entry.title, licence=entry.licence))
        accepting = ["--accept-licence"] if self.accepts else []
        INSTALLATION.run(root_of(context), ["models", "download", self.name, *accepting])
        timer.start()


class ONE2345_OT_remove_model(_OnModel, bpy.types.Operator):
    """Delete a model's files; it can be downloaded again"""

    bl_idname = "one2345.remove_model"
    bl_label = "Remove Model"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Delete."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        INSTALLATION.run(root_of(context), ["models", "remove", self.entry().name])
        timer.start()


class ONE2345_OT_import_model(_OnModel, bpy.types.Operator):
    """Take a model over from a folder that holds its files"""

    bl_idname = "one2345.import_model"
    bl_label = "Import Model"

    if TYPE_CHECKING:
        directory: str
    else:
        directory: bpy.props.StringProperty(subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Choose the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Copy and check."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        folder = bpy.path.abspath(self.directory)
        INSTALLATION.run(root_of(context), ["models", "import", self.entry().name, "--from", folder])
        timer.start()


CLASSES = (ONE2345_OT_download_model, ONE2345_OT_remove_model, ONE2345_OT_import_model)
