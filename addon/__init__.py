"""The part of One2345 that runs inside Blender. Never torch, never a thread, never waits in the window."""

import atexit

import bpy

from . import command, jobs, menus, operators, panel, preferences, previews, properties, ticking

CLASSES = (
    preferences.ONE2345_AP_preferences,
    properties.ONE2345_PG_settings,
    *operators.CLASSES,
    *panel.CLASSES,
    *menus.CLASSES,
)

_commands: list[object] = []


def register() -> None:
    """Add everything to Blender; the backend starts with the first job only."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    previews.register()
    menus.register()
    bpy.app.handlers.load_post.append(ticking.count_file)
    _commands.append(bpy.utils.register_cli_command(command.NAME, command.run))
    ticking.start_recall()
    atexit.register(jobs.stop_backend)


def unregister() -> None:
    """Take everything away again, the process included."""
    ticking.stop()
    jobs.stop_backend()
    atexit.unregister(jobs.stop_backend)
    bpy.utils.unregister_cli_command(_commands.pop())
    bpy.app.handlers.load_post.remove(ticking.count_file)
    menus.unregister()
    previews.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
