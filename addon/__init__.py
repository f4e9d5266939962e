"""The part of One2345 that runs inside Blender. Never torch, never a thread, never waits in the window."""

import atexit

import bpy

from . import (
    backend_operators,
    command,
    download,
    download_operators,
    job_operators,
    jobs,
    menus,
    operators,
    overlay,
    panel,
    panel_history,
    panel_rework,
    panel_settings,
    panel_text,
    preferences,
    previews,
    properties,
    quad_operators,
    retexture,
    rows,
    shape_editing,
    source_operators,
    status_bar,
    text_operators,
    ticking,
    views_editing,
    views_operators,
)
from .installer import model_operators
from .installer import operators as install_operators
from .installer import section as install_section
from .installer import timer as install_timer
from .languages import registry

CLASSES = (
    preferences.ONE2345_AP_preferences,
    properties.ONE2345_PG_settings,
    *rows.CLASSES,
    *operators.CLASSES,
    *source_operators.CLASSES,
    *text_operators.CLASSES,
    *download_operators.CLASSES,
    *job_operators.CLASSES,
    *backend_operators.CLASSES,
    *install_operators.CLASSES,
    *model_operators.CLASSES,
    *views_editing.CLASSES,
    *views_operators.CLASSES,
    *shape_editing.CLASSES,
    *retexture.CLASSES,
    *quad_operators.CLASSES,
    *panel.CLASSES,
    *panel_text.CLASSES,
    *panel_history.CLASSES,
    *panel_rework.CLASSES,
    *panel_settings.CLASSES,
    *menus.CLASSES,
)

_commands: list[object] = []


def register() -> None:
    """Add everything to Blender; the backend starts with the first job only."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    registry.register(__name__)
    properties.register()
    views_editing.register()
    rows.register()
    previews.register()
    overlay.register()
    status_bar.register()
    quad_operators.register()
    menus.register()
    install_section.register()
    bpy.app.handlers.load_post.append(ticking.count_file)
    _commands.append(bpy.utils.register_cli_command(command.NAME, command.run))
    ticking.start_recall()
    atexit.register(jobs.stop_backend)
    atexit.register(install_timer.stop)


def unregister() -> None:
    """Take everything away again, the process included."""
    ticking.stop()
    jobs.stop_backend()
    download.unregister()
    install_timer.stop()
    atexit.unregister(jobs.stop_backend)
    atexit.unregister(install_timer.stop)
    install_section.unregister()
    bpy.utils.unregister_cli_command(_commands.pop())
    bpy.app.handlers.load_post.remove(ticking.count_file)
    menus.unregister()
    quad_operators.unregister()
    status_bar.unregister()
    overlay.unregister()
    previews.unregister()
    rows.unregister()
    views_editing.unregister()
    properties.unregister()
    registry.unregister(__name__)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
