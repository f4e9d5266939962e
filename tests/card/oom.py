"""How a job at high ends where torch may take little of the card.

    python -m tests.card.oom [WEIGHTS_FOLDER] [PICTURE] [--cpu] [--limit SECONDS]

Each runs as a command, all at once: it is about how they end, not about seconds. Limits bind torch, not warp.
A dry run makes memory run out under the least of them, in the coarse shape.
"""

import json
import subprocess
import sys
from pathlib import Path

import torch

from backend.protocol import Preset
from tests.card.bench import QUICK, ROOT, Bench, peaks_mib, run, say

LIMITS_MIB = (1600, 800, 480, 320)
COMMAND = """
import sys
import torch
from backend.orphans import die_with_parent
die_with_parent()
share = float(sys.argv[1])
{prepare}
from backend.cli import main
sys.exit(main(sys.argv[2:]))
"""
LIMIT = "torch.cuda.set_per_process_memory_fraction(share)"
FAIL = f"""
{QUICK}
from backend import stage_rules
def fail(*arguments, **more):
    raise torch.OutOfMemoryError("CUDA out of memory (made up)")
if share == {min(LIMITS_MIB)}:
    stage_rules.generate_occupancy = fail
"""


def measure(bench: Bench) -> None:
    """Run the job under every limit and say how it ended."""
    running = [(limit, start(bench, bench.folder / str(limit), limit)) for limit in LIMITS_MIB]
    for limit, process in running:
        code = process.wait()
        say(f"within {limit} MiB: exit {code}, {tell(bench.folder / str(limit), code)}")


def start(bench: Bench, job: Path, limit_mib: int) -> subprocess.Popen[bytes]:
    """Start a job; its messages go beside its folder."""
    total = 1 if bench.is_cpu else torch.cuda.mem_get_info()[1] / 2**20
    source = COMMAND.format(prepare=FAIL if bench.is_cpu else LIMIT)
    command = ["generate", str(bench.picture), "--job", str(job), "--weights", str(bench.weights)]
    more = ["--preset", Preset.HIGH, "--device", bench.device]
    with job.with_suffix(".log").open("wb") as log:
        arguments = [sys.executable, "-c", source, str(limit_mib / total), *command, *more]
        return subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log)


def tell(job: Path, code: int) -> str:
    """The peak of a job that was finished, else what it said."""
    if code == 0:
        peaks = peaks_mib(json.loads((job / "report.json").read_text()))
        return f"peak {max(peaks.values()):.0f} MiB"
    lines = job.with_suffix(".log").read_text(errors="replace").splitlines()
    return " | ".join(lines[-2:])


if __name__ == "__main__":
    run(measure, __doc__)
