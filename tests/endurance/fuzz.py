"""Thousands of broken files for every reader, in processes of their own, so that a crash is counted too.

    python -m tests.endurance.fuzz [--count 2000] [--seed 1] [--only NAME]

Prints one line of JSON: tries, own errors, and for each reader the faults (another error), crashes (killed by
a signal, of which 14 is a file that took more than 20 s) and the most memory.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

from tests.mutation import mutants
from tests.readers import READERS, Reader, write_whole_file

SLOW_S = 20
MEMORY_MIB = 2048


def fuzz(reader: Reader, folder: Path, *, count: int, seed: int) -> dict[str, object]:
    """Feed a reader so many broken files; returns what happened."""
    path, data = write_whole_file(reader, folder)
    log, start, crashes = folder / "log", 0, []
    log.touch()
    while start < count:
        pid = os.fork()
        if pid == 0:
            _child(reader, path, data, log, count=count, seed=seed, start=start)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            break
        start = int(log.read_text().splitlines()[-1].split()[0]) + 1
        crashes.append({"mutant": start - 1, "signal": os.WTERMSIG(status)})
    lines = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
    kinds = Counter(line[1] for line in lines if len(line) > 1)
    faults = Counter(line[2] for line in lines if line[1:2] == ["fault"])
    peaks = [int(line[2]) for line in lines if line[1:2] == ["peak"]]
    return {
        "tried": count,
        "refused": kinds["refused"],
        "read": kinds["read"],
        "faults": dict(faults.most_common(10)),
        "crashes": crashes[:5],
        "peak_mib": max(peaks, default=0),
    }


def _child(reader: Reader, path: Path, data: bytes, log: Path, *, count: int, seed: int, start: int) -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    # A crash prints a great deal, and libraries warn.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, mutant in enumerate(mutants(data, seed=seed, count=count)):
        if number < start:
            continue
        os.write(handle, f"{number} begun\n".encode())
        path.write_bytes(mutant)
        signal.alarm(SLOW_S)
        word = _read(reader, path)
        signal.alarm(0)
        os.write(handle, f"{number} {word}\n".encode())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024
    os.write(handle, f"{count} peak {grown}\n".encode())
    os._exit(0)


def _read(reader: Reader, path: Path) -> str:
    try:
        reader.read(path)
    except reader.errors as error:
        return "refused" if "\n" not in str(error) else "fault message of several lines"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what we are looking for
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:60]
        return f"fault {type(error).__name__} at {Path(place.filename).name}:{place.lineno} {text}"
    return "read"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    options = parser.parse_args()
    facts: dict[str, object] = {}
    for reader in READERS:
        if options.only in (None, reader.name):
            with tempfile.TemporaryDirectory() as folder:
                facts[reader.name] = fuzz(reader, Path(folder), count=options.count, seed=options.seed)
            sys.stderr.write(f"{reader.name}: {facts[reader.name]}\n")
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    os._exit(0)  # bpy's own clean-up can hang


if __name__ == "__main__":
    main()
