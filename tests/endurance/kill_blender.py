"""Kills Blender at random moments of a job or an installation: no process may be left after two seconds.

    python -m tests.endurance.kill_blender [--rounds 10] [--seed 0]

Blender is the bpy module in a process of its own, the backend the real one with the bundled weights. Prints
one line of JSON. Linux.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = """
import os, sys, time
from pathlib import Path
import bpy
from tests.addon.extension import addon, PACKAGE, installer_state
entry = bpy.context.preferences.addons.new()
entry.module = PACKAGE
addon.register()
entry.preferences.data_root = sys.argv[2]
if sys.argv[1] == "install":
    installer_state.start(Path(sys.argv[2]))
    installer_state.INSTALLATION.wait()
else:
    bpy.ops.one2345.generate(filepath=sys.argv[3], preset="DRAFT", wait=True)
time.sleep(60)
"""
LIMIT_S = 2.0


def children(folder: Path, host: int) -> list[int]:
    """Processes that were started for a data root, without the host."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal() or int(place.name) == host:
            continue
        try:
            wanted = f"ONE2345_DATA={folder}".encode() in (place / "environ").read_bytes()
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if wanted and state != "Z":
            found.append(int(place.name))
    return found


def kill_round(kind: str, folder: Path, delay_s: float) -> tuple[int, float]:
    """Start, kill after a while; returns how many processes there were, and seconds until all are gone."""
    data = folder / "data"
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(folder / "blender"),
        "ONE2345_PYTHON": sys.executable,
    }
    picture = ROOT / "tests" / "data" / "demo.png"
    with subprocess.Popen(
        [sys.executable, "-c", HOST, kind, str(data), str(picture)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as host:
        until = time.monotonic() + 120
        while not children(data, host.pid) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(delay_s)
        count = len(children(data, host.pid))
        host.kill()
        start = time.monotonic()
        while children(data, host.pid) and time.monotonic() - start < 60:
            time.sleep(0.02)
        return count, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    facts: dict[str, dict[str, float]] = {}
    for kind, longest in (("install", 12.0), ("job", 60.0)):
        facts[kind] = {"killed": 0, "processes": 0, "left": 0, "slowest_s": 0.0}
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                count, seconds = kill_round(kind, Path(folder), draw.uniform(0, longest))
            facts[kind]["killed"] += 1
            facts[kind]["processes"] += count
            facts[kind]["left"] += seconds > LIMIT_S
            facts[kind]["slowest_s"] = round(max(facts[kind]["slowest_s"], seconds), 2)
            sys.stderr.write(f"{kind}: {count} processes, gone after {seconds:.2f} s\n")
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
