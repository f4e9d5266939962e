"""Cancels a real job in each stage: seconds from the cancel to an idle backend that takes the next job.

    python -m tests.endurance.cancels [--weights starter] [--preset draft] [--tries 3]

The bundled weights by default, one folder that every stage goes on in. Prints one line of JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.addon.extension import client, launch, protocol

ROOT = Path(__file__).resolve().parents[2]


class Backend:
    """The real backend, and what it said last."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.client = client.Client()
        self.num_ended = 0
        """Processes that had to be ended, because they were in a step that took too long."""

    def run(self, stage: protocol.Stage, *, cancel_at: bool) -> float:
        """Run up to a stage; returns seconds from its cancel to the end of the job, or of the whole job."""
        request = protocol.Request(
            image=str(ROOT / "tests" / "data" / "demo.png"),
            weights=self.options.weights,
            preset=protocol.Preset(self.options.preset),
            stop_after=stage,
        )
        if not self.client.is_alive:
            self.client.start(launch.Launch(python=Path(sys.executable), data_root=self.folder / "data"))
        self.client.submit(protocol.Submit(job="a", folder=str(self.folder / "job"), request=request))
        start, is_asked = time.monotonic(), False
        while True:
            for event in self.client.poll():
                if isinstance(event, protocol.Done | protocol.Cancelled):
                    self.num_ended += not self.client.is_alive
                    return time.monotonic() - start
                if isinstance(event, protocol.Failed):
                    raise SystemExit(event.message)
                is_there = isinstance(event, protocol.Progress) and event.stage is stage
                if cancel_at and is_there and not is_asked:
                    start, is_asked = time.monotonic(), True
                    self.client.cancel("a")
            time.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--tries", type=int, default=3)
    options = parser.parse_args()
    facts: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(Path(folder), options)
        for stage in protocol.Stage:
            facts[stage.value] = [round(backend.run(stage, cancel_at=True), 2) for _ in range(options.tries)]
            sys.stderr.write(f"{stage.value}: {facts[stage.value]}\n")
            backend.run(stage, cancel_at=False)
        backend.client.stop()
    sys.stdout.write(json.dumps({**facts, "processes_ended": backend.num_ended}) + "\n")


if __name__ == "__main__":
    main()
