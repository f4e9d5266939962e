"""Texture coordinates for a mesh: charts by xatlas, or a plain grid of triangles when that fails."""

import logging
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int, Int32

from backend.geometry.meshes import Mesh

log = logging.getLogger(__name__)

TIME_LIMIT = 60.0
"""Seconds that xatlas gets; 24,000 faces take it about 3."""


@dataclass(frozen=True, slots=True, eq=False)
class Unwrapped:
    """A mesh cut open along its seams.

    Attributes:
        vertex: The mesh's vertex that each new vertex is a copy of.
        faces: Indices of new vertices, in the order of the mesh's faces.
        uv: Texture coordinates of new vertices, (0, 0) at the top left corner, inside [0, 1].
        is_charted: Whether xatlas made it; otherwise each face lies apart.
    """

    vertex: Int[np.ndarray, " n"]
    faces: Int32[np.ndarray, "f 3"]
    uv: Float32[np.ndarray, "n 2"]
    is_charted: bool


def unwrap(mesh: Mesh, *, texture_px: int, time_limit: float = TIME_LIMIT) -> Unwrapped:
    """Cut a mesh open and lay it flat without overlaps, with room for filtering between the charts."""
    charts = _by_xatlas(mesh, texture_px, time_limit) if len(mesh.faces) else None
    return charts or grid_of_triangles(mesh, texture_px=texture_px)


def grid_of_triangles(mesh: Mesh, *, texture_px: int) -> Unwrapped:
    """Two faces to each square of a grid: always possible and never overlapping, but all seams."""
    count = len(mesh.faces)
    cells = max(1, math.ceil(math.sqrt(count / 2)))
    # A pixel and a half is left around each triangle where the texture has room for it.
    margin = min(1.5 * cells / texture_px, 0.2)
    first = np.array([[margin, margin], [1 - 2 * margin, margin], [margin, 1 - 2 * margin]])
    corners = np.where((np.arange(count) % 2 == 0)[:, None, None], first, 1 - first)
    cell = np.arange(count) // 2
    origin = np.stack([cell % cells, cell // cells], axis=1)[:, None]
    uv = ((corners + origin) / cells).reshape(-1, 2).astype(np.float32)
    faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    return Unwrapped(mesh.faces.reshape(-1).astype(np.int64), faces, uv, is_charted=False)


def _by_xatlas(mesh: Mesh, texture_px: int, time_limit: float) -> Unwrapped | None:
    script = Path(__file__).with_name("xatlas_process.py")
    with tempfile.TemporaryDirectory(prefix="one2345-") as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, vertices=mesh.vertices, faces=mesh.faces, texture_px=np.array(texture_px))
        command = [sys.executable, "-P", str(script), str(source), str(target)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=time_limit)
        except subprocess.TimeoutExpired:
            log.warning("unwrapping took more than %g s; every face gets its own place", time_limit)
            return None
        except (subprocess.CalledProcessError, OSError) as error:
            log.warning("unwrapping failed (%s); every face gets its own place", error)
            return None
        with np.load(target) as made:
            charts = Unwrapped(made["vertex"], made["faces"], made["uv"].clip(0, 1), is_charted=True)
    if charts.faces.shape != mesh.faces.shape or not np.array_equal(charts.vertex[charts.faces], mesh.faces):
        log.warning("unwrapping lost faces; every face gets its own place")
        return None
    return charts
