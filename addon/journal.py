"""What the add-on keeps of a job in the job's own folder, so that a later session can go on with it."""

import ctypes
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..backend import protocol, records
from .files import replace_file
from .job import Job, JobState
from .placement import Placement, Topology, Treatment

log = logging.getLogger(__name__)

FILE = "job.json"
_QUERY_LIMITED_INFORMATION = 0x1000
_STILL_ACTIVE = 259


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """The file's content."""

    title: str
    state: JobState
    pid: int
    """The Blender that the job was started in."""
    message: str = ""
    object_name: str = ""
    scene: str = ""
    collection: str = ""
    location: tuple[float, ...] | None = None
    size: float = 1.0
    aligned_to: str = ""
    pack: bool = True
    topology: Topology = Topology.TRIANGLES
    is_asset: bool = False
    catalogue: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.location is not None and len(self.location) != 3:
            raise protocol.ProtocolError(f"a location has three numbers, got {len(self.location)}")

    @property
    def placement(self) -> Placement:
        """Where the result was to go."""
        x, y, z = self.location or (0.0, 0.0, 0.0)
        return Placement(
            scene=self.scene,
            collection=self.collection,
            location=(x, y, z) if self.location else None,
            size=self.size,
            aligned_to=self.aligned_to,
        )

    @property
    def treatment(self) -> Treatment:
        """What was to be made of it."""
        return Treatment(
            pack=self.pack,
            topology=self.topology,
            is_asset=self.is_asset,
            catalogue=self.catalogue,
            tags=self.tags,
        )


def write(job: Job) -> None:
    """Keep a job's state; a disk that is full is the backend's to report."""
    place, treatment = job.placement, job.treatment
    entry = Entry(
        title=job.title,
        state=job.state,
        pid=os.getpid(),
        message=job.message,
        object_name=job.object_name,
        scene=place.scene,
        collection=place.collection,
        location=place.location,
        size=place.size,
        aligned_to=place.aligned_to,
        pack=treatment.pack,
        topology=treatment.topology,
        is_asset=treatment.is_asset,
        catalogue=treatment.catalogue,
        tags=treatment.tags,
    )
    try:
        replace_file(job.folder / FILE, json.dumps(records.to_data(entry)).encode())
        request = job.folder / protocol.REQUEST_FILE
        if not request.exists():  # the backend writes it when the job begins
            replace_file(request, json.dumps(records.to_data(job.request)).encode())
    except OSError as error:
        log.warning("cannot keep the state of %s: %s", job.title, error)


def read(folder: Path) -> Entry | None:
    """What was kept of a job; None without it, or when it is damaged."""
    try:
        return records.from_data(Entry, records.parse_json((folder / FILE).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, protocol.ProtocolError) as error:
        log.info("%s: %s", folder / FILE, error)
        return None


if sys.platform == "win32":

    def is_alive(pid: int) -> bool:
        """Whether a process of this number runs."""
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        is_known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return bool(is_known) and code.value == _STILL_ACTIVE

else:

    def is_alive(pid: int) -> bool:
        """Whether a process of this number runs."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
