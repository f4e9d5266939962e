"""Operators of the installation. Only they download: after a click, with Blender's switch on."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import jobs
from ..errors import AddonError, SetupError
from ..preferences import data_root, preferences
from ..reporting import reported
from ..texts import tr
from . import state, timer
from .diagnostics import write_diagnostics
from .state import INSTALLATION, Phase

if TYPE_CHECKING:
    from ..reporting import Returned

OFFLINE = (
    "Blender's online access is off. Turn on 'Allow Online Access' in Preferences > System, "
    "or install from a folder."
)


class WhenIdle:
    """An operator that waits until the installer has nothing to do."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not while something goes on."""
        return not INSTALLATION.is_busy


class ONE2345_OT_install(WhenIdle, bpy.types.Operator):
    """Download and install what One2345 computes with"""

    bl_idname = "one2345.install"
    bl_label = "Install"

    if TYPE_CHECKING:
        torch: str
        test: bool
    else:
        torch: bpy.props.StringProperty(
            name="Build", description="Build of torch; empty takes the one that fits this computer"
        )
        test: bpy.props.BoolProperty(name="Test", description="End with a small mesh", default=True)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the installer."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        check_online()
        state.start(root_of(context), state.Request(torch=self.torch, has_test=self.test))
        timer.start()


class ONE2345_OT_install_from_folder(WhenIdle, bpy.types.Operator):
    """Install without the network, from a folder made by build.py offline"""

    bl_idname = "one2345.install_from_folder"
    bl_label = "Install from a Folder"

    if TYPE_CHECKING:
        directory: str
        torch: str
        test: bool
    else:
        directory: bpy.props.StringProperty(subtype="DIR_PATH")
        torch: bpy.props.StringProperty(name="Build", description="Build of torch")
        test: bpy.props.BoolProperty(name="Test", description="End with a small mesh", default=True)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Choose the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the installer."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        kit = Path(bpy.path.abspath(self.directory))
        if not (kit / "wheels").is_dir():
            raise SetupError(
                tr("{path} holds no packages. Choose a folder made by 'build.py offline'.", path=kit)
            )
        state.start(root_of(context), state.Request(kit=kit, torch=self.torch, has_test=self.test))
        timer.start()


class ONE2345_OT_repair(WhenIdle, bpy.types.Operator):
    """Check every file and make the environment anew; only what is damaged is downloaded again"""

    bl_idname = "one2345.repair"
    bl_label = "Repair"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the installer."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        check_online()
        jobs.stop_backend()
        jobs.SESSION.client.forgive()
        state.repair(root_of(context))
        timer.start()


class ONE2345_OT_verify(WhenIdle, bpy.types.Operator):
    """Check every package and model by its checksum; nothing is changed or downloaded"""

    bl_idname = "one2345.verify"
    bl_label = "Verify"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the installer."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        state.verify(root_of(context))
        timer.start()
        if bpy.app.background and INSTALLATION.phase in (Phase.BROKEN, Phase.FAILED):
            raise SetupError(INSTALLATION.message)


class ONE2345_OT_cancel_install(bpy.types.Operator):
    """Stop the installer; what it downloaded is kept"""

    bl_idname = "one2345.cancel_install"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while it works."""
        return INSTALLATION.phase is Phase.WORKING

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Ask it to stop."""
        state.cancel()
        return {"FINISHED"}


class ONE2345_OT_uninstall(WhenIdle, bpy.types.Operator):
    """Remove what was installed; jobs and their meshes stay"""

    bl_idname = "one2345.uninstall"
    bl_label = "Uninstall"

    if TYPE_CHECKING:
        environment: bool
        cache: bool
        models: bool
    else:
        environment: bpy.props.BoolProperty(name="Packages and Python", default=True)
        cache: bpy.props.BoolProperty(name="Downloads that were kept", default=True)
        models: bpy.props.BoolProperty(name="Models", default=False)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Ask what to remove."""
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start removing."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        parts = [name for name in ("environment", "cache", "models") if getattr(self, name)]
        if not parts:
            raise SetupError(tr("Nothing is chosen to be removed."))
        jobs.stop_backend()
        state.uninstall(root_of(context), parts)
        timer.start()


class ONE2345_OT_move_data(WhenIdle, bpy.types.Operator):
    """Move models, jobs and downloads to another folder, then install there from them"""

    bl_idname = "one2345.move_data"
    bl_label = "Move to..."

    if TYPE_CHECKING:
        directory: str
    else:
        directory: bpy.props.StringProperty(subtype="DIR_PATH")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not while something goes on."""
        return super().poll(context) and not jobs.open_jobs()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Choose the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start moving."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        root = root_of(context)
        was_installed = INSTALLATION.look(root) is not Phase.ABSENT
        jobs.stop_backend()
        state.move(root, Path(bpy.path.abspath(self.directory)))
        timer.start(lambda: _settle(is_to_install=was_installed))


def _settle(*, is_to_install: bool) -> None:
    """Use the new place, once everything is there; its packages come from the cache that moved along."""
    target = INSTALLATION.moved_to
    if target is None:
        return
    preferences(bpy.context).data_root = str(target)
    INSTALLATION.moved_to = None
    if is_to_install:
        try:
            state.start(target, state.Request(has_test=False))
        except AddonError as error:
            INSTALLATION.message = str(error)
            return
        timer.start()


class ONE2345_OT_open_install_log(bpy.types.Operator):
    """Open the installer's log"""

    bl_idname = "one2345.open_install_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is one."""
        return INSTALLATION.log_path is not None and INSTALLATION.log_path.is_file()

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Open it in the system's text viewer."""
        bpy.ops.wm.path_open(filepath=str(INSTALLATION.log_path))
        return {"FINISHED"}


class ONE2345_OT_save_diagnostics(bpy.types.Operator):
    """Write all that helps to find a fault into one file, and show it; nothing is sent"""

    bl_idname = "one2345.save_diagnostics"
    bl_label = "Save Diagnostics"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Write the file."""
        return reported(self, lambda: self._save(context))

    def _save(self, context: bpy.types.Context) -> None:
        path = write_diagnostics(root_of(context))
        self.report({"INFO"}, tr("Saved {path}", path=path))
        if not bpy.app.background:
            bpy.ops.wm.path_open(filepath=str(path))


def check_online() -> None:
    """Downloads happen only when the artist allows Blender to go online.

    Raises:
        SetupError: that is switched off.
    """
    if not bpy.app.online_access:
        raise SetupError(tr(OFFLINE))


def root_of(context: bpy.types.Context) -> Path:
    """The data root of the preferences."""
    return data_root(preferences(context))


CLASSES = (
    ONE2345_OT_install,
    ONE2345_OT_install_from_folder,
    ONE2345_OT_repair,
    ONE2345_OT_verify,
    ONE2345_OT_cancel_install,
    ONE2345_OT_uninstall,
    ONE2345_OT_move_data,
    ONE2345_OT_open_install_log,
    ONE2345_OT_save_diagnostics,
)
