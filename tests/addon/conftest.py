"""Fixtures of the add-on's tests: Blender as a module, the enabled add-on, and a backend that obeys."""

import os
import shlex
import sys
import tempfile
from pathlib import Path

# Before the first import of bpy: its settings are those of an empty folder, not of the home.
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="one2345-blender-")

import bpy
import numpy as np
import pytest

from tests.addon.extension import PACKAGE, addon, client, jobs, launch
from tests.addon.subjects import write_subject

FAKE = Path(__file__).with_name("fake_backend.py")
QUICK = client.Patience(cancel_s=0.05, stop_s=0.3)

_status = 0


def pytest_sessionfinish(exitstatus):
    """Remember how the tests went; see below."""
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Leave without Blender's own clean-up, which hangs in bpy 4.5 when a failed test left a panel behind."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


@pytest.fixture(scope="session")
def subject(tmp_path_factory):
    """The mesh file that every job of the fake backend ends in."""
    return write_subject(tmp_path_factory.mktemp("subject") / "textured.glb")


@pytest.fixture
def make_python(tmp_path, subject):
    """Makes a "Python" that runs the fake backend, with options or without, whatever it is told to run."""

    def make(behaviour):
        path = tmp_path / f"python-{behaviour}".replace(" ", "_")
        if path.exists():  # a process that is just starting may be reading it
            return path
        name, *options = behaviour.split()
        command = shlex.join([sys.executable, str(FAKE), name, str(subject), *options])
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def make_launch(tmp_path, make_python):
    """Makes what starts the fake backend, with a data folder that is no one else's."""
    return lambda behaviour: launch.Launch(python=make_python(behaviour), data_root=tmp_path / "data")


@pytest.fixture
def session(monkeypatch):
    """A session of its own for a test, with little patience; its process ends with the test."""
    fresh = jobs.Session(client.Client(QUICK))
    monkeypatch.setattr(jobs, "SESSION", fresh)
    yield fresh
    fresh.client.stop()


@pytest.fixture
def empty_file():
    """A new file with nothing in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture
def enabled(session, empty_file, tmp_path):
    """The add-on, registered in an empty file; gives its preferences."""
    entry = bpy.context.preferences.addons.new()
    entry.module = PACKAGE
    addon.register()
    entry.preferences.data_root = str(tmp_path / "data")
    yield entry.preferences
    addon.unregister()
    bpy.context.preferences.addons.remove(entry)


@pytest.fixture
def picture(tmp_path):
    """A PNG of 2 x 2 pixels."""
    image = bpy.data.images.new("made", 2, 2)
    image.pixels.foreach_set(np.linspace(0, 1, 16, dtype=np.float32))
    image.filepath_raw = str(tmp_path / "toy car.png")
    image.file_format = "PNG"
    image.save()
    bpy.data.images.remove(image)
    return tmp_path / "toy car.png"
