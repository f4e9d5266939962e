#!/usr/bin/env python3
"""Set up, show, check and package One2345: each is one command on a fresh machine with Python 3.11.

    python3 build.py demo [IMAGE]    one picture to a textured mesh in Blender; writes out/
    python3 build.py test            format, lint, types, tests
    python3 build.py setup           only make .venv and fetch the background-removal network
    python3 build.py zip             the extension for Blender, one zip a platform, in dist/
    python3 build.py offline         all that an installation downloads, as a folder in dist/
    python3 build.py lock            resolve requirements/*.in again (developers)

Standard library only. What is done already is skipped, so an interrupted command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from builder import extension, kit, locks
from builder.environment import setup
from builder.shell import PYTHON, ROOT, BuildError, run, say
from builder.wheels import UV_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

DEMO_IMAGE = ROOT / "tests" / "data" / "demo.png"


class Check(NamedTuple):
    """One tool that `test` runs, and the seconds after which it is taken to hang."""

    name: str
    module: tuple[str, ...]
    timeout_s: int


CHECKS = (
    Check("format", ("ruff", "format", "--check", "."), 60),
    Check("lint", ("ruff", "check", "."), 60),
    Check("types", ("pyright",), 300),
    Check("tests", ("pytest", "-q", "--durations=10", "--durations-min=2"), 1100),
)


def demo(image: Path) -> int:
    """Make the bundled (or another) picture into a mesh inside Blender, by the extension as a user has it."""
    if not image.is_file():
        raise BuildError(f"There is no picture {image}.")
    setup()
    start = time.monotonic()
    archive = extension.package()
    tell(archive, seconds=time.monotonic() - start)
    return run([PYTHON, ROOT / "tests" / "demo.py", archive, image.resolve(), ROOT / "out"], timeout_s=1800)


def tell(archive: Path, *, seconds: float) -> None:
    """Say what was built."""
    size_mib = archive.stat().st_size / 2**20
    say(f"zip: {archive.relative_to(ROOT)} ({size_mib:.1f} MiB) in {seconds:.1f} s")


def zip_all() -> None:
    """Build the extension for every platform."""
    setup()
    for platform in UV_PLATFORMS:
        start = time.monotonic()
        tell(extension.package(platform=platform), seconds=time.monotonic() - start)


def check_all() -> int:
    """Run every check, also after one failed, and list their times; returns 1 if any failed."""
    setup(development=True)
    lines = []
    for check in CHECKS:
        say(f"test: {check.name}")
        start = time.monotonic()
        status = run([PYTHON, "-m", *check.module], timeout_s=check.timeout_s)
        word = {0: "passed", 124: f"stopped after {check.timeout_s} s"}.get(status, "FAILED")
        lines.append(f"test: {check.name:<8}{time.monotonic() - start:6.1f} s  {word}")
    say("\n".join(lines))
    return int(any(not line.endswith("passed") for line in lines))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Set up, show, check and package One2345.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="make .venv and fetch the background-removal network")
    commands.add_parser("test", help="format, lint, types, tests")
    commands.add_parser("zip", help="build the extension for Blender in dist/, one zip a platform")
    commands.add_parser("lock", help="resolve requirements/*.in again (developers)")
    offline = commands.add_parser("offline", help="all that an installation downloads, as a folder in dist/")
    offline.add_argument("--platform", choices=UV_PLATFORMS, default=kit.this_platform())
    offline.add_argument("--torch", choices=kit.torch_locks(), help="without it, for the processor")
    offline.add_argument("--python", choices=("3.11", "3.12", "3.13"), default="3.11")
    show = commands.add_parser("demo", help="one picture to a textured mesh in Blender; writes out/")
    show.add_argument("image", nargs="?", type=Path, default=DEMO_IMAGE)
    return parser.parse_args(arguments)


def run_command(options: argparse.Namespace) -> int:
    """Run one command; returns the exit status."""
    match options.command:
        case "demo":
            return demo(options.image)
        case "test":
            return check_all()
        case "lock":
            locks.lock()
        case "zip":
            zip_all()
        case "offline":
            setup()
            torch = options.torch or kit.plain_build(options.platform)
            folder = kit.make(options.platform, torch, options.python)
            say(f"offline: {folder.relative_to(ROOT)}; choose it with 'Install from a Folder' in Blender")
        case _:
            setup()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every failure becomes one sentence."""
    options = parse(arguments)
    try:
        return run_command(options)
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; run the command again to go on.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
