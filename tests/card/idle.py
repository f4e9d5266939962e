"""Memory that the backend takes of the card around jobs, and seconds that a cancel takes in each stage.

    python -m tests.card.idle [WEIGHTS_FOLDER] [PICTURE] [--cpu] [--limit SECONDS]

The networks leave memory after `IDLE_S` seconds here instead of ten minutes.
"""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

from backend import protocol
from backend.lines import encode
from backend.protocol import Done, Event, Preset, Progress, Ready, Stage, StageDone
from tests.card.bench import QUICK, ROOT, Bench, Meter, run, say

IDLE_S = 4.0
SOURCE = f"""
from backend import worker
worker.IDLE_S = {IDLE_S}
worker.main()
"""
Seen = list[tuple[float, Event]]
"""Events with the moments at which they came."""


class Backend:
    """The real backend, driven by its own messages."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.meter = bench, Meter(bench)
        source = QUICK + SOURCE if bench.is_cpu else SOURCE
        with (bench.folder / "backend.log").open("wb") as log:
            command, pipe = [sys.executable, "-c", source], subprocess.PIPE
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=log)

    def send(self, command: protocol.Command) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode(command))
        self.process.stdin.flush()

    def read_to(self, *kinds: type[Event]) -> Seen:
        """All events up to one of these kinds."""
        assert self.process.stdout is not None
        seen: Seen = []
        for line in self.process.stdout:
            event = protocol.decode_event(line.rstrip(b"\n"))
            seen.append((time.monotonic(), event))
            if isinstance(event, protocol.Failed):
                raise SystemExit(f"{event.code}: {event.message}")
            if isinstance(event, kinds):
                return seen
        raise SystemExit(f"the backend ended with {self.process.wait()}")

    def tell_memory(self, when: str) -> None:
        """Say what is taken now, and how much of it torch holds by the backend's own account."""
        self.send(protocol.AskMemory())
        _, ready = self.read_to(Ready)[-1]
        assert isinstance(ready, Ready)
        say(f"memory {when}: {self.meter.now()} MiB, held {ready.held_bytes >> 20}")

    def job(self, name: str, preset: Preset) -> Seen:
        """Run a job to its end; returns its events."""
        self.meter.peak()
        start = time.monotonic()
        folder = self.bench.folder / name
        self.send(protocol.Submit(job=name, folder=str(folder), request=self.bench.request(preset)))
        seen = self.read_to(Done)
        self.read_to(Ready)
        seconds = seen[-1][0] - start
        say(f"{preset}, {name}: {seconds:.2f} s, peak {self.meter.peak()} MiB")
        return seen

    def cancel(self, job: str, stage: Stage, after_s: float) -> str:
        """Cancel a job's stage so long after it has begun; returns the seconds to the end."""
        request = replace(self.bench.request(Preset.STANDARD), start_from=stage)
        self.send(protocol.Submit(job=job, folder=str(self.bench.folder / job), request=request))
        begun: Event | None = None
        while not (isinstance(begun, Progress) and begun.stage is stage):
            begun = self.read_to(Progress)[-1][1]
        time.sleep(after_s)
        asked = time.monotonic()
        self.send(protocol.Cancel(job=job))
        ended, event = self.read_to(protocol.Cancelled, Done)[-1]
        self.read_to(Ready)
        # A short stage, and those after it, may have ended before it was asked.
        return "it was done" if isinstance(event, Done) else f"{ended - asked:.2f} s"


def silences(seen: Seen) -> dict[Stage, tuple[float, float]]:
    """Each stage's longest time without an event, and when after the stage's begin it began."""
    begun: dict[Stage, float] = {}
    found: dict[Stage, tuple[float, float]] = {}
    for (last, before), (moment, event) in pairwise(seen):
        if isinstance(before, Progress):
            begun.setdefault(before.stage, last)
        if isinstance(event, Progress | StageDone) and event.stage in begun:
            silence = (moment - last, last - begun[event.stage])
            found[event.stage] = max(found.get(event.stage, silence), silence)
    return found


def measure(bench: Bench) -> None:
    """Start the backend, use it and end it."""
    backend = Backend(bench)
    try:
        backend.read_to(Ready)
        say("the backend is ready")
        backend.tell_memory("before the first job")
        backend.job("cold", Preset.DRAFT)
        backend.tell_memory("after it")
        backend.read_to(Ready)
        backend.tell_memory("after the idle unload")
        backend.job("reloaded", Preset.DRAFT)
        found = silences(backend.job("whole", Preset.STANDARD))
        # The later stages first: a cancelled stage's file is gone.
        for stage, (silence, begin) in reversed(found.items()):
            taken = backend.cancel("whole", stage, begin + 0.02)
            say(f"cancel in the longest silence of {stage}, {silence:.2f} s: {taken}")
        backend.job("after the cancels", Preset.DRAFT)
        backend.tell_memory("after it")
        backend.send(protocol.Shutdown())
        say(f"ended with {backend.process.wait()}; memory then: {backend.meter.now()} MiB")
    finally:
        backend.process.kill()
        backend.process.wait()


if __name__ == "__main__":
    run(measure, __doc__)
