"""Operators on the backend process."""

from typing import TYPE_CHECKING

import bpy

from . import jobs, overlay, ticking
from .errors import JobError
from .preferences import launch_from
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned


class ONE2345_OT_open_log(bpy.types.Operator):
    """Open the backend's log"""

    bl_idname = "one2345.open_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a log."""
        return jobs.SESSION.client.log_path is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Open it in the system's text viewer."""
        return reported(self, _open_log)


class ONE2345_OT_start_backend(bpy.types.Operator):
    """Start the backend process now, so that the first job does not wait for it"""

    bl_idname = "one2345.start_backend"
    bl_label = "Start Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while it does not run."""
        return not jobs.SESSION.client.is_alive

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start it; its state tells when it is ready."""
        return reported(self, lambda: _start(context))


class ONE2345_OT_stop_backend(bpy.types.Operator):
    """End the backend process and free its memory; jobs that wait or run end with it"""

    bl_idname = "one2345.stop_backend"
    bl_label = "Stop Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while it runs."""
        return jobs.SESSION.client.is_alive

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Stop it."""
        jobs.stop_backend()
        overlay.prune()
        ticking.redraw(kinds=("UI", "WINDOW"))
        return {"FINISHED"}


CLASSES = (ONE2345_OT_open_log, ONE2345_OT_start_backend, ONE2345_OT_stop_backend)


def _start(context: bpy.types.Context) -> None:
    jobs.start_backend(launch_from(context))
    ticking.start()
    ticking.redraw()


def _open_log() -> None:
    path = jobs.SESSION.client.log_path
    if path is None or not path.is_file():
        raise JobError(tr("The backend has not written a log yet."))
    bpy.ops.wm.path_open(filepath=str(path))
