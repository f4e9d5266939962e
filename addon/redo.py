"""One of the six views drawn anew, and the object made from the sheet with it: a click beside the views."""

from pathlib import Path

import bpy

from ..backend.protocol import Request, Stage
from . import jobs, rework, ticking
from .preferences import launch_from


def redo_view(context: bpy.types.Context, job_id: str, number: int, *, seed: int, wait: bool = False) -> str:
    """Start a job that draws one view of another job anew and goes on to an object; returns its id.

    A job that has ended stays as it is, and its object makes room for the new one. A job that runs would end
    in an object that nobody wants: it goes, and the new job takes its turn, its place and its line of the
    list.

    Args:
        job_id: Empty means the active object's job, else the newest.
        number: Of the view, 1 to 6, row by row.
        wait: Block until the object is in the scene; always so in background mode.

    Raises:
        AddonError: the job has no six views, or the backend cannot be started.
    """
    origin = rework.origin_of(context, rework.chosen_job(context, job_id))
    origin.path(Stage.VIEWS)

    def prepare(folder: Path) -> Request:
        origin.copy((Stage.MATTE, Stage.VIEWS), folder)
        request = rework.request_like(context, origin, reroll=(number,), reroll_seed=seed)
        return origin.with_inputs(request, folder)

    known = jobs.SESSION.jobs.get(origin.id)
    if known is None or not known.is_open:
        result = rework.result_of(context, origin.id)
        return rework.start(context, origin, prepare, aligned_to=result.name if result else "", wait=wait)
    new_id = jobs.submit_prepared(
        prepare,
        title=known.title,
        launch=launch_from(context),
        placement=known.placement,
        treatment=known.treatment,
    )
    jobs.replace_by(known.id, new_id)
    ticking.start()
    if wait or bpy.app.background:
        rework.finish(new_id)
    return new_id
