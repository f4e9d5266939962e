"""Rays and nearest points on triangle meshes, by a bounding volume hierarchy on the CPU or a GPU.

The hierarchy is warp's; its kernels are compiled once a machine and kept in warp's cache.
Legend: `n` rays or points, `v` vertices, `f` faces.
"""

# Warp reads kernel arguments from annotations that are values, not types.
# pyright: reportInvalidTypeForm=false

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.warp_start import start_warp

MISS = -1
"""Face of a ray that hits nothing."""

FAR = 1e6
"""Longest ray and search distance, in metres."""

_ONE_AT_A_TIME = threading.Lock()
"""Warp has one current stream for all threads."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Where rays meet a mesh, or the nearest points on it.

    Attributes:
        face: Index of the face, `MISS` where there is none.
        barycentric: Weights of the face's three vertices; zero on a miss.
        distance: Metres along a ray of unit direction, or to the nearest point; infinite on a miss.
    """

    face: Int[Tensor, " n"]
    barycentric: Float[Tensor, "n 3"]
    distance: Float[Tensor, " n"]

    @property
    def is_hit(self) -> Bool[Tensor, " n"]:
        """Whether there is a face at all."""
        return self.face != MISS


@wp.kernel
@no_type_check
def _cast(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: wp.array(dtype=float),
    face: wp.array(dtype=int),
    barycentric: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=float),
) -> None:
    i = wp.tid()
    hit = wp.mesh_query_ray(mesh, origins[i], directions[i], reach[i])
    if hit.result:
        face[i] = hit.face
        barycentric[i] = wp.vec3(hit.u, hit.v, 1.0 - hit.u - hit.v)
        distance[i] = hit.t


@wp.kernel
@no_type_check
def _closest(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    reach: float,
    face: wp.array(dtype=int),
    barycentric: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=float),
) -> None:
    i = wp.tid()
    hit = wp.mesh_query_point_no_sign(mesh, points[i], reach)
    if hit.result:
        face[i] = hit.face
        barycentric[i] = wp.vec3(hit.u, hit.v, 1.0 - hit.u - hit.v)
        distance[i] = wp.length(wp.mesh_eval_position(mesh, hit.face, hit.u, hit.v) - points[i])


def ray_device(device: torch.device | str) -> torch.device:
    """Where rays for `device` are cast: warp knows CUDA and the CPU, which also stands in for all others."""
    wanted = torch.device(device)
    return wanted if wanted.type == "cuda" else torch.device("cpu")


@contextmanager
def shared_stream(device: torch.device) -> Iterator[None]:
    """Run warp in torch's stream: each sees the other's results without waiting for the device.

    Other threads wait meanwhile; on a graphics card that is for the launch alone.
    """
    if device.type != "cuda":
        yield
        return
    with _ONE_AT_A_TIME, wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device))):
        yield


class Bvh:
    """A mesh prepared for queries on one device; numpy arrays or tensors in, tensors there out."""

    def __init__(
        self,
        vertices: np.ndarray | Tensor,
        faces: np.ndarray | Tensor,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        start_warp()
        self.device = ray_device(device)
        self.vertices = self._floats(vertices)
        self.faces = torch.as_tensor(faces, device=self.device).to(torch.int32).contiguous()
        with shared_stream(self.device):
            self._mesh = wp.Mesh(
                points=wp.from_torch(self.vertices, dtype=wp.vec3),
                indices=wp.from_torch(self.faces.reshape(-1), dtype=wp.int32),
            )

    def cast(
        self,
        origins: np.ndarray | Tensor,
        directions: np.ndarray | Tensor,
        *,
        reach: Float[Tensor, " n"] | None = None,
    ) -> Hits:
        """First hit of each ray (n x 3 each, unit directions), no farther than `reach` where given."""
        rays = self._floats(origins), self._floats(directions)
        limit = self._floats(torch.full((len(rays[0]),), FAR) if reach is None else reach)
        hits = self._empty(len(rays[0]))
        if len(rays[0]) == 0:  # warp takes no empty arrays
            return hits
        self._launch(
            _cast, [wp.from_torch(ray, dtype=wp.vec3) for ray in rays] + [wp.from_torch(limit)], hits
        )
        return hits

    def closest(self, points: np.ndarray | Tensor) -> Hits:
        """Nearest point of the surface to each of `points` (n x 3)."""
        positions = self._floats(points)
        hits = self._empty(len(positions))
        if len(positions) == 0:
            return hits
        self._launch(_closest, [wp.from_torch(positions, dtype=wp.vec3), FAR], hits)
        return hits

    def is_visible(
        self, points: np.ndarray | Tensor, eyes: np.ndarray | Tensor, *, slack: float = 1e-3
    ) -> Bool[Tensor, " n"]:
        """Whether nothing stands between each point (n x 3) and its eye (n x 3).

        The last `slack` metres before the point do not count, so that its own face does not hide it.
        """
        target, eye = self._floats(points), self._floats(eyes)
        distance = (target - eye).norm(dim=1)
        directions = (target - eye) / distance.clamp_min(1e-12)[:, None]
        return ~self.cast(eye, directions, reach=distance - slack).is_hit

    def positions(self, hits: Hits) -> Float[Tensor, "n 3"]:
        """World positions of hits; the origin for misses."""
        return self.interpolate(self.vertices, hits)

    def interpolate(self, values: Float[Tensor, "v c"], hits: Hits) -> Float[Tensor, "n c"]:
        """Values given at the vertices, at hits; zero for misses."""
        corners = self.faces[hits.face.clamp_min(0)].long()
        return torch.einsum("nk,nkc->nc", hits.barycentric, values[corners])

    def _floats(self, values: np.ndarray | Tensor) -> Tensor:
        return torch.as_tensor(values, device=self.device).detach().to(torch.float32).contiguous()

    def _empty(self, count: int) -> Hits:
        return Hits(
            torch.full((count,), MISS, dtype=torch.int32, device=self.device),
            torch.zeros(count, 3, device=self.device),
            torch.full((count,), float("inf"), device=self.device),
        )

    def _launch(self, kernel: object, inputs: Sequence[object], hits: Hits) -> None:
        outputs = [
            wp.from_torch(hits.face),
            wp.from_torch(hits.barycentric, dtype=wp.vec3),
            wp.from_torch(hits.distance),
        ]
        with shared_stream(self.device):
            wp.launch(
                kernel,
                len(hits.face),
                inputs=[self._mesh.id, *inputs],
                outputs=outputs,
                device=str(self.device),
            )
