"""Texture coordinates in seconds for meshes of any size: charts by direction, as a box would be wrapped.

Every face goes to the side of a box that it looks at, neighbours mostly to the same one, and each connected
patch is laid flat along its side's axis. A patch that lies over itself is parted. In meshes whose faces are
no larger than a pixel of the texture, bumps may fold, since nobody can see it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.meshes import Mesh, face_crosses, position_index, unit
from backend.geometry.raycast import Bvh

SIDES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)
ACROSS = np.array([[0, 1, 0], [0, -1, 0], [-1, 0, 0], [1, 0, 0], [1, 0, 0], [-1, 0, 0]], np.float64)
ALONG = np.cross(SIDES, ACROSS)
"""Axes of each side's plane."""

CELLS, OWN_SHARE = 100, 0.1
"""Cells along the mesh in which normals are averaged, and what a face's own normal counts beside them."""

TOGETHER, ROUNDS = 0.5, 12
"""What three equal neighbours count beside the cosine to the side, and how often faces look around."""

SMALL, SMALLEST_SHARE, MERGES = 6, 5000, 3
"""Faces of a patch, and its share of all faces as a fraction, below which it goes to its surroundings."""

LEAST_COSINE = 0.1
"""Cosine to its side below which no face is laid flat on it for its neighbours' sake."""

PARTINGS = 3
"""How often patches that lie over themselves are parted."""

PROBES = np.array([[1 / 3, 1 / 3, 1 / 3], [0.84, 0.08, 0.08], [0.08, 0.84, 0.08], [0.08, 0.08, 0.84]])
"""Places in a face that are asked whether anything lies over them: its centre and near its corners."""

FINE_FACES = 200_000
"""Faces above which a mesh is fine: folds may be a pixel wide, and each face is asked at its centre alone."""

CLEARANCE, FINE_CLEARANCE = 1e-4, 5e-3
"""Height, as a share of the mesh's, above which something lies over a face, and the same in a fine mesh."""

SCALES = 20
"""Halvings in the search for the scale of the patches."""

ANGLES = 8
"""Turns within a right angle that are tried for the smallest box around a patch."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Faces laid flat.

    Attributes:
        vertex: The mesh's vertex that each new vertex is a copy of.
        faces: Indices of new vertices, in the order of the mesh's faces.
        uv: Texture coordinates of new vertices, inside [0, 1].
    """

    vertex: Int[np.ndarray, " n"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float32[np.ndarray, "n 2"]


def box_unwrap(mesh: Mesh, *, texture_px: int) -> Layout | None:
    """Lay a mesh flat without overlaps; None where its patches are too many for the texture."""
    pairs = _neighbours(position_index(mesh.vertices)[mesh.faces])
    side = _sides(mesh, pairs)
    chart = _patches(side, pairs)
    suspects = np.arange(len(chart))
    for _ in range(PARTINGS):
        covered = np.zeros(len(chart), bool)
        covered[suspects] = _covered(mesh, side, chart, suspects)
        if not covered.any():
            break
        has_covered = np.zeros(int(chart.max()) + 1, bool)
        has_covered[chart[covered]] = True
        suspects = np.flatnonzero(has_covered[chart])
        chart = _patches(chart * 2 + covered, pairs)
    return _packed(mesh, side, chart, texture_px=texture_px)


def _neighbours(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "n 2"]:
    """Pairs of faces with a common edge."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64), axis=1)
    keys = edges[:, 0] * (int(faces.max()) + 1) + edges[:, 1]
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(np.diff(keys[order]) == 0)
    return np.stack([order[same], order[same + 1]], axis=1) // 3


def _sides(mesh: Mesh, pairs: Int[np.ndarray, "n 2"]) -> Int[np.ndarray, " f"]:
    """The side of the box for each face: where its surroundings look, and where its neighbours go."""
    crosses = face_crosses(mesh)
    own = unit(crosses) @ SIDES.T
    cosine = unit(_smoothed(mesh, crosses)) @ SIDES.T
    least = -np.inf if len(own) > FINE_FACES else LEAST_COSINE
    fits = np.where(own > least, cosine, -10.0)
    best = own.argmax(axis=1)
    np.put_along_axis(fits, best[:, None], np.take_along_axis(cosine, best[:, None], axis=1), axis=1)
    side, count = fits.argmax(axis=1), len(own) * len(SIDES)
    for _ in range(ROUNDS):
        votes = np.bincount(pairs[:, 0] * 6 + side[pairs[:, 1]], minlength=count)
        votes += np.bincount(pairs[:, 1] * 6 + side[pairs[:, 0]], minlength=count)
        changed = (fits + votes.reshape(-1, 6) * (TOGETHER / 3)).argmax(axis=1)
        if np.array_equal(changed, side):
            break
        side = changed
    for _ in range(MERGES):
        side = _merged(side, own > least, pairs)
    return side


def _merged(
    side: Int[np.ndarray, " f"], allowed: Bool[np.ndarray, "f 6"], pairs: Int[np.ndarray, "n 2"]
) -> Int[np.ndarray, " f"]:
    """Small patches go to the side of the patches around them, where all their faces may."""
    patch = _patches(side, pairs)
    count = int(patch.max()) + 1
    is_small = np.bincount(patch) < max(SMALL, len(side) // SMALLEST_SHARE)
    votes = np.zeros(count * 6, np.int64)
    for here, there in (pairs.T, pairs.T[::-1]):
        border = patch[here] != patch[there]
        votes += np.bincount(patch[here[border]] * 6 + side[there[border]], minlength=count * 6)
    forbidden = np.stack([np.bincount(patch, ~allowed[:, number]) for number in range(6)], axis=1)
    votes = np.where(forbidden > 0, 0, votes.reshape(-1, 6))
    moves = is_small & (votes.max(axis=1) > 0)
    return np.where(moves[patch], votes.argmax(axis=1)[patch], side)


def _smoothed(mesh: Mesh, crosses: Float[np.ndarray, "f 3"]) -> Float[np.ndarray, "f 3"]:
    """Normals of the faces with those around them, so that the bumps of a scan make no patches of their own.

    The two sides of a thin wall cancel each other, and their own normals decide.
    """
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    low = centres.min(axis=0)
    cell = np.floor((centres - low) / max(float(np.ptp(centres, axis=0).max()), 1e-12) * CELLS).astype(
        np.int64
    )
    keys = (cell[:, 0] * (CELLS + 1) + cell[:, 1]) * (CELLS + 1) + cell[:, 2]
    _, keys = np.unique(keys, return_inverse=True)
    sums = np.stack([np.bincount(keys, crosses[:, axis]) for axis in range(3)], axis=1)
    area = np.bincount(keys, np.linalg.norm(crosses, axis=1))
    return OWN_SHARE * unit(crosses) + (sums / np.maximum(area, 1e-30)[:, None])[keys]


def _patches(label: Int[np.ndarray, " f"], pairs: Int[np.ndarray, "n 2"]) -> Int[np.ndarray, " f"]:
    """Number of the connected patch of equal labels that each face belongs to."""
    first, second = pairs[label[pairs[:, 0]] == label[pairs[:, 1]]].T
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(label),) * 2)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _flat(
    points: Float[np.ndarray, "n 3"], side: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]:
    """Points on the plane of their side, seen from outside, and their heights above it."""
    plane = np.stack([np.einsum("nc,nc->n", points, axes[side]) for axes in (ACROSS, ALONG)], axis=1)
    return plane, np.einsum("nc,nc->n", points, SIDES[side])


def _covered(
    mesh: Mesh, side: Int[np.ndarray, " f"], chart: Int[np.ndarray, " f"], faces: Int[np.ndarray, " k"]
) -> Bool[np.ndarray, " k"]:
    """Which of some faces, whole patches, lie under another one of their patch."""
    _, chart = np.unique(chart[faces], return_inverse=True)
    corners = mesh.vertices[mesh.faces[faces]].reshape(-1, 3).astype(np.float64)
    plane, height = _flat(corners, np.repeat(side[faces], 3))
    owner = np.repeat(chart, 3)
    low, high = _boxes(plane, owner)
    size = (high - low).max() + 1e-9
    columns = int(np.ceil(np.sqrt(len(low))))
    # Each patch in a square of its own, all in small numbers for float32.
    cell = np.stack([owner % columns, owner // columns], axis=1)
    local = (plane - low[owner]) / size + 1.02 * cell
    depth = (height - height.min()) / max(float(np.ptp(height)), 1e-9)
    points = np.concatenate([local, depth[:, None]], axis=1).astype(np.float32)
    bvh = Bvh(points, np.arange(len(points), dtype=np.int32).reshape(-1, 3))
    covered = np.zeros(len(faces), bool)
    is_fine = len(mesh.faces) > FINE_FACES
    for weights in PROBES[: 1 if is_fine else None]:
        start = np.einsum("k,fkc->fc", weights, points.reshape(-1, 3, 3)).astype(np.float32)
        start[:, 2] += FINE_CLEARANCE if is_fine else CLEARANCE
        up = np.zeros_like(start)
        up[:, 2] = 1
        hit = bvh.cast(start, up).face.numpy()
        covered |= (hit >= 0) & (hit != np.arange(len(hit)))
    return covered


def _boxes(
    plane: Float[np.ndarray, "n 2"], chart: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "p 2"], Float[np.ndarray, "p 2"]]:
    """Least and largest coordinates of each patch."""
    order = np.argsort(chart, kind="stable")
    starts = np.flatnonzero(np.diff(chart[order], prepend=-1))
    ordered = plane[order]
    return np.minimum.reduceat(ordered, starts), np.maximum.reduceat(ordered, starts)


def _packed(
    mesh: Mesh, side: Int[np.ndarray, " f"], chart: Int[np.ndarray, " f"], *, texture_px: int
) -> Layout | None:
    count = int(chart.max()) + 1
    keys = chart[:, None] * len(mesh.vertices) + mesh.faces
    keys, first, index = np.unique(keys, return_index=True, return_inverse=True)
    # New vertices come in the order of their patches.
    owner, vertex = np.divmod(keys, len(mesh.vertices))
    plane = _flat(mesh.vertices[vertex].astype(np.float64), side[first // 3])[0]
    plane = _turned(plane, owner, count)
    standing = np.stack([-plane[:, 1], plane[:, 0]], axis=1)
    fits = [_fitted(points, owner, texture_px=texture_px) for points in (plane, standing)]
    scale, plane, low, corner = max(fits, key=lambda fit: fit[0])
    if scale == 0:
        return None
    uv = ((plane - low[owner]) * scale + corner[owner]) / texture_px
    return Layout(vertex, index.reshape(-1, 3).astype(np.int32), uv.clip(0, 1).astype(np.float32))


def _turned(
    plane: Float[np.ndarray, "n 2"], owner: Int[np.ndarray, " n"], count: int
) -> Float[np.ndarray, "n 2"]:
    """Patches turned so that the boxes around them are small, and lie rather than stand."""
    best, area = np.zeros(count), np.full(count, np.inf)
    for step in range(2 * ANGLES):
        angle = np.pi / 2 * step / ANGLES
        low, high = _boxes(_by(plane, np.array([angle])), owner)
        size = high - low
        here = size.prod(axis=1) * np.where(size[:, 1] > size[:, 0] * (1 + 1e-6), 1 + 1e-6, 1)
        best, area = np.where(here < area, angle, best), np.minimum(here, area)
    return _by(plane, best[owner])


def _by(plane: Float[np.ndarray, "n 2"], angle: Float[np.ndarray, " k"]) -> Float[np.ndarray, "n 2"]:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * plane[:, 0] - sin * plane[:, 1], sin * plane[:, 0] + cos * plane[:, 1]], axis=1)


def _fitted(
    plane: Float[np.ndarray, "n 2"], owner: Int[np.ndarray, " n"], *, texture_px: int
) -> tuple[float, Float[np.ndarray, "n 2"], Float[np.ndarray, "p 2"], Float[np.ndarray, "p 2"]]:
    """The largest scale at which the patches fit into the texture in rows; 0 where they are too many.

    Returns:
        Pixels a metre, the points, and of each patch the least coordinates and the corner in pixels.
    """
    low, high = _boxes(plane, owner)
    sizes, gap = high - low, 2 + texture_px // 512
    order = np.argsort(-sizes[:, 1], kind="stable")
    least, most = 0.0, texture_px / max(float(sizes.max()), 1e-12)
    smallest, found = 1e-4 * most, np.zeros_like(low)
    for _ in range(SCALES):
        scale = (least + most) / 2
        corners = _rows(np.ceil(sizes[order] * scale) + gap, texture_px)
        if corners is None:
            most = scale
        else:
            least, found[order] = scale, corners + gap / 2
    return (least if least > smallest else 0.0), plane, low, found


def _rows(boxes: Float[np.ndarray, "p 2"], texture_px: int) -> Float[np.ndarray, "p 2"] | None:
    """Corners of boxes, the highest first, in rows from the left; None where they are too many."""
    corners = np.empty_like(boxes)
    ends = np.cumsum(boxes[:, 0])
    first, top, begin = 0, 0.0, 0.0
    while first < len(boxes):
        last = int(np.searchsorted(ends, begin + texture_px, side="right"))
        if last == first or top + boxes[first, 1] > texture_px:
            return None
        corners[first:last, 0] = ends[first:last] - boxes[first:last, 0] - begin
        corners[first:last, 1] = top
        top += boxes[first, 1]
        first, begin = last, ends[last - 1]
    return corners
