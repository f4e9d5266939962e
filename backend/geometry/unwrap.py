"""Texture coordinates for a mesh: charts by xatlas, or quicker ones when those take too long."""

import logging
import math
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int, Int32

from backend.geometry.box_unwrap import box_unwrap
from backend.geometry.meshes import Mesh
from backend.geometry.packing import can_pack, pack
from backend.geometry.raycast import shared_stream
from backend.geometry.unwrap_process import UnwrapProcess, UnwrapProcesses

log = logging.getLogger(__name__)

MAX_FACES = 60_000
"""Faces above which xatlas is not asked."""

TIME_LIMIT = 60.0
"""Seconds that xatlas gets; 50,000 faces take it less than 2 on one core."""


@dataclass(frozen=True, slots=True, eq=False)
class Unwrapped:
    """A mesh cut open along its seams.

    Attributes:
        vertex: The mesh's vertex that each new vertex is a copy of.
        faces: Indices of new vertices, in the order of the mesh's faces.
        uv: Texture coordinates of new vertices, (0, 0) at the top left corner, inside [0, 1].
        is_charted: Whether faces lie together; otherwise each lies apart.
    """

    vertex: Int[np.ndarray, " n"]
    faces: Int32[np.ndarray, "f 3"]
    uv: Float32[np.ndarray, "n 2"]
    is_charted: bool


class Unwrapping:
    """An unwrap that goes on in a process of its own while its owner does other things.

    Use it as a context: leaving it ends the unwrap. It cuts a mesh open and lays it flat without overlaps,
    with room for filtering between the charts.
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        texture_px: int,
        time_limit: float = TIME_LIMIT,
        device: torch.device | str = "cpu",
        processes: UnwrapProcesses | None = None,
    ) -> None:
        """Take a mesh; `device` is where charts are packed if warp cannot do so on the CPU."""
        self._mesh, self._texture_px, self._limit = mesh, texture_px, time_limit
        self._device = str(device)
        self._end = time.monotonic() + time_limit
        self._folder = tempfile.TemporaryDirectory(prefix="one2345-")
        self._processes = processes or UnwrapProcesses()
        self._is_lent = processes is not None
        self._process: UnwrapProcess | None = None
        self._is_left = False

    def __enter__(self) -> "Unwrapping":
        if 0 < len(self._mesh.faces) <= MAX_FACES:
            np.savez(
                self._source,
                vertices=_of_usual_size(self._mesh.vertices),
                faces=self._mesh.faces,
                texture_px=np.array(self._texture_px),
            )
            try:
                self._process = self._processes.take()
                self._process.ask(self._source, self._target)
            except OSError as error:
                log.warning("unwrapping cannot be started: %s", error)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_left = True
        if self._process is not None:
            self._processes.give_back(self._process)
        if not self._is_lent:
            self._processes.close()
        self._folder.cleanup()

    @property
    def _source(self) -> Path:
        return Path(self._folder.name, "in.npz")

    @property
    def _target(self) -> Path:
        return Path(self._folder.name, "out.npz")

    def result(self) -> Unwrapped:
        """Wait for the charts; when there are none in time, or too many faces, quicker ones are made.

        Raises:
            CancelledError: the context was left meanwhile, in another thread.
        """
        charts = self._packed() if self._process is not None else None
        if self._is_left:
            raise CancelledError
        if charts is not None:
            return charts
        return quick_unwrap(self._mesh, texture_px=self._texture_px)

    def _packed(self) -> Unwrapped | None:
        if not self._is_answered():
            return None
        with np.load(self._target) as made:
            vertex, faces, uv, packed = made["vertex"], made["faces"], made["uv"], made["packed"]
        if faces.shape != self._mesh.faces.shape or not np.array_equal(vertex[faces], self._mesh.faces):
            log.warning("unwrapping lost faces")
            return None
        if len(packed) == 0 and not can_pack():
            # Other threads may cast rays meanwhile.
            with shared_stream(torch.device(self._device)):
                packed = pack(uv, faces, texture_px=self._texture_px, device=self._device)
        if packed is None or len(packed) == 0:
            log.warning("the charts found no place in the texture")
            return None
        return Unwrapped(vertex, faces.astype(np.int32), packed, is_charted=True)

    def _is_answered(self) -> bool:
        if self._process is None:
            return False
        try:
            if self._process.answered(seconds=max(self._end - time.monotonic(), 0.0)):
                return True
            log.warning("unwrapping failed")
        except TimeoutError:
            log.warning("unwrapping took more than %g s", self._limit)
        return False


def unwrap(mesh: Mesh, *, texture_px: int, time_limit: float = TIME_LIMIT) -> Unwrapped:
    """Unwrap a mesh and wait for it."""
    with Unwrapping(mesh, texture_px=texture_px, time_limit=time_limit) as unwrapping:
        return unwrapping.result()


def quick_unwrap(mesh: Mesh, *, texture_px: int) -> Unwrapped:
    """Unwrap a mesh of any size in seconds: more charts than xatlas makes, and a sheet half as full."""
    flat = box_unwrap(mesh, texture_px=texture_px) if len(mesh.faces) else None
    if flat is not None:
        return Unwrapped(flat.vertex, flat.faces, flat.uv, is_charted=True)
    log.warning("every face gets its own place in the texture")
    return grid_of_triangles(mesh, texture_px=texture_px)


def _of_usual_size(vertices: Float32[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
    """The vertices, brought to the unit cube where they are so small, large or far away that xatlas fails."""
    low, high = vertices.min(axis=0).astype(np.float64), vertices.max(axis=0).astype(np.float64)
    size = float((high - low).max())
    if 0.1 < size < 10 and np.abs(vertices).max() < 10 * size:
        return vertices
    return ((vertices - low) / max(size, 1e-30)).astype(np.float32)


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
