"""The locks: every package for every platform, with hashes and without addresses."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.environment import setup
from builder.shell import PYTHON, REQUIREMENTS, BuildError, ask, run
from builder.torch_wheels import TorchWheel, download_bytes, read_wheels, wheels_of
from builder.wheels import UV_PLATFORMS

UNIVERSAL = ("--universal", "--python-version", "3.11")

TORCH_BUILDS = ("torch-cpu", "torch-cuda12", "torch-cuda13")
"""Builds of torch that lie in an index of their own.

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


def resolve(names: Sequence[str], target: Path, *options: str | Path) -> None:
    """Resolve requirements/NAME.in of all names into one file, or stop."""
    files = [REQUIREMENTS / f"{name}.in" for name in names]
    compile_lock(files, target, "--upgrade", *options)


def compile_lock(files: Sequence[Path], target: Path, *options: str | Path) -> None:
    """Resolve files of requirements into one file, or stop."""
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header"]
    if run([*command, *options, *files, "--output-file", target]):
        names = ", ".join(path.stem for path in files)
        raise BuildError(f"uv could not resolve {names}; its words stand above.")


def lock() -> None:
    """Write requirements/*.txt anew: every package for every platform, with hashes and without addresses."""
    setup(development=True)
    with tempfile.TemporaryDirectory() as folder:
        # Two locks that hold the same package must name the same version.
        agreed = Path(folder, "agreed.txt")
        resolve(("runtime", "blender", "development"), agreed, *UNIVERSAL)
        oldest = Path(folder, "oldest.txt")
        oldest.write_text(for_oldest_python(agreed.read_text("utf-8")), "utf-8")
        hashed = (*UNIVERSAL, "--generate-hashes", "--constraint", agreed)
        for name in ("runtime", "development", "torch", "bootstrap"):
            resolve((name,), REQUIREMENTS / f"{name}.txt", *hashed)
        # bpy is for one Python alone, yet uv tries it beside what newer ones take as well.
        resolve(
            ("blender",),
            REQUIREMENTS / "blender.txt",
            *UNIVERSAL,
            "--generate-hashes",
            "--constraint",
            oldest,
        )
        for name in TORCH_BUILDS:
            lock_torch(name, *hashed)
    unpacked = ("--no-deps", "--python-version", "3.10", "--generate-hashes")
    resolve(("models",), REQUIREMENTS / "models.txt", *unpacked)
    measure()


def for_oldest_python(locked: str) -> str:
    """The lines of a lock without those for newer Pythons than 3.11."""
    lines = locked.splitlines(keepends=True)
    return "".join(line for line in lines if not re.search(r"python_full_version >= '3\.1[2-9]'", line))


def lock_torch(name: str, *options: str | Path) -> None:
    """Lock what a build of torch needs, and add torch itself by the checksums of its table."""
    torch, others = parted(REQUIREMENTS / f"{name}.in")
    hashes = [f"    --hash=sha256:{sha}" for sha in sorted(wheel.sha256 for wheel in torch_wheels(torch))]
    with tempfile.TemporaryDirectory(dir=REQUIREMENTS) as folder:
        needs, locked = Path(folder, f"{name}.in"), Path(folder, "locked.txt")
        needs.write_text(others.replace("-r ", f"-r {REQUIREMENTS}/"), "utf-8")
        compile_lock([needs], locked, *options)
        text = locked.read_text("utf-8") + " \\\n".join([torch, *hashes]) + "\n"
    entries = re.split(r"\n(?=\S)", text.strip())
    (REQUIREMENTS / f"{name}.txt").write_text("\n".join(sorted(entries)) + "\n", "utf-8")


def torch_wheels(requirement: str) -> list[TorchWheel]:
    """The wheels that requirements/pytorch-wheels.txt names for `torch==VERSION`."""
    return wheels_of(requirement, read_wheels(REQUIREMENTS / "pytorch-wheels.txt"))


def parted(path: Path) -> tuple[str, str]:
    """The `torch==VERSION` of a file of requirements (empty without one), and the rest of the file."""
    torch = re.search(r"(?m)^torch==[^\s\\]+", text := path.read_text("utf-8"))
    return (torch[0], re.sub(r"(?m)^torch==.*\n(\s+--hash.*\n)*", "", text)) if torch else ("", text)


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

    torch, others = parted(path) if path.stem in TORCH_BUILDS else ("", path.read_text("utf-8"))
    torch_bytes = download_bytes(torch_wheels(torch), platform) if torch else 0
    if torch and not torch_bytes:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        needs, target = Path(folder, "needs.txt"), Path(folder, "pylock.toml")
        needs.write_text(others, "utf-8")
        command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--format", "pylock.toml"]
        options = ("--python-platform", uv_platform, "--python-version", "3.11")
        if ask([*command, *options, needs, "--output-file", target], extra=MACOS_FLOOR) is None:
            return 0
        packages = tomllib.loads(target.read_text("utf-8")).get("packages", [])
    sizes = [_wheel_bytes(package.get("wheels", []), platform) for package in packages]
    return 0 if None in sizes else torch_bytes + sum(size for size in sizes if size)


def _wheel_bytes(wheels: Sequence[Mapping[str, object]], platform: str) -> int | None:
    """Size of the largest wheel that fits; None where none does."""
    found = []
    for wheel in wheels:
        name = str(wheel.get("name") or wheel.get("url") or wheel.get("path") or "").rpartition("/")[2]
        if re.search(_TAGS[platform], name) and re.search(_PYTHONS, name):
            found.append(int(str(wheel.get("size") or 0)))
    return max(found, default=None)
