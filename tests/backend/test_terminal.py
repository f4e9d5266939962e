"""Stdin and stdout of a process that speaks by messages."""

import subprocess
import sys

from tests.windows import ROOT

SCRIPT = """
import os, subprocess, sys
from backend.terminal import take_stdin
source = take_stdin()
ask = [sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"]
child = subprocess.run(ask, capture_output=True)
print(len(sys.stdin.read()), int(child.stdout), os.read(source, 99).decode(), os.read(source, 99))
"""


def test_commands_reach_only_the_one_who_took_stdin():
    """Neither this process's libraries nor its children wait at the pipe; see `take_stdin`."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input="stop", cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "0", "stop", "b''"]
