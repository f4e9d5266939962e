"""`wheels/`: uv for each platform, as plain data that the extension takes its installer's program from.

Named by version and SHA-256 in requirements/bootstrap.txt; not in git.
"""

from pathlib import Path

from builder.shell import HASHED, REQUIREMENTS, ROOT, BuildError, pip, say

WHEELS = ROOT / "wheels"
BOOTSTRAP = REQUIREMENTS / "bootstrap.txt"

PIP_PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
}
"""Blender's name of each platform that we serve, and pip's names of what runs there."""

UV_PLATFORMS = {
    "linux-x64": "x86_64-manylinux_2_28",
    "windows-x64": "x86_64-pc-windows-msvc",
    "macos-arm64": "aarch64-apple-darwin",
}
"""The same in uv's words."""


def pip_platform(platform: str) -> list[str]:
    """Options that make pip look for another platform's packages."""
    if platform not in PIP_PLATFORMS:
        raise BuildError(f"There is no platform {platform}; choose {', '.join(PIP_PLATFORMS)}.")
    return [part for name in PIP_PLATFORMS[platform] for part in ("--platform", name)]


def uv_wheel(platform: str) -> Path:
    """The wheel of uv for a platform, fetched if it is not there."""
    folder = WHEELS / platform
    options = pip_platform(platform)
    if not (found := _wheel_in(folder)):
        say(f"wheels: fetching uv for {platform} (15 to 18 MB)")
        pip("download", *HASHED, "--no-deps", *options, "--dest", folder, "-r", BOOTSTRAP)
        found = _wheel_in(folder)
    if not found:
        raise BuildError(f"pip put no wheel of uv into {folder}; remove that folder and try again.")
    return found


def _wheel_in(folder: Path) -> Path | None:
    version = BOOTSTRAP.read_text("utf-8").partition("==")[2].split()[0]
    return next(iter(sorted(folder.glob(f"uv-{version}-*.whl"))), None)
