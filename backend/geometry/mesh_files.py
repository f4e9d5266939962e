"""Meshes from files of any kind that artists have: glTF by our own reader, OBJ, PLY and STL by trimesh."""

import logging
import struct
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.color import uv_to_interpolated_color

from backend.errors import InputError
from backend.geometry.glb_reader import read_source_glb, z_up_from_gltf
from backend.geometry.meshes import make_mesh, with_colours
from backend.geometry.render import BARE
from backend.geometry.source_mesh import SourceMesh, check_exact

GLTF_SUFFIXES = (".glb", ".gltf")
Y_UP_SUFFIXES = (".obj",)
"""Formats that stand like glTF's, +Y up and front to +Z, in what Blender and others write."""

Z_UP_SUFFIXES = (".ply", ".stl")
"""Formats that stand like Blender's scene."""

MESH_SUFFIXES = (*GLTF_SUFFIXES, *Y_UP_SUFFIXES, *Z_UP_SUFFIXES)


def read_mesh_file(path: Path) -> SourceMesh:
    """Read a mesh in our frame.

    Raises:
        InputError: the file is missing, damaged, empty, compressed or of another kind.
    """
    suffix = path.suffix.lower()
    if suffix in GLTF_SUFFIXES:
        return read_source_glb(path)
    if suffix not in MESH_SUFFIXES:
        raise InputError(f"{path.name} is no mesh that can be read; use one of {', '.join(MESH_SUFFIXES)}")
    loaded = _loaded(path)
    vertices = np.asarray(loaded.vertices, np.float64)
    if len(loaded.faces) == 0 or not np.isfinite(vertices).all():
        what = "positions that are not finite" if len(loaded.faces) else "no triangles"
        raise InputError(f"The mesh {path.name} has {what}; choose another file or export it again")
    if suffix in Y_UP_SUFFIXES:
        vertices = z_up_from_gltf(vertices)
    check_exact(vertices, path.name)
    mesh = with_colours(make_mesh(vertices, np.asarray(loaded.faces)), _colours(loaded))
    material = np.zeros(len(mesh.faces), np.int64)
    return SourceMesh(mesh, _coordinates(loaded), material, np.eye(4))


def _loaded(path: Path) -> trimesh.Trimesh:
    # trimesh warns of much that does not concern an artist, such as a missing file of materials.
    logging.getLogger("trimesh").setLevel(logging.ERROR)
    try:
        return trimesh.load_mesh(path, process=False, maintain_order=True)
    except FileNotFoundError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}); check the path") from error
    # What trimesh and numpy answer damaged files with.
    except (
        OSError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        NotImplementedError,
        struct.error,
    ) as error:
        raise InputError(f"The mesh {path.name} is damaged ({error}); export it again") from error


def _colours(loaded: trimesh.Trimesh) -> Float[np.ndarray, "v 3"]:
    """sRGB colours of the vertices; grey where the file has none."""
    visual, count = loaded.visual, len(loaded.vertices)
    found: np.ndarray | None = None
    if isinstance(visual, TextureVisuals):
        picture = getattr(visual.material, "image", None)
        if picture is not None and _coordinates(loaded) is not None:
            found = uv_to_interpolated_color(visual.uv, picture)
        elif visual.material is not None:
            found = np.tile(visual.material.main_color, (count, 1))
    elif isinstance(visual, ColorVisuals) and visual.kind is not None:
        found = visual.vertex_colors
    if found is None or len(found) != count:
        return np.full((count, 3), BARE)
    return np.asarray(found, np.float64)[:, :3] / 255


def _coordinates(loaded: trimesh.Trimesh) -> Float[np.ndarray, "v 2"] | None:
    uv = getattr(loaded.visual, "uv", None)
    if uv is None or len(uv) != len(loaded.vertices) or not np.isfinite(uv).all():
        return None
    return np.column_stack([uv[:, 0], 1 - uv[:, 1]]).astype(np.float64)
