"""For scripts: everything that the panel does, without the panel. See docs/scripting.md.

    from bl_ext.user_default.one2345.addon import scripting

    job = scripting.submit("/path/to/picture.png", seed=7, preset="draft")
    scripting.wait(job)
    obj = scripting.import_result(job, size=0.5)

Every function raises an `AddonError` whose text is one sentence that says what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..backend.protocol import Device, Engine, Preset, Stage
from . import contact_sheet as sheets
from . import drawn, jobs, results, ticking
from . import pictures as sources
from .errors import JobError
from .job import Job, Settings
from .options import panel_placement
from .placement import Placement, Treatment
from .preferences import launch_from, preferences
from .results import AFTER_IMPORT

__all__ = [
    "AFTER_IMPORT",
    "Status",
    "cancel",
    "contact_sheet",
    "draw_pictures",
    "import_result",
    "pictures",
    "result",
    "status",
    "submit",
    "wait",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How a job stands."""

    id: str
    title: str
    state: str
    """queued, running, done, failed, cancelled or interrupted."""
    stage: str
    """The stage it is in; empty before the first one."""
    fraction: float
    """Part of the whole that is done, 0 to 1."""
    seconds_left: float | None
    """None when it is not known."""
    message: str
    """Why it failed, and what to do; empty otherwise."""
    folder: Path
    """Where every stage leaves its files."""


def submit(
    image: "str | Path | bpy.types.Image",
    *,
    mask: "bpy.types.Image | str" = "",
    seed: int = 0,
    preset: str = "standard",
    engine: str = "one2345++",
    weights: str = "starter",
    faces: int | None = None,
    texture_px: int | None = None,
    use_photo: bool = True,
    flat_base: bool = False,
    location: Sequence[float] | None = None,
    size: float = 1.0,
    collection: str = "",
    treatment: Treatment | None = None,
) -> str:
    """Start a job; returns its id at once. In a window it is imported when done; a script imports it itself.

    Args:
        image: A file, an image of this .blend file, or such an image's name.
        mask: An image of this file, or its name, that is bright where the object is.
        seed: The same picture, settings and seed make the same mesh.
        preset: draft, standard or high.
        engine: one2345++, or one2345.
        weights: Name or folder of the networks.
        faces: Most triangles; None takes the preset's number.
        texture_px: Side of the texture in pixels; None takes the preset's.
        use_photo: Paint what the picture shows from the picture itself, where the mesh fits it.
        flat_base: Cut the underside flat.
        location: Bottom centre of the object in the world; None means the 3D cursor.
        size: Longest side in metres.
        collection: Where the object goes; made when missing, empty means the active one.
        treatment: What is made of the mesh on its way into the scene.

    Raises:
        AddonError: the picture or a setting cannot be used, or the backend cannot be started.
    """
    context = bpy.context
    source = _source(image)
    mask_image = sources.image_named(mask) if isinstance(mask, str) and mask else mask
    settings = Settings(
        seed=seed,
        preset=_preset(preset),
        engine=_engine(engine),
        weights=weights,
        faces=faces,
        texture_px=texture_px,
        use_photo=use_photo,
        flat_base=flat_base,
        device=Device[preferences(context).device],
        text=source.text,
        placement=_placement(location, size, collection),
        treatment=treatment or Treatment(),
    )
    write_mask = sources.mask_from_datablock(mask_image) if isinstance(mask_image, bpy.types.Image) else None
    job_id = jobs.submit(
        source.write, settings, title=source.title, launch=launch_from(context), write_mask=write_mask
    )
    ticking.start()
    return job_id


def draw_pictures(prompt: str, *, candidates: int = 4, seed: int = 0, model: str = "sdxl-turbo") -> str:
    """Start drawing pictures of one object from words; returns the job's id at once, as `submit` does.

    Args:
        prompt: What to make.
        candidates: How many sources.
        seed: The same words, model and seed draw the same sources.
        model: A name, an id of the hub, or the folder of a diffusers text-to-image model.

    Raises:
        AddonError: the words or a setting cannot be used, or the backend cannot be started.
    """
    text = drawn.words(prompt, model=model, candidates=candidates)
    return drawn.draw(bpy.context, text, seed=seed)


def pictures(job: str) -> list[bpy.types.Image]:
    """The pictures that a job has drawn, as images of this .blend file, to be given to `submit`.

    Raises:
        JobError: there is no such job, or it has failed.
    """
    found = jobs.status(job)
    if found.message:
        raise JobError(found.message)
    return [drawn.taken(found, number) for number in drawn.pictures_of(found)]


def status(job: str) -> Status:
    """How a job stands now.

    Raises:
        JobError: there is no such job.
    """
    jobs.poll()
    return _status(jobs.status(job))


def wait(job: str, *, timeout_s: float | None = None) -> Status:
    """Block until a job has ended.

    Raises:
        JobError: there is no such job, or it has not ended in time; it goes on.
    """
    jobs.status(job).wants_import = False
    return _status(jobs.wait(job, timeout_s=timeout_s))


def cancel(job: str) -> None:
    """Ask a job to stop; its finished stages are kept.

    Raises:
        JobError: there is no such job.
    """
    jobs.cancel(job)


def result(job: str) -> Path:
    """The textured mesh of a job, a GLB file.

    Raises:
        JobError: it has failed, was cancelled, or is not done yet.
    """
    return results.result(job)


def import_result(
    job: str, *, location: Sequence[float] | None = None, size: float | None = None, collection: str = ""
) -> bpy.types.Object:
    """Put a job's mesh into the scene as one undo step; what is not given is as it was submitted.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    place = jobs.status(job).placement
    given = _placement(location or place.location, size or place.size, collection or place.collection)
    return results.import_result(job, replace(place, **_changes(given)))


def contact_sheet(done: Sequence[str], path: "str | Path") -> None:
    """Write a picture of the results of several jobs, in their order, as PNG.

    Raises:
        AddonError: none of them is done, or the file cannot be written.
    """
    sheets.write_png(sheets.sheet_of([jobs.status(job) for job in done]), Path(path))


def _changes(given: Placement) -> dict[str, object]:
    return {"location": given.location, "size": given.size, "collection": given.collection}


def _source(image: "str | Path | bpy.types.Image") -> sources.Source:
    if isinstance(image, bpy.types.Image):
        return sources.source_from_datablock(image)
    if isinstance(image, str) and (found := bpy.data.images.get(image)):
        return sources.source_from_datablock(found)
    return sources.source_from_file(str(image))


def _preset(name: str) -> Preset:
    try:
        return Preset(name.lower())
    except ValueError as error:
        names = ", ".join(Preset)
        raise JobError(f"There is no quality {name!r}; choose one of {names}.") from error


def _engine(name: str) -> Engine:
    try:
        return Engine(name.lower())
    except ValueError as error:
        names = ", ".join(Engine)
        raise JobError(f"There is no engine {name!r}; choose one of {names}.") from error


def _placement(location: Sequence[float] | None, size: float, collection: str) -> Placement:
    x, y, z = location or (0.0, 0.0, 0.0)
    return replace(
        panel_placement(bpy.context),
        location=(x, y, z) if location else None,
        size=size,
        collection=collection,
    )


def _status(job: Job) -> Status:
    return Status(
        id=job.id,
        title=job.title,
        state=job.state.value,
        stage=job.stage.value if isinstance(job.stage, Stage) else "",
        fraction=job.fraction,
        seconds_left=job.seconds_left(),
        message=job.message,
        folder=job.folder,
    )
