"""Going on from what a job has made, in a new job with copies of its artifacts: nothing made is lost."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend import protocol, records
from ..backend.protocol import CAMERAS_FILE, STAGE_FILES, Device, Engine, Request, Stage
from . import jobs, results, ticking
from .errors import AddonError, JobError
from .folders import JOBS, title_of
from .frames import Frame, frame_of
from .importer import PROPERTY_PREFIX
from .job import Job, JobState
from .options import panel_placement, panel_treatment
from .placement import Placement
from .preferences import data_root, launch_from, preferences
from .steps import Steps
from .texts import tr
from .units import metres_per_unit

if TYPE_CHECKING:
    Prepare = Callable[[Path], Request]

JOB = PROPERTY_PREFIX + "job"
KIND = PROPERTY_PREFIX + "kind"
"""What an object of ours is that is no result."""
_OF_PLUS = (Stage.VIEWS, Stage.OCCUPANCY)
"""Stages whose artifacts are looked at and edited, and which only one engine makes in that form."""
RESULT = PROPERTY_PREFIX + "result"
"""The object that a sheet of views or a coarse shape belongs to."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The job to go on from."""

    id: str
    title: str
    folder: Path
    request: Request

    def path(self, stage: Stage) -> Path:
        """The file of a stage that is looked at or edited.

        Raises:
            JobError: it was not made yet.
        """
        path = self.folder / STAGE_FILES[stage][0]
        if stage in _OF_PLUS and self.request.engine is not Engine.ONE2345_PLUS:
            raise JobError(
                tr("{name} was made by One-2-3-45, which has no six views or coarse shape.", name=self.title)
            )
        if not path.is_file():
            text = "{name} has no {file}. Continue the job first, or choose another."
            raise JobError(tr(text, name=self.title, file=path.name))
        return path

    def copy(self, stages: Sequence[Stage], folder: Path) -> None:
        """Copy what is there of the stages' artifacts; without a record of their making they are given."""
        for name in [name for stage in stages for name in STAGE_FILES[stage]]:
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)

    def with_inputs(self, request: Request, folder: Path) -> Request:
        """Copy the picture and the mask as well, as far as the job keeps them, so that it need not stay."""

        def copied(path: str | None) -> str | None:
            if path is None or Path(path).parent != self.folder:
                return path
            return shutil.copyfile(path, str(folder / Path(path).name))

        return replace(request, image=copied(request.image), mask=copied(request.mask))


def origin_of(context: bpy.types.Context, job_id: str) -> Origin:
    """The job named, of this session or an earlier one.

    Raises:
        JobError: its folder is gone.
    """
    folder = folder_of(context, job_id)
    try:
        data = records.parse_json((folder / protocol.REQUEST_FILE).read_bytes())
        request = records.from_data(Request, data)
    except (OSError, protocol.ProtocolError) as error:
        raise JobError(tr("The folder {folder} is gone or damaged.", folder=folder)) from error
    return Origin(job_id, title_in(folder), folder, request)


def chosen_job(context: bpy.types.Context, job_id: str) -> str:
    """The job named, else the active object's, else the newest that is done.

    Raises:
        JobError: there is none.
    """
    if found := job_id or _job_at_hand(context):
        return found
    raise JobError(tr("There is no finished object. Select one, or generate one first."))


def folder_at_hand(context: bpy.types.Context, stage: Stage) -> Path | None:
    """The folder of the active object's job, else of the newest, if it has a stage's artifact to edit."""
    job_id = _job_at_hand(context)
    if not job_id:
        return None
    try:
        folder = folder_of(context, job_id)
    except AddonError:
        return None
    is_others = stage in _OF_PLUS and (folder / CAMERAS_FILE).is_file()  # of the engine without six views
    return folder if (folder / STAGE_FILES[stage][0]).is_file() and not is_others else None


def folder_of(context: bpy.types.Context, job_id: str) -> Path:
    """Where a job's files are, of this session or an earlier one, or would be.

    Raises:
        SetupError: the add-on is not enabled.
    """
    known = jobs.SESSION.jobs.get(job_id)
    return known.folder if known else data_root(preferences(context)) / JOBS / job_id


def title_in(folder: Path) -> str:
    """What the job in a folder is called."""
    known = jobs.SESSION.jobs.get(folder.name)
    return known.title if known else title_of(folder)


def _job_at_hand(context: bpy.types.Context) -> str:
    """The job of the active object, else the newest that is done; empty without any."""
    done = (job.id for job in jobs.recent() if job.state is JobState.DONE and job.is_mesh)
    return job_of(context.object) or next(done, "")


def job_of(item: bpy.types.ID | None) -> str:
    """The job that an object or image was made by; empty for all others."""
    value = item.get(JOB) if item is not None else None
    return value if isinstance(value, str) else ""


def result_of(context: bpy.types.Context, job_id: str) -> bpy.types.Object | None:
    """The object in the scene that a job has made."""
    objects = context.scene.objects if context.scene else ()
    found = (item for item in objects if job_of(item) == job_id and KIND not in item and frame_of(item))
    return next(found, None)


def kept_result(item: bpy.types.ID) -> bpy.types.Object | None:
    """The object that a sheet or coarse shape belongs to, if it is still in the file."""
    found = item.get(RESULT)
    return found if isinstance(found, bpy.types.Object) and found.name in bpy.data.objects else None


def new_frame(context: bpy.types.Context) -> Frame:
    """Where generation space stands for a job that has no object in the scene: on the 3D cursor."""
    size = panel_placement(context).size
    return Frame((0.0, 0.0, -0.5), size / metres_per_unit(context.scene) if context.scene else size)


def start(
    context: bpy.types.Context,
    origin: Origin,
    prepare: "Prepare",
    *,
    aligned_to: str = "",
    kind: str = "",
    deliver: Callable[[Job], Steps[object]] | None = None,
    wait: bool = False,
) -> str:
    """Start a job that goes on from another one; returns its id.

    Args:
        prepare: Fills the new job's folder and returns its request.
        aligned_to: Name of the object whose place the result takes.
        kind: Where the job's folder lies, if not with those of the history.
        deliver: What is done with the result; by default it is imported.
        wait: Block until that is done; always so in background mode.

    Raises:
        AddonError: of any kind.
    """
    job_id = jobs.submit_prepared(
        prepare,
        title=origin.title,
        launch=launch_from(context),
        placement=aligned_placement(context, aligned_to),
        treatment=panel_treatment(context),
        kind=kind,
        deliver=deliver,
    )
    ticking.start()
    if wait or bpy.app.background:
        finish(job_id)
    return job_id


def finish(job_id: str) -> None:
    """Block until a job has ended, and do with its result what it was started for.

    Raises:
        AddonError: it has no result, or that cannot be used.
    """
    jobs.status(job_id).wants_import = False
    jobs.wait(job_id)
    results.deliver(job_id)


def request_like(
    context: bpy.types.Context,
    origin: Origin,
    *,
    stop_after: Stage = Stage.TEXTURE,
    reroll: tuple[int, ...] = (),
    reroll_seed: int = 0,
    keep_uvs: bool = False,
    edited: str | None = None,
) -> Request:
    """What the other job was asked for, to be asked again, with a change."""
    image, mask = (
        path if path and Path(path).is_file() else None
        for path in (origin.request.image, origin.request.mask)
    )
    return replace(
        origin.request,
        image=image,
        mask=mask,
        device=Device[preferences(context).device],
        start_from=None,
        stop_after=stop_after,
        reroll=reroll,
        reroll_seed=reroll_seed,
        keep_uvs=keep_uvs,
        edited=edited,
    )


def aligned_placement(context: bpy.types.Context, name: str) -> Placement:
    """The panel's placement, but in the place of an object, if there is one of that name."""
    base = panel_placement(context)
    other = bpy.data.objects.get(name) if name else None
    if other is None:
        return base
    x, y, z = other.matrix_world.translation
    homes = [home.name for home in other.users_collection]
    return replace(base, aligned_to=name, location=(x, y, z), collection=homes[0] if homes else "")
