"""The add-on's preferences, and how the backend is started by them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Device
from .errors import SetupError
from .launch import Launch, default_data_root, find_python

PACKAGE = __package__.rpartition(".")[0]
"""Name of the whole extension, which Blender chooses on installing."""

DEVICES = (
    (Device.AUTO.name, "Auto", "The fastest device of this computer"),
    (Device.CUDA.name, "NVIDIA", "A graphics card by NVIDIA"),
    (Device.MPS.name, "Apple", "The graphics part of an Apple chip"),
    (Device.CPU.name, "CPU", "The processor: slow, but always there"),
)


class ONE2345_AP_preferences(bpy.types.AddonPreferences):
    """Where the backend finds its Python, keeps its files and computes"""

    bl_idname = PACKAGE

    if TYPE_CHECKING:
        python: str
        data_root: str
        device: str
    else:
        python: bpy.props.StringProperty(
            name="Python",
            description="Python environment of the backend; empty takes ONE2345_PYTHON or a checkout's .venv",
            subtype="FILE_PATH",
        )
        data_root: bpy.props.StringProperty(
            name="Data",
            description="Folder of models, jobs and logs; empty takes the system's place for user data",
            subtype="DIR_PATH",
        )
        device: bpy.props.EnumProperty(name="Device", description="What computes", items=DEVICES)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the preferences, with what is wrong with them."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        layout.prop(self, "data_root")
        layout.prop(self, "device")
        if problem := launch_problem(context):
            layout.label(text=problem, icon="ERROR")
        else:
            layout.label(text=f"Files are kept in {data_root(self)}", icon="FILE_FOLDER")


def preferences(context: bpy.types.Context) -> ONE2345_AP_preferences:
    """The add-on's preferences.

    Raises:
        SetupError: the add-on is not enabled.
    """
    addon = context.preferences.addons.get(PACKAGE)
    if addon is None:
        raise SetupError("The One2345 add-on is not enabled.")
    return addon.preferences  # type: ignore[return-value]  # of the class above


def data_root(chosen: ONE2345_AP_preferences) -> Path:
    """The folder of models, jobs and logs."""
    if chosen.data_root:
        return Path(bpy.path.abspath(chosen.data_root)).resolve()
    return default_data_root(os.environ)


def launch_from(context: bpy.types.Context) -> Launch:
    """How to start the backend.

    Raises:
        SetupError: there is no Python for it.
    """
    chosen = preferences(context)
    python = find_python(bpy.path.abspath(chosen.python), os.environ)
    return Launch(python=python, data_root=data_root(chosen))


def launch_problem(context: bpy.types.Context) -> str:
    """Why the backend cannot be started, or nothing."""
    try:
        launch_from(context)
    except SetupError as error:
        return str(error)
    return ""
