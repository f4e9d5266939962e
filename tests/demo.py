"""The job behind `build.py demo`, run by the environment's own Python with Blender as a module.

    python tests/demo.py EXTENSION.zip PICTURE FOLDER

Installs the extension into an empty Blender profile, generates from the picture by the operator that an
artist's button calls, and leaves demo.blend, demo.glb and demo.png in the folder.
"""

# pyright: reportAttributeAccessIssue=false
# Operators and preferences of an extension are not known before Blender runs.

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

SEED = 7
PRESET = "STANDARD"
MODULE = "bl_ext.user_default.one2345"
MATTE_MODEL = Path(__file__).resolve().parent.parent / "models" / "u2net.onnx"


def main(archive: Path, picture: Path, out: Path) -> int:
    """Run the whole demo; returns the exit status."""
    data_root = out / "data"
    data_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        # Blender reads this when it is imported; the user's own settings are neither used nor touched.
        os.environ["BLENDER_USER_RESOURCES"] = profile
        import bpy

        bpy.ops.wm.read_homefile(use_empty=True)
        start = time.monotonic()
        install(archive, data_root)
        say("blender: extension installed", since=start)
        start = time.monotonic()
        obj = generate(picture)
        say("blender: picture to object", since=start)
        job = max((data_root / "jobs").iterdir(), key=lambda folder: folder.stat().st_mtime)
        tell(json.loads((job / "report.json").read_text("utf-8")))
        bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), compress=True)
        shutil.copy2(job / "textured.glb", out / "demo.glb")
        start = time.monotonic()
        show(obj, picture=picture, job=job, target=out / "demo.png")
        say("blender: demo.png rendered", since=start)
        # Ends the backend process.
        bpy.ops.preferences.addon_disable(module=MODULE)
    for name in ("demo.blend", "demo.glb", "demo.png"):
        say(f"written: {out / name} ({(out / name).stat().st_size / 2**20:.1f} MiB)")
    return 0


def install(archive: Path, data_root: Path) -> None:
    """Install and enable the extension, and point it at this Python and at the fetched network."""
    import bpy

    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = bpy.context.preferences.addons.get(MODULE)
    if addon is None:
        sys.exit("error: the extension was installed but could not be enabled; the reason stands above.")
    addon.preferences.python = sys.executable
    addon.preferences.data_root = str(data_root)
    model = data_root / "models" / MATTE_MODEL.name
    if not model.exists():
        model.parent.mkdir(exist_ok=True)
        try:
            model.hardlink_to(MATTE_MODEL)
        except OSError:
            shutil.copy2(MATTE_MODEL, model)


def generate(picture: Path):
    """Call the operator, which blocks without a window; returns the new object."""
    import bpy

    before = set(bpy.data.objects)
    try:
        bpy.ops.one2345.generate(filepath=str(picture), seed=SEED, preset=PRESET)
    except RuntimeError:  # an operator's report, which Blender has printed
        sys.exit("error: nothing was generated; the reason stands above.")
    made = set(bpy.data.objects) - before
    if len(made) != 1:
        sys.exit(f"error: the operator made {len(made)} objects instead of one.")
    return made.pop()


def show(obj, *, picture: Path, job: Path, target: Path) -> None:
    """Render input, cut-out, views and mesh into one picture."""
    from demo_picture import render_result

    with quiet():
        render_result(obj, picture=picture, matte=job / "matte.png", views=job / "views.png", target=target)


@contextlib.contextmanager
def quiet():
    """Keep off the terminal what Blender's own C++ prints: a line for each step of rendering."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def tell(report: dict) -> None:
    """Print the seconds of each stage and what came out."""
    for name, stage in report["stages"].items():
        memory = stage.get("peak_process_mib")
        peak = f"  peak {memory:5.0f} MiB" if memory else ""
        say(f"  {name:<10}{stage.get('seconds', 0.0):7.1f} s{peak}")
    mesh = report["mesh"]
    closed = "watertight" if mesh["watertight"] else "not watertight"
    say(f"  mesh: {mesh['faces']} faces, {mesh['vertices']} vertices, {mesh['shells']} shells, {closed}")


def say(text: str, *, since: float | None = None) -> None:
    """Print at once, with the seconds since a start."""
    print(text if since is None else f"{text:<40}{time.monotonic() - since:7.1f} s", flush=True)


if __name__ == "__main__":
    try:
        status = main(*(Path(argument).resolve() for argument in sys.argv[1:4]))
    except SystemExit as error:
        print(error.code, file=sys.stderr)
        status = 1
    # Blender as a module may hang or crash at the interpreter's own end, so there is none.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
