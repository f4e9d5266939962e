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
        assets,
        backend_operators,
        client,
        coarse,
        command,
        drawing,
        errors,
        folders,
        glb,
        history,
        importer,
        job,
        job_operators,
        jobs,
        journal,
        launch,
        menus,
        operators,
        options,
        overlay,
        panel,
        panel_history,
        panel_progress,
        panel_settings,
        pictures,
        placement,
        placing,
        preferences,
        previews,
        properties,
        readiness,
        rows,
        snapshots,
        source_operators,
        texts,
        ticking,
        timings,
    )
    from addon import diagnosis
    from addon.installer import state as installer_state
    from backend import installation, protocol
else:
    if PACKAGE not in sys.modules:
        spec = ModuleSpec(PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [str(ROOT)]
        sys.modules[PACKAGE] = module_from_spec(spec)

    def _module(name):
        return importlib.import_module(f"{PACKAGE}.{name}")

    addon = _module("addon")
    assets = _module("addon.assets")
    backend_operators = _module("addon.backend_operators")
    client = _module("addon.client")
    coarse = _module("addon.coarse")
    command = _module("addon.command")
    drawing = _module("addon.drawing")
    errors = _module("addon.errors")
    folders = _module("addon.folders")
    glb = _module("addon.glb")
    history = _module("addon.history")
    importer = _module("addon.importer")
    job = _module("addon.job")
    job_operators = _module("addon.job_operators")
    jobs = _module("addon.jobs")
    journal = _module("addon.journal")
    launch = _module("addon.launch")
    menus = _module("addon.menus")
    operators = _module("addon.operators")
    options = _module("addon.options")
    overlay = _module("addon.overlay")
    panel = _module("addon.panel")
    panel_history = _module("addon.panel_history")
    panel_progress = _module("addon.panel_progress")
    panel_settings = _module("addon.panel_settings")
    pictures = _module("addon.pictures")
    placement = _module("addon.placement")
    placing = _module("addon.placing")
    preferences = _module("addon.preferences")
    previews = _module("addon.previews")
    properties = _module("addon.properties")
    readiness = _module("addon.readiness")
    rows = _module("addon.rows")
    snapshots = _module("addon.snapshots")
    source_operators = _module("addon.source_operators")
    texts = _module("addon.texts")
    ticking = _module("addon.ticking")
    timings = _module("addon.timings")
    diagnosis = _module("addon.diagnosis")
    installer_state = _module("addon.installer.state")
    installation = _module("backend.installation")
    protocol = _module("backend.protocol")

__all__ = [
    "diagnosis",
    "installation",
    "installer_state",
    "PACKAGE",
    "ROOT",
    "addon",
    "assets",
    "backend_operators",
    "client",
    "coarse",
    "command",
    "drawing",
    "errors",
    "folders",
    "glb",
    "history",
    "importer",
    "job",
    "job_operators",
    "jobs",
    "journal",
    "launch",
    "menus",
    "operators",
    "options",
    "overlay",
    "panel",
    "panel_history",
    "panel_progress",
    "panel_settings",
    "pictures",
    "placement",
    "placing",
    "preferences",
    "previews",
    "properties",
    "protocol",
    "readiness",
    "rows",
    "snapshots",
    "source_operators",
    "texts",
    "ticking",
    "timings",
]
