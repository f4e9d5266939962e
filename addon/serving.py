"""Jobs as lines of JSON, for a pipeline that keeps one Blender: requests on one pipe, answers on another.

    {"type": "submit", "image": "/a/chair.png", "seed": 7}    {"type": "answer", "ok": true, "job": "..."}
    {"type": "status", "job": "..."}                          {"type": "answer", "ok": true, "state": ...}
    {"type": "cancel", "job": "..."}                          {"type": "answer", "ok": true, "job": "..."}
    {"type": "result", "job": "..."}                          {"type": "answer", "ok": true, "mesh": "..."}

Each request has one answer, in their order; between them stand `stage` and `ended` for jobs that go on. At
the end of the input the jobs that are open are finished. Nobody listens at a port.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, ClassVar

from ..backend import lines, protocol, records
from . import jobs, scripting
from .errors import AddonError
from .job import Job, JobState
from .pipes import PipeReader

POLL_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Submit:
    """Start a job with options as `scripting.submit` takes them."""

    TYPE: ClassVar[str] = "submit"
    image: str
    seed: int = 0
    preset: protocol.Preset = protocol.Preset.STANDARD
    engine: protocol.Engine = protocol.Engine.ONE2345_PLUS
    weights: str = "starter"
    faces: int | None = None
    texture_px: int | None = None
    use_photo: bool = True
    flat_base: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Ask how a job stands."""

    TYPE: ClassVar[str] = "status"
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """Stop a job; its end is told when it has stopped."""

    TYPE: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Ask for the mesh of a job that is done."""

    TYPE: ClassVar[str] = "result"
    job: str


Request = Submit | Status | Cancel | Result
REQUESTS: Mapping[str, type[Request]] = {cls.TYPE: cls for cls in (Submit, Status, Cancel, Result)}


class Server:
    """Answers requests, and tells of the jobs that it was given."""

    def __init__(self, sink: BinaryIO) -> None:
        """Write to `sink`."""
        self._sink = sink
        self._told: dict[str, protocol.Stage | None] = {}
        """The last stage told of each job that is open."""
        self.has_failed = False
        """A request was refused, or a job has failed."""

    @property
    def is_busy(self) -> bool:
        """Jobs are open, or their end was not told."""
        return bool(self._told)

    def take(self, line: bytes) -> None:
        """Answer one line."""
        if not line.strip():
            return
        try:
            answer = self._answer(lines.decode(line, REQUESTS))
        except (AddonError, protocol.ProtocolError) as error:
            self.refuse(str(error))
        else:
            self._tell("answer", {"ok": True, **answer})

    def refuse(self, reason: str) -> None:
        """Answer that a request cannot be granted."""
        self.has_failed = True
        self._tell("answer", {"ok": False, "error": reason})

    def follow(self) -> None:
        """Move the jobs on; tell what is new of them."""
        jobs.poll()
        for job in [jobs.status(job_id) for job_id in self._told]:
            if not job.is_open:
                del self._told[job.id]
                self.has_failed |= job.state is JobState.FAILED
                mesh = {"mesh": str(scripting.result(job.id))} if job.state is JobState.DONE else {}
                self._tell("ended", {**facts(job), **mesh})
            elif job.stage is not self._told[job.id]:
                self._told[job.id] = job.stage
                self._tell("stage", {"job": job.id, "stage": job.stage})

    def abandon(self) -> None:
        """Nobody listens any more: stop what goes on."""
        self.has_failed = True
        for job_id in self._told:
            jobs.cancel(job_id)
        self._told.clear()

    def _answer(self, request: Request) -> dict[str, records.Json]:
        match request:
            case Submit():
                return {"job": self._submit(request)}
            case Status(job=job_id):
                return _standing(scripting.status(job_id))
            case Cancel(job=job_id):
                scripting.cancel(job_id)
                return {"job": job_id}
            case Result(job=job_id):
                return {"job": job_id, "mesh": str(scripting.result(job_id))}

    def _submit(self, request: Submit) -> str:
        job_id = scripting.submit(
            request.image,
            seed=request.seed,
            preset=request.preset,
            engine=request.engine,
            weights=request.weights,
            faces=request.faces,
            texture_px=request.texture_px,
            use_photo=request.use_photo,
            flat_base=request.flat_base,
        )
        self._told[job_id] = None
        return job_id

    def _tell(self, kind: str, values: Mapping[str, object]) -> None:
        self._sink.write(json.dumps({"type": kind, **values}).encode() + b"\n")
        self._sink.flush()


def serve(source: IO[bytes], sink: BinaryIO) -> int:
    """Take requests until the input ends and the jobs are finished; returns the exit status."""
    server, reader, buffer = Server(sink), PipeReader(source), lines.LineBuffer()
    is_at_end = False
    try:
        while not is_at_end or server.is_busy:
            data = None if is_at_end else reader.read()
            is_at_end |= data == b""
            try:
                # A last line may lack its newline.
                for line in buffer.feed(b"\n" if data == b"" else data or b""):
                    server.take(line)
            except protocol.ProtocolError as error:  # a line without end: what follows cannot be told apart
                server.refuse(str(error))
                is_at_end = True
            server.follow()
            time.sleep(POLL_S)
    except BrokenPipeError:
        server.abandon()
    finally:
        if sys.platform != "win32":
            os.set_blocking(source.fileno(), True)  # It may be the terminal of whoever called.
    return 1 if server.has_failed else 0


@contextmanager
def standard_streams() -> Iterator[tuple[IO[bytes], BinaryIO]]:
    """Standard input and output for such lines alone: what Blender prints goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(kept), "wb") as sink:
            yield source, sink
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def facts(job: Job) -> dict[str, object]:
    """A job as a program wants to know it."""
    return {
        "job": job.id,
        "state": job.state.value,
        "image": job.request.image,
        "seed": job.request.seed,
        "preset": job.request.preset.value,
        "seconds": round(job.seconds, 3),
        "folder": str(job.folder),
        "message": job.message,
    }


def _standing(status: scripting.Status) -> dict[str, records.Json]:
    return {
        "job": status.id,
        "state": status.state,
        "stage": status.stage,
        "fraction": round(status.fraction, 4),
        "seconds_left": status.seconds_left,
        "message": status.message,
        "folder": str(status.folder),
    }
