"""The add-on's preferences, and how the backend is started by them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Device
from .errors import SetupError
from .launch import Launch, default_data_root, find_python
from .package import PACKAGE
from .texts import tr

DEVICES = (
    (Device.AUTO.name, "Auto", "The fastest device of this computer"),
    (Device.CUDA.name, "NVIDIA", "A graphics card by NVIDIA"),
    (Device.MPS.name, "Apple", "The graphics part of an Apple chip"),
    (Device.CPU.name, "CPU", "The processor: slow, but always there"),
)


SECTIONS: list[Callable[[bpy.types.Context, bpy.types.UILayout, Path], None]] = []
"""What other modules add to the preferences' page; the data root is handed to them."""


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
            description="Python environment of your own for the backend; empty takes the installed one",
            subtype="FILE_PATH",
        )
        data_root: bpy.props.StringProperty(
            name="Data",
            description="Folder of models, jobs and logs; empty takes the system's place for user data",
            subtype="DIR_PATH",
        )
        device: bpy.props.EnumProperty(name="Device", description="What computes", items=DEVICES)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be set, then what the installer and the models have to say."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "device")
        layout.prop(self, "data_root")
        layout.prop(self, "python")
        root = data_root(self)
        layout.label(text=tr("Files are kept in {path}", path=root), icon="FILE_FOLDER", translate=False)
        for draw in SECTIONS:
            draw(context, layout, root)


def preferences(context: bpy.types.Context) -> ONE2345_AP_preferences:
    """The add-on's preferences.

    Raises:
        SetupError: the add-on is not enabled.
    """
    addon = context.preferences.addons.get(PACKAGE)
    if addon is None:
        raise SetupError(tr("The One2345 add-on is not enabled."))
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
    root = data_root(chosen)
    return Launch(python=find_python(bpy.path.abspath(chosen.python), os.environ, root), data_root=root)


def launch_problem(context: bpy.types.Context) -> str:
    """Why the backend cannot be started, or nothing."""
    try:
        launch_from(context)
    except SetupError as error:
        return str(error)
    return ""
