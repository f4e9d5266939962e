"""Finding where a mesh lies on another one that it was made from: shift, turn and scale, by itself.

An artist moves, turns and scales an object, applies its transforms or not, sculpts a part and exports it.
What is left of the old surface lies exactly on it in the right frame and in no other. The frames that such a
mesh usually comes in are tried first; else many are tried and the best refined by iterated closest points
(Chen and Medioni 1992), of which only the nearest count (Chetverikov et al. 2002).
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float

from backend.errors import InputError
from backend.geometry.meshes import Mesh, TexturedMesh, face_crosses, interpolate, sample_surface, unit
from backend.geometry.raycast import Bvh

Frame = Float[np.ndarray, "4 4"]
"""A similarity in homogeneous coordinates, column vectors."""

NUM_SAMPLES = 2000
"""Points drawn from each surface."""

EXACTLY = 1e-3
"""Distance, as a share of the old mesh's size, at which a point still lies on the surface."""

SURE, CLEARLY = 0.3, 1.5
"""Share of points exactly on the surface with which a frame is taken at once; how many times as many points
another frame needs to take the place of the one that the file gives."""

ALIKE = 0.05
"""Typical distance, as a share of the old mesh's size, above which meshes have nothing in common."""

TRIMMED = 0.6
"""Share of the points, the nearest ones, that a frame is refined by; others may be sculpted."""

TURNS, REFINED, STEPS = 12, 4, 20
"""Turns about the vertical that are tried, how many of them are refined, and in how many steps."""


def register(edited: Mesh, original: Mesh | TexturedMesh, *, node_frame: Frame) -> Frame:
    """Find the frame that takes points of `edited` to their places on `original`.

    Args:
        node_frame: The transform that the edited mesh's file applies to it: without it the mesh may lie as
            it was imported.

    Raises:
        InputError: when no frame makes the meshes alike.
    """
    pair = _Pair(edited, original)
    found, usual = np.eye(4), list(_usual(original, node_frame))
    for frame in usual:
        if pair.share(frame) > max(SURE, pair.share(found)):
            found = frame
    if pair.share(found) < SURE:
        frames = [*usual, *_coarse(edited, original, node_frame)]
        nearest = sorted(frames, key=pair.distance)[:REFINED]
        best = max((pair.refined(frame) for frame in nearest), key=pair.share)
        if pair.share(best) > CLEARLY * pair.share(found) or pair.distance(found) > ALIKE:
            found = best
    if (distance := pair.distance(found)) > ALIKE:
        raise InputError(
            f"The edited mesh does not resemble the job's mesh (typically {distance:.0%} of its size away);"
            " export the sculpted object alone, and name the job that it came from"
        )
    return found


def apply(frame: Frame, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Points in another frame."""
    return points @ frame[:3, :3].T + frame[:3, 3]


def shift_and_scale(shift: Float[np.ndarray, " 3"], scale: float) -> Frame:
    """The frame `points -> points * scale + shift`."""
    frame = np.eye(4)
    frame[:3, :3] *= scale
    frame[:3, 3] = shift
    return frame


def _usual(original: Mesh | TexturedMesh, node_frame: Frame) -> Iterator[Frame]:
    """The frames of a mesh that came as it was, or through the add-on."""
    low, high = original.vertices.min(axis=0), original.vertices.max(axis=0)
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], np.float64)
    for undo in _unmoved(node_frame):
        yield undo
        # The add-on puts the bottom centre to the origin and makes the longest side one metre.
        yield shift_and_scale(base, float((high - low).max())) @ undo


def _coarse(edited: Mesh, original: Mesh | TexturedMesh, node_frame: Frame) -> Iterator[Frame]:
    """Frames that bring centres and spreads together, at several turns about the vertical."""
    vertices = edited.vertices.astype(np.float64)
    for undo in _unmoved(node_frame):
        for turn in range(TURNS):
            frame = _turned(2 * np.pi * turn / TURNS) @ undo
            yield _matched(apply(frame, vertices), original) @ frame


def _turned(angle: float) -> Frame:
    frame = np.eye(4)
    frame[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return frame


def _unmoved(node_frame: Frame) -> Iterable[Frame]:
    identity = np.eye(4)
    if np.allclose(node_frame, identity) or abs(np.linalg.det(node_frame)) < 1e-12:
        return [identity]
    return [identity, np.linalg.inv(node_frame)]


def _matched(points: Float[np.ndarray, "n 3"], original: Mesh | TexturedMesh) -> Frame:
    """Shift and scale that bring centres and spreads together; medians, so that a horn counts little."""
    other = original.vertices.astype(np.float64)
    centre, goal = np.median(points, axis=0), np.median(other, axis=0)
    spread, wanted = (
        float(np.median(np.linalg.norm(values - middle, axis=1)))
        for values, middle in ((points, centre), (other, goal))
    )
    scale = wanted / max(spread, 1e-12)
    return shift_and_scale(goal - centre * scale, scale)


class _Pair:
    """Two surfaces, sampled and ready for questions about distances."""

    def __init__(self, edited: Mesh, original: Mesh | TexturedMesh) -> None:
        self._size = float(np.ptp(original.vertices, axis=0).max())
        # Small numbers for float32, wherever the edited mesh stands.
        self._origin = edited.vertices.astype(np.float64).mean(axis=0)
        near = Mesh((edited.vertices - self._origin).astype(np.float32), edited.faces)
        self._bvhs = [Bvh(mesh.vertices, mesh.faces) for mesh in (near, original)]
        self._ours, _ = _samples(near)
        self._theirs, face = _samples(original)
        self._face_normals = unit(face_crosses(original))
        self._normals = self._face_normals[face]

    def share(self, frame: Frame) -> float:
        """Share of the points that lie exactly on the other surface, the smaller one of both ways."""
        return min(float((values < EXACTLY * self._size).mean()) for values in self._distances(frame))

    def distance(self, frame: Frame) -> float:
        """Typical distance of the nearest points, the larger of both ways, as a share of the size."""
        return max(_nearest_mean(values) for values in self._distances(frame)) / self._size

    def refined(self, frame: Frame) -> Frame:
        """The frame after some steps of iterated closest points, without mirroring."""
        to_origin = shift_and_scale(-self._origin, 1.0)
        frame = frame @ np.linalg.inv(to_origin)
        for _ in range(STEPS):
            frame = self._step(frame)
        return frame @ to_origin

    def _distances(self, frame: Frame) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        frame = frame @ shift_and_scale(self._origin, 1.0)
        scale = abs(np.linalg.det(frame[:3, :3])) ** (1 / 3)
        there = self._nearest(1, apply(frame, self._ours))[1]
        return there, self._nearest(0, apply(np.linalg.inv(frame), self._theirs))[1] * scale

    def _step(self, frame: Frame) -> Frame:
        moved = apply(frame, self._ours)
        ahead, distance, face = self._nearest(1, moved)
        behind, back, _ = self._nearest(0, apply(np.linalg.inv(frame), self._theirs))
        keep, kept = (values <= np.quantile(values, TRIMMED) for values in (distance, back))
        sources = np.concatenate([moved[keep], apply(frame, behind[kept])])
        targets = np.concatenate([ahead[keep], self._theirs[kept]])
        normals = np.concatenate([self._face_normals[face[keep]], self._normals[kept]])
        return _small_move(sources, targets, normals) @ frame

    def _nearest(
        self, mesh: int, points: Float[np.ndarray, "n 3"]
    ) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"], np.ndarray]:
        """Nearest points of a surface, how far they are, and on which faces."""
        bvh = self._bvhs[mesh]
        hits = bvh.closest(torch.from_numpy(points).float())
        positions = bvh.positions(hits).numpy().astype(np.float64)
        return positions, hits.distance.numpy().astype(np.float64), hits.face.numpy()


def _samples(mesh: Mesh | TexturedMesh) -> tuple[Float[np.ndarray, "n 3"], np.ndarray]:
    face, barycentric = sample_surface(mesh, NUM_SAMPLES, np.random.default_rng(0))
    return interpolate(mesh.vertices.astype(np.float64), mesh.faces[face], barycentric), face


def _nearest_mean(distances: Float[np.ndarray, " n"]) -> float:
    ordered = np.sort(distances)
    return float(ordered[: max(1, int(len(ordered) * TRIMMED))].mean())


def _small_move(
    sources: Float[np.ndarray, "n 3"], targets: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Frame:
    """The turn, scale and shift that bring points nearest to the planes through others, to first order."""
    middle = sources.mean(axis=0)
    arms = sources - middle
    columns = [np.cross(arms, normals), (arms * normals).sum(axis=1, keepdims=True), normals]
    system = np.concatenate(columns, axis=1)
    gap = ((targets - sources) * normals).sum(axis=1)
    # A little damping, since a ball may turn as it likes.
    size = np.square(arms).sum(axis=1).mean()
    damping = 1e-4 * len(arms) * np.array([size, size, size, size, 1, 1, 1])
    moves = np.linalg.solve(system.T @ system + np.diag(damping), system.T @ gap)
    x, y, z = moves[:3]
    spin = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    left, _, right = np.linalg.svd(np.eye(3) + spin)
    frame = np.eye(4)
    frame[:3, :3] = left @ right * np.exp(np.clip(moves[3], -0.5, 0.5))
    frame[:3, 3] = middle + moves[4:] - frame[:3, :3] @ middle
    return frame
