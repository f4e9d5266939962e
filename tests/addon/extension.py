"""The add-on's modules, imported as Blender does: `addon` and `backend` as parts of one package.

The repository's folder becomes the package `one2345`, so that `..backend` resolves whatever the
checkout is called. Tests import the modules from here.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "one2345"

if TYPE_CHECKING:
    import addon
    from addon import (
        assets,
        backend_operators,
        channel,
        client,
        coarse,
        command,
        contact_sheet,
        diagnosis,
        download,
        downloadable,
        drawing,
        drawn,
        errors,
        evaluated,
        files,
        folders,
        frames,
        glb,
        history,
        importer,
        job,
        job_operators,
        jobs,
        journal,
        kept,
        launch,
        masks,
        memory,
        menus,
        operators,
        options,
        orphans,
        overlay,
        package,
        pairing,
        panel,
        panel_history,
        panel_progress,
        panel_rework,
        panel_settings,
        panel_text,
        pictures,
        pipes,
        placement,
        placing,
        png,
        preferences,
        previews,
        properties,
        quad_operators,
        quads,
        quality,
        readiness,
        redo,
        reporting,
        results,
        retexture,
        retexture_glb,
        rework,
        rows,
        scripting,
        serving,
        shape_editing,
        shape_voxels,
        snapshots,
        source_operators,
        status_bar,
        steps,
        surface,
        text_operators,
        texts,
        ticking,
        timings,
        units,
        views_cameras,
        views_editing,
        views_operators,
        views_sheet,
        x11_clipboard,
    )
    from addon.installer import state as installer_state
    from backend import installation, protocol
else:
    if PACKAGE not in sys.modules:
        spec = ModuleSpec(PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [str(ROOT)]
        sys.modules[PACKAGE] = module_from_spec(spec)

    addon = importlib.import_module(f"{PACKAGE}.addon")
    installer_state = importlib.import_module(f"{PACKAGE}.addon.installer.state")
    installation = importlib.import_module(f"{PACKAGE}.backend.installation")
    protocol = importlib.import_module(f"{PACKAGE}.backend.protocol")

    def __getattr__(name: str) -> ModuleType:
        if name.startswith("_"):
            raise AttributeError(name)
        return importlib.import_module(f"{PACKAGE}.addon.{name}")


__all__ = [
    "PACKAGE",
    "ROOT",
    "addon",
    "assets",
    "backend_operators",
    "channel",
    "client",
    "coarse",
    "command",
    "contact_sheet",
    "diagnosis",
    "download",
    "downloadable",
    "drawing",
    "drawn",
    "errors",
    "evaluated",
    "files",
    "folders",
    "frames",
    "glb",
    "history",
    "importer",
    "installation",
    "installer_state",
    "job",
    "job_operators",
    "jobs",
    "journal",
    "kept",
    "launch",
    "masks",
    "memory",
    "menus",
    "operators",
    "options",
    "orphans",
    "overlay",
    "package",
    "pairing",
    "panel",
    "panel_history",
    "panel_progress",
    "panel_rework",
    "panel_settings",
    "panel_text",
    "pictures",
    "pipes",
    "placement",
    "placing",
    "png",
    "preferences",
    "previews",
    "properties",
    "protocol",
    "quad_operators",
    "quads",
    "quality",
    "readiness",
    "redo",
    "reporting",
    "results",
    "retexture",
    "retexture_glb",
    "rework",
    "rows",
    "scripting",
    "serving",
    "shape_editing",
    "shape_voxels",
    "snapshots",
    "source_operators",
    "status_bar",
    "steps",
    "surface",
    "text_operators",
    "texts",
    "ticking",
    "timings",
    "units",
    "views_cameras",
    "views_editing",
    "views_operators",
    "views_sheet",
    "x11_clipboard",
]
