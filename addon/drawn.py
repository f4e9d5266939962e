"""Pictures drawn from words: the job that draws them, and the one that is chosen."""

from pathlib import Path

import bpy

from ..backend.protocol import (
    CANDIDATE_FILE,
    MAX_CANDIDATES,
    Device,
    ProtocolError,
    Request,
    Stage,
    TextRequest,
)
from . import jobs, previews, ticking
from .errors import JobError, SourceError
from .folders import PREVIEWS
from .importer import packed_image
from .job import Job
from .options import panel_placement
from .pictures import MODEL, PROMPT
from .placement import Treatment
from .preferences import launch_from, preferences
from .texts import tr

_TITLE_LETTERS = 40


def draw(context: bpy.types.Context, text: TextRequest, *, seed: int) -> str:
    """Start drawing; returns the job's id. Pictures of earlier words go.

    Raises:
        AddonError: the backend cannot be started.
    """
    for job in [job for job in jobs.SESSION.jobs.values() if job.is_drawing and not job.is_open]:
        jobs.remove(job.id)
        previews.forget(job.folder)
    device = Device[preferences(context).device]
    request = Request(text=text, seed=seed, stop_after=Stage.MATTE, device=device)
    job_id = jobs.submit_prepared(
        lambda folder: request,
        title=text.prompt[:_TITLE_LETTERS],
        launch=launch_from(context),
        placement=panel_placement(context),
        treatment=Treatment(),
        kind=PREVIEWS,
    )
    jobs.status(job_id).wants_import = False
    ticking.start()
    return job_id


def words(prompt: str, *, model: str, candidates: int) -> TextRequest:
    """What is asked for.

    Raises:
        SourceError: there are no words, or too many.
    """
    try:
        return TextRequest(prompt=prompt.strip(), model=model, candidates=candidates)
    except ProtocolError as error:
        raise SourceError(tr("Say in a few words what to make ({reason}).", reason=error)) from error


def newest() -> Job | None:
    """The job whose pictures there are to choose from."""
    return next((job for job in reversed(jobs.SESSION.jobs.values()) if job.is_drawing), None)


def pictures_of(job: Job) -> dict[int, Path]:
    """The pictures that are there, by number."""
    paths = {number: job.folder / CANDIDATE_FILE.format(number) for number in range(1, MAX_CANDIDATES + 1)}
    return {number: path for number, path in paths.items() if path.is_file()}


def taken(job: Job, number: int) -> bpy.types.Image:
    """A chosen picture as an image of the .blend file, which remembers its words.

    Raises:
        JobError: it is not there.
    """
    path = pictures_of(job).get(number)
    if path is None or job.request.text is None:
        raise JobError(tr("There is no picture {number} to choose.", number=number))
    image = packed_image(job.title, path.read_bytes())
    image[PROMPT], image[MODEL] = job.request.text.prompt, job.request.text.model
    return image
