"""What has come of a job: its mesh as a file and as an object in the scene."""

from pathlib import Path

import bpy

from ..backend import protocol
from . import jobs, journal
from .errors import JobError
from .glb import GlbMesh, read_glb
from .importer import Provenance, Surface, import_mesh, weld
from .job import Job, JobState
from .placement import Placement
from .texts import tr

_prepared: dict[str, tuple[GlbMesh, Surface]] = {}
"""Meshes read and welded, by job, that are imported next; an import in one go would be felt."""


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


def deliver(job_id: str) -> object:
    """Do with a job's result what the job was started for: import it, unless that is something else.

    Raises:
        AddonError: the job has no result, or it cannot be used.
    """
    job = jobs.status(job_id)
    if job.deliver is None:
        return import_result(job_id)
    result(job_id)  # raises what went wrong
    job.wants_import, job.message = False, ""
    return job.deliver(job)


def import_result(job_id: str, placement: Placement | None = None) -> bpy.types.Object:
    """Put a job's mesh into the scene, at the job's own place if no other is given.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    job = jobs.status(job_id)
    path = result(job_id)
    glb, surface = _prepared.pop(job_id, None) or _read(path)
    obj = import_mesh(
        glb,
        surface=surface,
        placement=placement or job.placement,
        treatment=job.treatment,
        provenance=Provenance(name=job.title, folder=job.folder, properties=_properties(job)),
    )
    job.object_name, job.wants_import, job.message = obj.name, False, ""
    journal.write(job)
    return obj


def prepare(job_id: str) -> None:
    """Read a job's mesh, so that `import_result` has less to do.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    _prepared[job_id] = _read(result(job_id))


def is_prepared(job_id: str) -> bool:
    """Whether a job's mesh was read before."""
    return job_id in _prepared


def _read(path: Path) -> tuple[GlbMesh, Surface]:
    glb = read_glb(path)
    return glb, weld(glb)


def _properties(job: Job) -> dict[str, str | int | float]:
    """Where an object comes from, for pipelines and for repeating it."""
    weights = job.report.get("weights")
    facts = weights if isinstance(weights, dict) else {}
    return {
        "job": job.id,
        "image": job.request.image or "",
        "seed": job.request.seed,
        "preset": job.request.preset.value,
        "version": protocol.BACKEND_VERSION,
        "weights": str(facts.get("name", job.request.weights)),
        "weights_licence": str(facts.get("licence", "")),
    }
