"""Jobs of earlier sessions, read from the folders that they left."""

import itertools
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..backend import protocol, records
from . import journal
from .folders import JOBS, PREVIEWS, title_of
from .job import Job, JobState
from .texts import tr

log = logging.getLogger(__name__)

_RESULT = protocol.STAGE_FILES[protocol.Stage.TEXTURE][0]
INTERRUPTED = "Blender ended before this job did. Continue it: finished stages are kept."
NOT_IMPORTED = "Blender ended before this result came in. Import it where you want it."


def earlier_jobs(data_root: Path, *, count: int) -> list[Job]:
    """The newest jobs of a data folder, the oldest first; empty when there is no such folder."""
    return list(itertools.islice(each_earlier_job(data_root), count))[::-1]


def each_earlier_job(data_root: Path) -> Iterator[Job]:
    """The jobs of a data folder, the newest first, each read when it is asked for.

    Jobs that another running Blender still works on are left to it.
    """
    try:
        folders = sorted((data_root / JOBS).iterdir(), reverse=True)
    except OSError:
        return
    yield from filter(None, map(_job_of, folders))


def drop_previews(data_root: Path) -> Iterator[None]:
    """Delete cut-outs and drawn pictures of sessions that have ended, a folder a step."""
    try:
        folders = sorted((data_root / PREVIEWS).iterdir())
    except OSError:
        return
    for folder in folders:
        entry = journal.read(folder)
        if entry is not None and not journal.is_alive(entry.pid):
            shutil.rmtree(folder, ignore_errors=True)
        yield


def _job_of(folder: Path) -> Job | None:
    try:
        request = _read(folder / protocol.REQUEST_FILE)
        entry = journal.read(folder)
        state = _state(folder, entry)
        report = _report(folder) if state is JobState.DONE else {}
        parsed = records.from_data(protocol.Request, request)
    except (OSError, protocol.ProtocolError) as error:
        log.info("%s is not a job (%s)", folder, error)
        return None
    if state is None or parsed.stop_after is not protocol.Stage.TEXTURE:
        return None
    job = Job(
        id=folder.name,
        title=entry.title if entry else title_of(folder),
        folder=folder,
        request=parsed,
        wants_import=False,
        state=state,
        finished=_finished(folder, report),
        message=_message(state, entry),
        report=report,
    )
    if entry:
        job.placement, job.treatment, job.object_name = entry.placement, entry.treatment, entry.object_name
    return job


def _state(folder: Path, entry: journal.Entry | None) -> JobState | None:
    """How a job stands; None when it is another Blender's or never came to anything."""
    is_done = (folder / _RESULT).is_file() and (folder / protocol.REPORT_FILE).is_file()
    if entry is None:  # made by the command line
        return JobState.DONE if is_done else None
    if entry.state not in (JobState.QUEUED, JobState.RUNNING):
        return entry.state
    if journal.is_alive(entry.pid):
        return None
    return JobState.DONE if is_done and not _is_behind(folder) else JobState.INTERRUPTED


def _message(state: JobState, entry: journal.Entry | None) -> str:
    """What the artist is to know: what a session cut short has left, else the job's own last word."""
    if state is JobState.INTERRUPTED:
        return tr(INTERRUPTED)
    if entry is None:
        return ""
    is_new = state is JobState.DONE and entry.state is not JobState.DONE
    return tr(NOT_IMPORTED) if is_new else entry.message


def _is_behind(folder: Path) -> bool:
    """The result is older than what was asked for last: the job was running again."""
    request, made = folder / protocol.REQUEST_FILE, folder / _RESULT
    return made.stat().st_mtime < request.stat().st_mtime


def _report(folder: Path) -> dict[str, protocol.Json]:
    report = _read(folder / protocol.REPORT_FILE)
    return report if isinstance(report, dict) else {}


def _finished(folder: Path, report: dict[str, protocol.Json]) -> dict[protocol.Stage, float]:
    """Stages whose files are there, with the seconds that the report tells."""
    stages = report.get("stages")
    told = stages if isinstance(stages, dict) else {}
    found: dict[protocol.Stage, float] = {}
    for stage in protocol.Stage:
        if not all((folder / name).is_file() for name in protocol.STAGE_FILES[stage]):
            continue
        entry = told.get(stage.value)
        seconds = entry.get("seconds") if isinstance(entry, dict) else None
        found[stage] = float(seconds) if isinstance(seconds, int | float) else 0.0
    return found


def _read(path: Path) -> protocol.Json:
    return records.parse_json(path.read_bytes())
