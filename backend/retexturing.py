"""A job's colours on a sculpted copy of its mesh: what a request with `edited` does.

No stage runs and nothing of the job changes; `retextured.glb` in its folder is written anew each time.
"""

import time
from collections.abc import Callable
from pathlib import Path

from backend.devices import memory_errors, peaks, reset_peaks
from backend.errors import ArtifactError, OnStep
from backend.geometry.glb import write_glb
from backend.geometry.glb_reader import read_textured_glb
from backend.geometry.mesh_files import read_mesh_file
from backend.geometry.meshes import TexturedMesh
from backend.geometry.source_mesh import own_charts
from backend.geometry.unwrap import quick_unwrap
from backend.models.colour_field import load_field
from backend.protocol import RETEXTURED_FILE, Event, Json, Progress, Stage, StageDone
from backend.reports import Report, mesh_facts
from backend.stages.retexture import OldSurface, retexture
from backend.storage import part_of, put_in_place, writing_errors
from backend.work import Work

OnEvent = Callable[[Event], None]


def bake_edited(work: Work, edited: Path, report: Report, *, on_event: OnEvent, name: str) -> dict[str, Json]:
    """Bake the job's colours onto an edited mesh.

    Args:
        report: An empty one, which is filled and returned; the job keeps its own.
        name: What the events call the job.

    Raises:
        ArtifactError: the job has no finished texture.
        InputError: the edited mesh cannot be used or does not resemble the job's.
    """
    job, stage = work.job, Stage.TEXTURE
    device = work.resources.device

    def on_step(step: int, total: int) -> None:
        on_event(Progress(job=name, stage=stage, step=step, total=total))

    on_step(0, 1)
    start = time.monotonic()
    reset_peaks(device)
    with memory_errors(stage, work.request.preset):
        textured = _textured(work, edited, on_step)
    target = job.folder / RETEXTURED_FILE
    part = part_of(target)
    write_glb(textured, part, extras=work.provenance(stage) | {"edited": True})
    with writing_errors(target):
        put_in_place(part, target)
    seconds = time.monotonic() - start
    report.add_stage(stage, origin="made", seed=work.seed(stage), seconds=seconds, peaks=peaks(device))
    report.add_mesh(mesh_facts(textured))
    on_event(StageDone(job=name, stage=stage, paths=(str(target),), seconds=seconds))
    return report.data


def _textured(work: Work, edited: Path, on_step: OnStep) -> TexturedMesh:
    field_path = work.job.paths(Stage.TEXTURE)[1]
    if not work.job.is_whole(Stage.TEXTURE):
        raise ArtifactError(
            f"The job {work.job.folder} has no finished texture for an edited mesh; run it to its end,"
            " or name views after the mesh"
        )
    source = read_mesh_file(edited)
    texture_px = work.settings.texture.texture_px
    if work.request.keep_uvs:
        charts = own_charts(source, edited.name)
    else:  # An artist who sculpts waits for every one of these, so the quick charts must do.
        charts = quick_unwrap(source.mesh, texture_px=texture_px)
    field = load_field(field_path).to(work.resources.device)
    old = OldSurface(read_textured_glb(work.job.path(Stage.TEXTURE)), field)
    return retexture(
        source.mesh, old, charts, node_frame=source.frame, texture_px=texture_px, on_step=on_step
    )
