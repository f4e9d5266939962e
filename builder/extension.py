"""The extension: its files laid out, built and validated by Blender's own tool."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder.shell import PYTHON, ROOT, VENV, BuildError, ask
from builder.wheels import uv_wheel

DIST = ROOT / "dist"

PACKAGED = ("addon", "backend", "LICENSE", "blender_manifest.toml")
NOT_PACKAGED = ("__pycache__", "*.pyc", "train")
LOCKS = ("runtime.txt", "torch*.txt", "models.txt", "sizes.json")
"""What of requirements/ the installer reads."""
ROOT_INIT = """from .addon import register as register
from .addon import unregister as unregister
"""


def stage(folder: Path, platform: str | None = None) -> Path:
    """Lay out the extension's files in an empty folder as Blender's own tool wants them; returns it.

    Args:
        folder: an empty folder.
        platform: bundles this platform's uv and says in the manifest that it serves no other; without
            one the extension serves all, but only with an environment that is there already.
    """
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*NOT_PACKAGED))
        else:
            shutil.copy2(source, folder / name)
    (folder / "__init__.py").write_text(ROOT_INIT, "utf-8")
    (folder / "requirements").mkdir()
    for pattern in LOCKS:
        for lock in sorted((ROOT / "requirements").glob(pattern)):
            shutil.copy2(lock, folder / "requirements")
    if platform:
        (folder / "wheels").mkdir()
        shutil.copy2(uv_wheel(platform), folder / "wheels")
        manifest = folder / "blender_manifest.toml"
        text = re.sub(r"(?m)^platforms = .*$", f'platforms = ["{platform}"]', manifest.read_text("utf-8"))
        manifest.write_text(text, "utf-8")
    return folder


def blender_tool() -> Path:
    """Return Blender's extension tool, a script in the bpy package that runs without Blender."""
    packages = Path(ask([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]) or VENV)
    tools = sorted(packages.glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise BuildError("The bpy package holds no extension tool; remove .venv and run the command again.")
    return tools[-1]


def blender_extension(*job: str | Path) -> None:
    """Run Blender's extension tool, in silence unless it refuses."""
    done = subprocess.run(
        [str(part) for part in (PYTHON, blender_tool(), *job)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stdout + done.stderr).strip().replace("\n", "; ")
        raise BuildError(f"Blender's extension tool refuses to {job[0]}: {reason}")


def package(dist: Path = DIST, platform: str | None = None) -> Path:
    """Build and validate the extension with Blender's tool; returns the zip, which replaces an older one."""
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist) as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        source.mkdir()
        built.mkdir()
        blender_extension("validate", stage(source, platform))
        blender_extension("build", "--source-dir", source, "--output-dir", built)
        archive = next(built.glob("*.zip"))
        blender_extension("validate", archive)
        ending = f"-{platform.replace('-', '_')}" if platform else ""
        return archive.replace(dist / f"{archive.stem}{ending}.zip")
