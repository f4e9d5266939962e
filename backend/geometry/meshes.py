"""Triangle meshes as plain arrays, and the few measures that everything else needs.

Legend: `v` vertices, `f` faces, `e` edges, `n` points. World: right-handed, +Z up, front to -Y.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A triangle mesh whose faces are counter-clockwise seen from outside.

    Attributes:
        vertices: Positions in world space.
        faces: Indices into `vertices`.
        colours: sRGB colour of each vertex in [0, 1]; None where the mesh has none.
    """

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    colours: Float32[np.ndarray, "v 3"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TexturedMesh:
    """A mesh with one texture; vertices are repeated along the seams of the unwrap.

    Attributes:
        vertices: Positions in world space.
        faces: Indices into `vertices`, counter-clockwise seen from outside.
        normals: Smooth unit normals, equal on both sides of a seam.
        uv: Texture coordinates, (0, 0) at the top left corner of the picture and (1, 1) at the bottom right.
        texture: sRGB pixels.
        normal_map: Normals of a finer surface in the mesh's tangent space (`normal_map.py`), 128 for zero.
    """

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    normals: Float32[np.ndarray, "v 3"]
    uv: Float32[np.ndarray, "v 2"]
    texture: UInt8[np.ndarray, "h w 3"]
    normal_map: UInt8[np.ndarray, "hh ww 3"] | None = None


def make_mesh(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    colours: Float[np.ndarray, "v 3"] | None = None,
) -> Mesh:
    """A `Mesh` from arrays of any precision."""
    return Mesh(
        np.ascontiguousarray(vertices, dtype=np.float32),
        np.ascontiguousarray(faces, dtype=np.int32),
        None if colours is None else np.ascontiguousarray(colours, dtype=np.float32),
    )


def face_crosses(mesh: Mesh | TexturedMesh) -> Float[np.ndarray, "f 3"]:
    """Outward normals of the faces, as long as twice their area."""
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def face_areas(mesh: Mesh | TexturedMesh) -> Float[np.ndarray, " f"]:
    """Areas of the faces in square metres."""
    return np.linalg.norm(face_crosses(mesh), axis=1) / 2


def unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Vectors scaled to length one; a zero vector becomes +Z."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-20, vectors / np.maximum(length, 1e-20), np.array([0.0, 0.0, 1.0]))


def vertex_normals(mesh: Mesh | TexturedMesh) -> Float32[np.ndarray, "v 3"]:
    """Smooth unit normals: face normals weighted by the angle of the face at the vertex.

    The angle makes the result independent of how a flat region is cut into triangles.
    """
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    normals = unit(face_crosses(mesh))
    sides = [unit(corners[:, (corner + 1) % 3] - corners[:, corner]) for corner in range(3)]
    total = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        cosine = -np.sum(sides[corner] * sides[corner - 1], axis=1)
        angle = np.arccos(np.clip(cosine, -1, 1))
        for axis in range(3):
            weights = angle * normals[:, axis]
            total[:, axis] += np.bincount(mesh.faces[:, corner], weights, len(total))
    return unit(total).astype(np.float32)


def smooth_normals(mesh: Mesh) -> Float32[np.ndarray, "v 3"]:
    """Vertex normals that are equal wherever vertices share a position, as on both sides of a seam."""
    index = position_index(mesh.vertices)
    positions = np.empty((int(index.max(initial=-1)) + 1, 3), np.float32)
    positions[index] = mesh.vertices
    return vertex_normals(make_mesh(positions, index[mesh.faces]))[index]


def position_index(vertices: Float32[np.ndarray, "v 3"]) -> Int[np.ndarray, " v"]:
    """A number for each vertex, the same for equal positions and counted from 0 without a gap.

    Many times faster than numpy's own sorting of rows.
    """
    # Adding zero turns -0 into 0.
    bits = np.ascontiguousarray(vertices + np.float32(0)).view(np.uint32).astype(np.uint64)
    order = np.lexsort((bits[:, 2], bits[:, 0] << np.uint64(32) | bits[:, 1]))
    is_new = np.any(bits[order[1:]] != bits[order[:-1]], axis=1)
    index = np.empty(len(vertices), dtype=np.int64)
    index[order] = np.concatenate([[0], np.cumsum(is_new)])[: len(vertices)]
    return index


def signed_volume(mesh: Mesh | TexturedMesh) -> float:
    """Enclosed volume in cubic metres; negative when the faces look inwards."""
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    return float(np.sum(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])) / 6)


def weld(mesh: Mesh | TexturedMesh) -> Mesh:
    """Join vertices at the same position and drop the faces that collapse; colours are left behind."""
    vertices, index = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = index.reshape(-1)[mesh.faces]
    return make_mesh(vertices, faces[~has_repeats(faces)])


def has_repeats(faces: Int[np.ndarray, "f 3"]) -> np.ndarray:
    """Whether a face names the same vertex twice."""
    return (faces[:, 0] == faces[:, 1]) | (faces[:, 1] == faces[:, 2]) | (faces[:, 2] == faces[:, 0])


def drop_unused(mesh: Mesh) -> Mesh:
    """Remove the vertices that no face uses, keeping the order of the others."""
    used = np.zeros(len(mesh.vertices), dtype=bool)
    used[mesh.faces.reshape(-1)] = True
    index = np.cumsum(used) - 1
    colours = None if mesh.colours is None else mesh.colours[used]
    return make_mesh(mesh.vertices[used], index[mesh.faces], colours)


def with_colours(mesh: Mesh, colours: Float[np.ndarray, "v 3"]) -> Mesh:
    """The same mesh with other vertex colours, rounded to 8 bits so that files keep them exactly."""
    return replace(mesh, colours=(np.round(np.clip(colours, 0, 1) * 255) / 255).astype(np.float32))


def sample_surface(
    mesh: Mesh | TexturedMesh, count: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]:
    """Draw points evenly over the surface.

    Returns:
        Face of each point, and its barycentric coordinates.
    """
    cumulative = np.cumsum(face_areas(mesh))
    faces = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    first, second = np.sqrt(rng.random(count)), rng.random(count)
    barycentric = np.stack([1 - first, first * (1 - second), first * second], axis=1)
    return np.minimum(faces, len(mesh.faces) - 1), barycentric


def interpolate(
    values: Float[np.ndarray, "v c"],
    corners: Int[np.ndarray, "n 3"],
    barycentric: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n c"]:
    """Vertex values inside faces: `corners` are the vertices of each point's face."""
    return np.einsum("nk,nkc->nc", barycentric, values[corners])
