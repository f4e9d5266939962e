"""Enabling and disabling the add-on."""

import bpy
import pytest

from tests.addon.extension import addon, jobs, ticking

pytestmark = pytest.mark.blender

NAMES = ("ONE2345", "one2345")


def traces():
    """Everything of ours that Blender holds."""
    found = [name for name in dir(bpy.types) if name.startswith(NAMES)]
    found += [name for name in dir(bpy.types.Scene) if name.startswith(NAMES)]
    found += [name for name in dir(bpy.ops.one2345) if not name.startswith("_")]
    found += [
        function.__name__ for function in bpy.app.handlers.load_post if "one2345" in function.__module__
    ]
    for menu in (bpy.types.VIEW3D_MT_mesh_add, bpy.types.IMAGE_MT_image, bpy.types.STATUSBAR_HT_header):
        found += [
            draw.__name__ for draw in getattr(menu.draw, "_draw_funcs", ()) if "one2345" in draw.__module__
        ]
    timers = (ticking._tick, ticking._recall)
    found += [timer.__name__ for timer in timers if bpy.app.timers.is_registered(timer)]
    return found


def test_disabling_leaves_nothing_behind_and_enabling_again_works(session, empty_file):
    assert traces() == []
    addon.register()
    assert len(traces()) > 10
    addon.unregister()
    assert traces() == []
    addon.register()
    addon.unregister()
    assert traces() == []


def test_enabling_starts_no_process(session, empty_file):
    addon.register()
    assert session.client.pid is None
    addon.unregister()


def test_disabling_ends_the_backend(session, empty_file, make_launch, picture):
    addon.register()
    job = jobs.submit(lambda folder: picture, jobs.Settings(), title="a", launch=make_launch("ignores_all"))
    addon.unregister()
    assert session.client.pid is None
    assert jobs.status(job).state is jobs.JobState.CANCELLED
