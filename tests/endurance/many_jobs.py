"""Many jobs in one real backend process: does its memory grow, is any job lost, how long does a cancel take?

    python -m tests.endurance.many_jobs [--jobs 100] [--queued 20] [--seed 0]

Tiny networks, every stage, driven by the add-on's own client. Prints one line of JSON. Linux.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.addon.extension import client, launch, protocol
from tests.backend.conftest import write_cutout, write_tiny_weights

WARM_JOBS = 10
NEAR = 5
ENDS = (protocol.Done, protocol.Failed, protocol.Cancelled)


class Backend:
    """A real backend with two-step presets."""

    def __init__(self, folder: Path, name: str = "one") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.weights = write_tiny_weights(self.folder / "weights")
        self.picture = write_cutout(self.folder / "picture.png")
        self.client = client.Client()
        self.client.start(
            launch.Launch(
                python=Path(sys.executable),
                data_root=folder / "data",
                arguments=("-m", "tests.backend.quick", "worker"),
            )
        )
        self.ends: dict[str, list[str]] = {}
        self.ended_at: dict[str, float] = {}
        self.num_waits = 0
        """Times that the backend told of another one whose turn it was."""
        self.stage: dict[str, str] = {}

    def submit(self, name: str) -> None:
        request = protocol.Request(image=str(self.picture), weights=str(self.weights), seed=len(self.ends))
        self.ends[name] = []
        self.client.submit(protocol.Submit(job=name, folder=str(self.folder / name), request=request))

    def poll(self) -> None:
        for event in self.client.poll():
            if isinstance(event, ENDS) and event.job is not None:
                self.ends[event.job].append(event.TYPE)
                self.ended_at[event.job] = time.monotonic()
            elif isinstance(event, protocol.Log):
                self.num_waits += "waits its turn" in event.message
            elif isinstance(event, protocol.Progress):
                self.stage[event.job] = event.stage.value
        time.sleep(0.002)

    def wait(self) -> None:
        while self.client.is_alive and not all(self.ends.values()):
            self.poll()

    def resident_mib(self) -> float:
        text = Path(f"/proc/{self.client.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def memory(backend: Backend, jobs: int) -> dict[str, object]:
    """Run jobs one after the other; compare memory after the first ten with memory at the end."""
    sizes = []
    for number in range(jobs):
        backend.submit(f"single-{number}")
        backend.wait()
        sizes.append(backend.resident_mib())
    first = statistics.median(sizes[WARM_JOBS - NEAR : WARM_JOBS + NEAR])
    last = statistics.median(sizes[-2 * NEAR :])
    return {
        "jobs": jobs,
        "done": sum(ends == ["done"] for ends in backend.ends.values()),
        "mib_after_10": round(first, 1),
        "mib_at_the_end": round(last, 1),
        "growth_percent": round(100 * (last / first - 1), 2),
    }


def queue(backend: Backend, jobs: int, draw: random.Random) -> dict[str, object]:
    """Submit all at once, and cancel some at random moments."""
    names = [f"queued-{number}" for number in range(jobs)]
    for name in names:
        backend.submit(name)
    asked: dict[str, float] = {}
    slowest = {"waiting": 0.0, "running": 0.0}
    chosen = draw.sample(names, jobs // 2)
    while not all(backend.ends[name] for name in names) and backend.client.is_alive:
        if chosen and draw.random() < 0.004:
            name = chosen.pop()
            if not backend.ends[name]:
                asked[name] = time.monotonic()
                backend.client.cancel(name)
        backend.poll()
    for name, moment in asked.items():
        kind = "running" if name in backend.stage else "waiting"
        slowest[kind] = max(slowest[kind], backend.ended_at[name] - moment)
    return {
        "queued": jobs,
        "cancelled": sum(backend.ends[name] == ["cancelled"] for name in names),
        "done": sum(backend.ends[name] == ["done"] for name in names),
        "lost": sum(len(backend.ends[name]) != 1 for name in names),
        "failed": sum("failed" in backend.ends[name] for name in names),
        "cancelled_unasked": sum("cancelled" in backend.ends[name] and name not in asked for name in names),
        "slowest_cancel_s": {kind: round(seconds, 2) for kind, seconds in slowest.items()},
    }


def two(first: Backend, second: Backend, jobs: int) -> dict[str, object]:
    """Two backends with one data root, as two Blenders have them."""
    both = (first, second)
    while second.client.ready is None:
        second.poll()
    for backend in both:
        backend.num_waits = 0
        for number in range(jobs):
            backend.submit(f"two-{number}")
    while any(not all(backend.ends.values()) and backend.client.is_alive for backend in both):
        for backend in both:
            backend.poll()
    ends = [backend.ends[f"two-{number}"] for backend in both for number in range(jobs)]
    return {
        "jobs": len(ends),
        "done": sum(end == ["done"] for end in ends),
        "waited": sum(backend.num_waits for backend in both),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--queued", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(Path(folder))
        facts = {"memory": memory(backend, options.jobs)} if options.jobs else {}
        facts["queue"] = queue(backend, options.queued, random.Random(options.seed))
        other = Backend(Path(folder), name="other")
        facts["two_blenders"] = two(backend, other, 4)
        other.client.stop()
        backend.client.stop()
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
