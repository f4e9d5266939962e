"""Seconds by stage and memory of jobs with warm networks, and whether a preset gives the same bytes again.

    python -m tests.card.warm [WEIGHTS_FOLDER] [PICTURE] [--cpu] [--limit SECONDS]

All jobs run in this process; the very first is cold.
"""

import time
from pathlib import Path

from backend.devices import make_repeatable
from backend.protocol import Event, Preset, StageDone, Submit
from backend.service import Service
from tests.card.bench import Bench, peaks_mib, run, say

JOBS = (Preset.STANDARD,) * 3 + (Preset.DRAFT,) * 2 + (Preset.HIGH,) * 2


def measure(bench: Bench) -> None:
    """Run all jobs in this process, one after the other."""
    make_repeatable()
    service = Service(bench.folder / "data")
    made: dict[Preset, list[dict[str, bytes]]] = {}
    try:
        for number, preset in enumerate(JOBS, start=1):
            folder = bench.folder / f"job-{number}"
            run_job(bench, service, folder, preset)
            made.setdefault(preset, []).append(contents(folder))
    finally:
        service.release()
    for preset, (first, *others) in made.items():
        differing = sorted(name for name in first if any(files[name] != first[name] for files in others))
        say(f"{preset}: {len(first)} files, differing: {', '.join(differing) or 'none'}")


def run_job(bench: Bench, service: Service, folder: Path, preset: Preset) -> None:
    """Run one job and say what it took."""
    seen: list[Event] = []
    start = time.monotonic()
    submit = Submit(job=folder.name, folder=str(folder), request=bench.request(preset))
    _, report = service.run(submit, seen.append)
    took = time.monotonic() - start
    stages = {event.stage: event.seconds for event in seen if isinstance(event, StageDone)}
    parts = " ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items())
    peaks = peaks_mib(report)
    most = max(peaks, key=lambda stage: peaks[stage])
    rest = took - sum(stages.values())
    say(f"{preset}: {took:.2f} s ({parts} rest {rest:.2f}), peak {peaks[most]:.0f} MiB in {most}")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a job but the report, which holds times."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "report.json"}


if __name__ == "__main__":
    run(measure, __doc__)
