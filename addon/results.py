"""What has come of a job: its mesh as a file and as an object in the scene."""

from collections.abc import Callable
from pathlib import Path

import bpy

from ..backend import protocol
from . import assets, importer, jobs, journal, quads
from .errors import JobError, SourceError
from .glb import read_steps
from .job import Job, JobState
from .placement import Placement, Topology
from .steps import Steps, finish
from .texts import tr

AFTER_IMPORT: list[Callable[[Job, bpy.types.Object], None]] = []
"""Called with every job and object that has come into a scene; pipelines may add to it."""


def result(job_id: str) -> Path:
    """The textured mesh of a job.

    Raises:
        JobError: it has failed, was cancelled, or is not done yet.
    """
    job = jobs.status(job_id)
    if job.state is not JobState.DONE:
        raise JobError(
            job.message or tr("The job {name} is {state}.", name=job.title, state=tr(job.state.value))
        )
    return job.folder / protocol.STAGE_FILES[protocol.Stage.TEXTURE][0]


def deliver(job_id: str) -> None:
    """Do all of `deliver_steps` at once.

    Raises:
        AddonError: the job has no result, or it cannot be used.
    """
    finish(deliver_steps(job_id))


def deliver_steps(job_id: str) -> Steps[object]:
    """Do with a job's result what the job was started for: import it, unless that is something else.

    Raises:
        AddonError: the job has no result, or it cannot be used.
    """
    job = jobs.status(job_id)
    if job.deliver is None:
        return (yield from import_steps(job_id))
    result(job_id)  # raises what went wrong
    delivered = yield from job.deliver(job)
    job.wants_import, job.message = False, ""
    return delivered


def import_result(job_id: str, placement: Placement | None = None) -> bpy.types.Object:
    """Put a job's mesh into the scene, at the job's own place if no other is given.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    return finish(import_steps(job_id, placement))


def import_steps(job_id: str, placement: Placement | None = None) -> Steps[bpy.types.Object]:
    """Do the same in steps that are too short to be felt; the last one changes the scene.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    job = jobs.status(job_id)
    glb = yield from read_steps(result(job_id))
    yield
    obj = yield from importer.import_steps(
        glb,
        placement=placement or job.placement,
        treatment=job.treatment,
        provenance=importer.Provenance(name=job.title, folder=job.folder, properties=_properties(job)),
        change=lambda obj: _follow_wishes(obj, job),
    )
    job.object_name, job.wants_import = obj.name, False
    journal.write(job)
    for hook in AFTER_IMPORT:
        hook(job, obj)
    return obj


def _follow_wishes(obj: bpy.types.Object, job: Job) -> None:
    """Remesh a new object, if that was wished for; the job's message says what could not be done."""
    job.message = ""
    name = job.treatment.catalogue if job.treatment.is_asset else ""
    if name and not assets.has_catalogue(obj):
        job.message = tr(
            "The asset is in no catalog {name}: save the .blend file first, then import again.", name=name
        )
    if job.treatment.topology is Topology.EVEN:
        try:
            _make_even(obj, job.request.faces)
        except SourceError as error:
            job.message = str(error)


def _make_even(obj: bpy.types.Object, max_triangles: int | None) -> None:
    """Give an object even quads, and take away the texture that does not fit them.

    Raises:
        SourceError: the artist works in another mode or scene, or QuadriFlow does not take the mesh.
    """
    if bpy.context.mode != "OBJECT" or bpy.context.view_layer.objects.active != obj:
        raise SourceError(tr("Even quads are made in Object Mode: select the object and remesh it there."))
    quads.remesh(bpy.context, obj, faces=max_triangles // 2 if max_triangles else quads.DEFAULT_FACES)
    obj.data.materials.clear()


def _properties(job: Job) -> dict[str, str | int | float]:
    """Where an object comes from, for pipelines and for repeating it."""
    weights = job.report.get("weights")
    facts = weights if isinstance(weights, dict) else {}
    words = {"prompt": job.request.text.prompt} if job.request.text else {}
    return words | {
        "job": job.id,
        "image": job.request.image or "",
        "seed": job.request.seed,
        "preset": job.request.preset.value,
        "engine": job.request.engine.value,
        "version": protocol.BACKEND_VERSION,
        "weights": str(facts.get("name", job.request.weights)),
        "weights_licence": str(facts.get("licence", "")),
    }
