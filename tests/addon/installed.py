"""Installs the extension in an empty Blender, uses it, upgrades it, removes it; prints facts as JSON.

    python installed.py ZIP PYTHON PICTURE FOLDER

A process of its own, because Blender reads where its settings are only once.
"""

import json
import os
import sys
from pathlib import Path

ID = "one2345"
MODULE = f"bl_ext.user_default.{ID}"


def install(archive):
    import bpy

    bpy.ops.extensions.package_install_files(
        filepath=archive, repo="user_default", enable_on_install=True, overwrite=True
    )
    return bpy.context.preferences.addons.get(MODULE)


def remove():
    import bpy

    repositories = [repository.module for repository in bpy.context.preferences.extensions.repos]
    bpy.ops.extensions.package_uninstall(repo_index=repositories.index("user_default"), pkg_id=ID)
    left = [name for name in dir(bpy.types) if "one2345" in name.lower()]
    return left + [name for name in sys.modules if name.startswith(MODULE)]


def main(archive, python, picture, folder):
    os.environ["BLENDER_USER_RESOURCES"] = str(Path(folder, "blender"))
    import bpy

    addon = install(archive)
    facts: dict[str, object] = {"enabled": addon is not None}
    addon.preferences.python, addon.preferences.data_root = python, str(Path(folder, "data"))
    extension = Path(str(sys.modules[MODULE].__file__)).parent
    files = {path for path in extension.rglob("*") if "__pycache__" not in path.parts}
    bpy.ops.one2345.generate(filepath=picture, seed=3)
    facts["made"] = bpy.context.object.name
    facts["is_packed"] = bpy.data.images["toy car"].packed_file is not None
    install(archive)
    bpy.ops.one2345.generate(filepath=picture)
    facts["made_after_upgrade"] = bpy.context.object.name
    after = {path for path in extension.rglob("*") if "__pycache__" not in path.parts}
    facts["written"] = sorted(map(str, files ^ after))
    facts["left"] = remove()
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    sys.stdout.flush()
    os._exit(0)  # bpy's own clean-up can hang


if __name__ == "__main__":
    main(*sys.argv[1:])
