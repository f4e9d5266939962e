"""Kills real jobs at random moments and goes on with them: nothing may be lost, repeated or half-read.

    python -m tests.endurance.kills [--rounds 200] [--seed 0]

Each round runs a job in a process of its own (tiny networks, every stage) and kills it at a random
moment; the next round goes on in the same folder, until the job is done and compared with an undisturbed one.
Prints one line of JSON.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from backend import work
from backend.devices import make_repeatable
from backend.errors import One2345Error
from backend.jobs import Job
from backend.models.cache import NetworkCache
from backend.pipeline import OnEvent, run
from backend.protocol import Device, Event, Request, Stage, StageDone
from backend.work import Resources
from tests.backend.conftest import write_cutout, write_tiny_weights
from tests.backend.quick import quick_presets

FAILED = 7


class Kills:
    """One folder of weights and one picture, killed again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.weights = write_tiny_weights(folder / "weights")
        self.picture = write_cutout(folder / "picture.png")
        self.reference, self.seconds = b"", 0.0
        self.counts = {"killed": 0, "finished": 0, "repeated": 0, "failed": 0, "different": 0, "left_over": 0}

    def prepare(self) -> None:
        """Run one job undisturbed: how long it takes, and what it makes.

        One before it in this very process, so that every child finds all modules loaded.
        """
        torch.set_num_threads(1)
        make_repeatable()
        self._run(self.folder / "first", lambda event: None)
        start = time.monotonic()
        job = self.folder / "undisturbed"
        pid, log = self._start(job)
        assert os.waitpid(pid, 0)[1] == 0, log.read_text()
        self.seconds = time.monotonic() - start
        self.reference = result(job)

    def round(self, job: Path, done: set[str]) -> bool:
        """Go on with a job and kill it; returns whether it came to its end before."""
        pid, log = self._start(job)
        moment = time.monotonic() + self.draw.uniform(0, self.seconds * 1.1)
        status = None
        while status is None and time.monotonic() < moment:
            found, code = os.waitpid(pid, os.WNOHANG)
            status = code if found else None
            time.sleep(0.001)
        if status is None:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        made = [line["stage"] for line in lines if not line["reused"]]
        self.counts["repeated"] += len(done & set(made))
        done.update(made)
        if os.WIFSIGNALED(status):
            self.counts["killed"] += 1
            return False
        self.counts["failed" if os.WEXITSTATUS(status) else "finished"] += 1
        return True

    def check(self, job: Path) -> None:
        """Compare a finished job with the undisturbed one, and look for what should not be there."""
        if result(job) != self.reference:
            self.counts["different"] += 1
        names = {path.name for path in job.iterdir()}
        self.counts["left_over"] += len([name for name in names if name.startswith(".part-")])

    def _start(self, job: Path) -> tuple[int, Path]:
        log = job.with_suffix(".log")
        log.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            self._work(job, log)
        return pid, log

    def _work(self, job: Path, log: Path) -> None:
        """The child: one job, its finished stages in a log."""
        code = FAILED
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def tell(event: Event) -> None:
            if isinstance(event, StageDone):
                line = json.dumps({"stage": event.stage.value, "reused": event.reused})
                os.write(handle, line.encode() + b"\n")

        try:
            self._run(job, tell)
            code = 0
        except One2345Error as error:
            os.write(handle, f"error: {error!r}\n".encode())
        finally:
            os._exit(code)

    def _run(self, job: Path, tell: OnEvent) -> None:
        device = torch.device("cpu")
        networks = NetworkCache(device, is_keeping=False)
        resources = Resources(device=device, networks=networks, matting_model=None)
        request = Request(image=str(self.picture), weights=str(self.weights), device=Device.CPU)
        run(Job(job), request, resources, on_event=tell, name="job")


def result(job: Path) -> bytes:
    """The bytes of what a job has made, stage by stage."""
    return b"".join(path.read_bytes() for stage in Stage for path in Job(job).paths(stage))


def kills(rounds: int, seed: int) -> dict[str, object]:
    """Kill so many times; returns what happened."""
    work.PRESETS = quick_presets()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        test = Kills(Path(folder), seed)
        test.prepare()
        number = 0
        while test.counts["killed"] < rounds:
            number += 1
            job, done = Path(folder, f"job-{number}"), set()
            while not test.round(job, done):
                if test.counts["killed"] >= rounds:
                    break
            else:
                test.check(job)
    return {
        **test.counts,
        "seconds_of_a_job": round(test.seconds, 2),
        "seconds": round(time.monotonic() - start),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(kills(options.rounds, options.seed)) + "\n")
