"""The part of the preferences that installs; any layout will do, so a panel can show it as well."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import preferences
from ..drawing import draw_text
from ..errors import SetupError
from ..texts import tr
from . import model_operators, operators
from .models import model_entries
from .state import INSTALLATION, Phase, can_install

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_ICONS: "dict[Phase, IconItems]" = {
    Phase.ABSENT: "IMPORT",
    Phase.READY: "CHECKMARK",
    Phase.OUTDATED: "FILE_REFRESH",
    Phase.BROKEN: "ERROR",
    Phase.FAILED: "ERROR",
}

_TEXTS = {
    Phase.ABSENT: "One2345 computes with packages of its own, which are not installed yet.",
    Phase.READY: "Installed.",
    Phase.OUTDATED: "This version needs newer packages. The installed ones stay until the new ones work.",
    Phase.BROKEN: "The installation is damaged. Repair fetches only what is missing.",
}

_GB, _CUDA_GB = "0.7", "2.3-3.8"
_FIRST = (
    "About {size} GB to download ({cuda} GB with an NVIDIA card) into {path}: PyTorch and other open-source "
    "packages, and one model ({models}). Nothing else is changed on this computer."
)

_BUTTONS = {Phase.ABSENT: "Install", Phase.OUTDATED: "Update", Phase.FAILED: "Install"}


def draw(context: bpy.types.Context, layout: bpy.types.UILayout, root: Path) -> None:
    """Draw what is installed, and the one button that comes next."""
    box = layout.box()
    if INSTALLATION.is_busy:
        _draw_progress(context, box)
        return
    phase = INSTALLATION.look(root)
    if phase is Phase.ABSENT and not can_install():
        draw_text(
            context, box, "This zip brings no installer: choose a Python environment above.", icon="INFO"
        )
        return
    for text in INSTALLATION.problems or [INSTALLATION.message or _TEXTS.get(phase, "")]:
        draw_text(context, box, text, icon=_ICONS[phase])
    if phase in _BUTTONS:
        _draw_first_install(context, box, root, text=_BUTTONS[phase])
    if phase in (Phase.READY, Phase.BROKEN, Phase.FAILED):
        row = box.row(align=True)
        row.operator(operators.ONE2345_OT_verify.bl_idname)
        row.operator(operators.ONE2345_OT_repair.bl_idname)
        row = box.row(align=True)
        row.operator(operators.ONE2345_OT_move_data.bl_idname)
        row.operator(operators.ONE2345_OT_uninstall.bl_idname)
    row = box.row(align=True)
    row.operator(operators.ONE2345_OT_open_install_log.bl_idname)
    row.operator(operators.ONE2345_OT_save_diagnostics.bl_idname)


def draw_models(context: bpy.types.Context, layout: bpy.types.UILayout, root: Path) -> None:
    """Draw the table of models with what can be done about each."""
    try:
        entries = model_entries()
    except SetupError as error:
        layout.label(text=str(error), icon="ERROR")
        return
    box = layout.box()
    box.label(text="Models")
    for entry in entries:
        row = box.row(align=True)
        is_present = entry.is_present(root)
        row.label(
            text=f"{entry.title}: {entry.purpose} ({entry.licence})",
            icon="CHECKMARK" if is_present else "BLANK1",
            translate=False,
        )
        if is_present:
            row.operator(model_operators.ONE2345_OT_remove_model.bl_idname, text="Remove").name = entry.name
            continue
        text = f"{entry.download_bytes / 1e6:.0f} MB"
        row.operator(model_operators.ONE2345_OT_download_model.bl_idname, text=text).name = entry.name
        row.operator(model_operators.ONE2345_OT_import_model.bl_idname, text="Folder...").name = entry.name


def register() -> None:
    """Put both into the add-on's preferences."""
    preferences.SECTIONS[:] = [draw, draw_models]


def unregister() -> None:
    """Take both away."""
    preferences.SECTIONS.clear()


def _draw_first_install(
    context: bpy.types.Context, box: bpy.types.UILayout, root: Path, *, text: str
) -> None:
    models = "; ".join(f"{entry.title}, {entry.licence}" for entry in model_entries() if entry.is_free)
    text_of_size = tr(_FIRST, size=_GB, cuda=_CUDA_GB, path=root, models=models)
    draw_text(context, box, text_of_size, icon="INFO")
    if not bpy.app.online_access:
        draw_text(context, box, operators.OFFLINE, icon="INTERNET_OFFLINE")
    row = box.row(align=True)
    row.scale_y = 1.4
    row.operator(operators.ONE2345_OT_install.bl_idname, text=text)
    row.operator(operators.ONE2345_OT_install_from_folder.bl_idname, text="From a Folder...")


def _draw_progress(context: bpy.types.Context, box: bpy.types.UILayout) -> None:
    step = INSTALLATION.step
    if step is None:
        box.label(text="Starting...")
    else:
        title = f"{tr(step.title)} ({step.number}/{step.count})"
        box.progress(factor=INSTALLATION.fraction, text=title, type="BAR")
        if step.total:
            box.progress(factor=INSTALLATION.step_fraction, text=_amount(step.done, step.total), type="BAR")
        if step.text:
            draw_text(context, box, step.text, icon="BLANK1")
    row = box.row(align=True)
    is_stopping = INSTALLATION.phase is Phase.STOPPING
    row.operator(
        operators.ONE2345_OT_cancel_install.bl_idname,
        text="Stopping..." if is_stopping else "Cancel",
        icon="X",
    )
    row.operator(operators.ONE2345_OT_open_install_log.bl_idname)


def _amount(done: int, total: int) -> str:
    if total < 10_000:
        return f"{done} / {total}"
    return f"{done / 1e6:.0f} / {total / 1e6:.0f} MB"
