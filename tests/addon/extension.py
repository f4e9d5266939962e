"""The add-on's modules, imported as Blender does: `addon` and `backend` as parts of one package.

The repository's folder becomes the package `one2345`, so that `..backend` resolves whatever the
checkout is called. Tests import the modules from here.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "one2345"

if TYPE_CHECKING:
    import addon
    from addon import (
        client,
        command,
        errors,
        glb,
        history,
        importer,
        jobs,
        launch,
        menus,
        operators,
        panel,
        pictures,
        placing,
        preferences,
        properties,
        ticking,
    )
    from backend import protocol
else:
    if PACKAGE not in sys.modules:
        spec = ModuleSpec(PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [str(ROOT)]
        sys.modules[PACKAGE] = module_from_spec(spec)

    def _module(name):
        return importlib.import_module(f"{PACKAGE}.{name}")

    addon = _module("addon")
    client = _module("addon.client")
    command = _module("addon.command")
    errors = _module("addon.errors")
    glb = _module("addon.glb")
    history = _module("addon.history")
    importer = _module("addon.importer")
    jobs = _module("addon.jobs")
    launch = _module("addon.launch")
    menus = _module("addon.menus")
    operators = _module("addon.operators")
    panel = _module("addon.panel")
    pictures = _module("addon.pictures")
    placing = _module("addon.placing")
    preferences = _module("addon.preferences")
    properties = _module("addon.properties")
    ticking = _module("addon.ticking")
    protocol = _module("backend.protocol")

__all__ = [
    "PACKAGE",
    "ROOT",
    "addon",
    "client",
    "command",
    "errors",
    "glb",
    "history",
    "importer",
    "jobs",
    "launch",
    "menus",
    "operators",
    "panel",
    "pictures",
    "placing",
    "preferences",
    "properties",
    "protocol",
    "ticking",
]
