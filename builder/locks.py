"""The locks: every package for every platform, with hashes and without addresses."""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from builder.environment import setup
from builder.shell import PYTHON, REQUIREMENTS, BuildError, ask, run, say
from builder.wheels import UV_PLATFORMS

UNIVERSAL = ("--universal", "--python-version", "3.11")

TORCH_INDEXES = {"torch-cpu": "cpu", "torch-cuda12": "cu126", "torch-cuda13": "cu130"}
"""Builds of torch that lie in an index of their own, which uv knows by these words.

`torch` is the build of the usual index: CUDA 13 on Linux, for the processor on Windows and for Macs.
"""

MACOS_FLOOR = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
"""Which macOS uv resolves for; onnxruntime is built for no older one."""

SIZES = REQUIREMENTS / "sizes.json"
_TAGS = {
    "linux-x64": r"manylinux\S*x86_64|linux_x86_64|-any\.whl",
    "windows-x64": r"win_amd64|-any\.whl",
    "macos-arm64": r"macosx\S*(arm64|universal2)|-any\.whl",
}
_PYTHONS = r"-(cp311-cp311|cp3\d+-abi3|py3-none|py2\.py3-none|cp311-none)[-.]"


def compile_lock(names: Sequence[str], target: Path, *options: str | Path) -> bool:
    """Resolve requirements/NAME.in of all names into one file; returns whether uv could."""
    files = [REQUIREMENTS / f"{name}.in" for name in names]
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--upgrade"]
    return run([*command, *options, *files, "--output-file", target]) == 0


def resolve(names: Sequence[str], target: Path, *options: str | Path) -> None:
    """Resolve requirements/NAME.in of all names into one file, or stop."""
    if not compile_lock(names, target, *options):
        raise BuildError(f"uv could not resolve {', '.join(names)}; its words stand above.")


def local_links() -> list[str]:
    """Options that name the folders of wheels which this machine's pip is told of."""
    links = os.environ.get("PIP_FIND_LINKS") or ask(
        [PYTHON, "-m", "pip", "config", "get", "global.find-links"]
    )
    return [part for link in (links or "").split() for part in ("--find-links", link)]


def lock() -> None:
    """Write requirements/*.txt anew: every package for every platform, with hashes and without addresses."""
    setup(development=True)
    with tempfile.TemporaryDirectory() as folder:
        # Two locks that hold the same package must name the same version.
        agreed = Path(folder, "agreed.txt")
        resolve(("runtime", "blender", "development"), agreed, *UNIVERSAL)
        hashed = (*UNIVERSAL, "--generate-hashes", "--constraint", agreed)
        for name in ("runtime", "blender", "development", "torch", "bootstrap"):
            resolve((name,), REQUIREMENTS / f"{name}.txt", *hashed)
        for name, backend in TORCH_INDEXES.items():
            lock_torch(name, backend, *hashed)
    unpacked = ("--no-deps", "--python-version", "3.10", "--generate-hashes")
    resolve(("models",), REQUIREMENTS / "models.txt", *unpacked)
    measure()


def lock_torch(name: str, backend: str, *options: str | Path) -> None:
    """Lock a build of torch that lies in an index of its own; where that cannot be reached, say so."""
    target = REQUIREMENTS / f"{name}.txt"
    if compile_lock((name,), target, *options, "--torch-backend", backend):
        return
    if backend == "cpu" and compile_lock((name,), target, *options, *local_links()):
        say(f"lock: the index of {backend} cannot be reached; {name} knows only this machine's own wheel")
        return
    kept = "the older lock stays" if target.exists() else "there is no lock for it"
    say(f"lock: the index of {backend} cannot be reached; {kept}: {name}")


def measure() -> None:
    """Write requirements/sizes.json: bytes to download for each lock and platform."""
    sizes: dict[str, dict[str, int]] = {}
    for path in sorted([*REQUIREMENTS.glob("torch*.txt"), REQUIREMENTS / "runtime.txt"]):
        for platform, word in UV_PLATFORMS.items():
            if size := _download_bytes(path, platform, word):
                sizes.setdefault(path.name, {})[platform] = size
    SIZES.write_text(json.dumps(sizes, indent=2) + "\n", "utf-8")


def _download_bytes(path: Path, platform: str, uv_platform: str) -> int:
    """Bytes of the wheels that a platform takes from a lock; 0 where the platform cannot use it."""
    import tomllib  # Not above: an older Python must get as far as looking for a newer one.

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "pylock.toml")
        command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--format", "pylock.toml"]
        links = local_links() if path.name == "torch-cpu.txt" else []
        options = ("--python-platform", uv_platform, "--python-version", "3.11", *links)
        if ask([*command, *options, path, "--output-file", target], extra=MACOS_FLOOR) is None:
            return 0
        packages = tomllib.loads(target.read_text("utf-8")).get("packages", [])
    sizes = [_wheel_bytes(package.get("wheels", []), platform) for package in packages]
    return 0 if None in sizes else sum(size for size in sizes if size)


def _wheel_bytes(wheels: Sequence[Mapping[str, object]], platform: str) -> int | None:
    """Size of the largest wheel that fits; None where none does."""
    found = []
    for wheel in wheels:
        name = str(wheel.get("name") or wheel.get("url") or wheel.get("path") or "").rpartition("/")[2]
        if re.search(_TAGS[platform], name) and re.search(_PYTHONS, name):
            place = Path(unquote(urlparse(str(wheel.get("url", ""))).path))
            found.append(int(str(wheel.get("size") or (place.stat().st_size if place.is_file() else 0))))
    return max(found, default=None)
