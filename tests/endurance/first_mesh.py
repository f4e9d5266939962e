"""From the extension zip to the first mesh on a fresh profile, by the operators that the buttons call.

    python -m tests.endurance.first_mesh EXTENSION.zip PICTURE FOLDER [--kit FOLDER] [--torch BUILD]

Prints one line of JSON: seconds of each part, bytes downloaded, clicks. Needs bpy, and the network or a kit.
"""

# pyright: reportAttributeAccessIssue=false
# Operators and preferences of an extension are not known before Blender runs.

import argparse
import json
import os
import sys
import time
from pathlib import Path

MODULE = "bl_ext.user_default.one2345"


def size_of(folder: Path) -> int:
    """Bytes below a folder, hard links once."""
    seen = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            state = path.stat()
            seen[state.st_ino] = state.st_size
    return sum(seen.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("archive")
    parser.add_argument("picture")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kit")
    parser.add_argument("--torch", default="", help="build of torch instead of the one that fits")
    options = parser.parse_args()
    os.environ["BLENDER_USER_RESOURCES"] = str(options.folder / "blender")
    os.environ["ONE2345_DATA"] = str(options.folder / "data")
    import bpy

    facts: dict[str, object] = {"blender": bpy.app.version_string, "clicks": 0}
    start = time.monotonic()

    def mark(name: str, *, clicks: int) -> None:
        nonlocal start
        now = time.monotonic()
        facts[name], start = round(now - start, 1), now
        facts["clicks"] = int(str(facts["clicks"])) + clicks
        sys.stderr.write(f"{name}: {facts[name]} s\n")

    bpy.ops.extensions.package_install_files(
        filepath=options.archive, repo="user_default", enable_on_install=True, overwrite=True
    )
    facts["enabled"] = MODULE in bpy.context.preferences.addons
    mark("extension_s", clicks=2)
    if options.kit:
        bpy.ops.one2345.install_from_folder(directory=options.kit, torch=options.torch)
        mark("install_s", clicks=2)
    else:
        bpy.context.preferences.system.use_online_access = True
        bpy.ops.one2345.install(torch=options.torch)
        mark("install_s", clicks=2)
    state = sys.modules[f"{MODULE}.addon.installer.state"]
    facts["installation"] = f"{state.INSTALLATION.phase.value}: {state.INSTALLATION.message}"
    facts["on_disk_mb"] = round(size_of(options.folder / "data") / 1e6)
    bpy.ops.one2345.generate(filepath=options.picture, preset="DRAFT", seed=7, wait=True)
    mark("generate_s", clicks=2)
    facts["mesh"] = f"{bpy.context.object.name}: {len(bpy.context.object.data.polygons)} triangles"
    bpy.ops.preferences.addon_disable(module=MODULE)
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    sys.stdout.flush()
    os._exit(0)  # bpy's own clean-up can hang


if __name__ == "__main__":
    main()
