"""Results of earlier sessions, read from the folders that their jobs left."""

import logging
from pathlib import Path

from ..backend import protocol
from .importer import Placement
from .jobs import Job, JobState

log = logging.getLogger(__name__)

_RESULT = protocol.STAGE_FILES[protocol.Stage.TEXTURE][0]
_LEN_STAMP = len("20260101-120000-")


def finished_jobs(data_root: Path, *, count: int) -> list[Job]:
    """The newest finished jobs of a data folder, the oldest first; empty when there is no such folder."""
    try:
        folders = sorted((data_root / "jobs").iterdir(), reverse=True)
    except OSError:
        return []
    found: list[Job] = []
    for folder in folders:
        if len(found) == count:
            break
        if (folder / _RESULT).is_file() and (job := _job_of(folder)):
            found.append(job)
    return found[::-1]


def _job_of(folder: Path) -> Job | None:
    try:
        data = protocol.parse_json((folder / protocol.REQUEST_FILE).read_bytes())
        request = protocol.from_data(protocol.Request, data)
        report = protocol.parse_json((folder / protocol.REPORT_FILE).read_bytes())
    except (OSError, protocol.ProtocolError) as error:
        log.info("%s is not a finished job (%s)", folder, error)
        return None
    return Job(
        id=folder.name,
        title=folder.name[_LEN_STAMP:],
        folder=folder,
        request=request,
        placement=Placement(),
        file_number=-1,
        wants_import=False,
        state=JobState.DONE,
        report=report if isinstance(report, dict) else {},
    )
