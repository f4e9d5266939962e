"""A mesh without any symmetry whose place, size and colours are known by heart."""

import numpy as np

from backend.geometry.glb import encode_glb
from backend.geometry.meshes import TexturedMesh, make_mesh, vertex_normals

CORNERS = np.array(
    [[-0.4, -0.2, -0.1], [0.4, -0.2, -0.1], [0.0, 0.2, -0.1], [0.3, -0.1, 0.3]], dtype=np.float32
)
"""A tetrahedron, 0.8 x 0.4 x 0.4 m; its two front corners lie at y = -0.2, its tip to the right."""
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32)
FACE_COLOURS = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 0]], dtype=np.uint8)
"""Bottom, front, right back, left back. The texture has a column of this colour for each face."""
CELL_PX = 8


def textured_tetrahedron():
    """Every face has three corners of its own, as after an unwrap, and a plain colour."""
    vertices = CORNERS[FACES].reshape(-1, 3)
    smooth = vertex_normals(make_mesh(CORNERS, FACES))
    left = np.arange(4, dtype=np.float32)[:, None] / 4
    u = left + np.array([[0.05, 0.2, 0.05]], dtype=np.float32)
    v = np.broadcast_to(np.array([[0.2, 0.2, 0.8]], dtype=np.float32), (4, 3))
    texture = np.repeat(np.repeat(FACE_COLOURS[None], CELL_PX, axis=1), 4 * CELL_PX, axis=0)
    return TexturedMesh(
        vertices=vertices,
        faces=np.arange(12, dtype=np.int32).reshape(4, 3),
        normals=smooth[FACES].reshape(-1, 3),
        uv=np.stack([u, v], axis=-1).reshape(-1, 2),
        texture=texture,
    )


def write_subject(path):
    """The tetrahedron as the file that a job leaves."""
    path.write_bytes(encode_glb(textured_tetrahedron(), extras={"seed": 7}))
    return path


def sheet(side):
    """Points and triangles of a bent sheet, 2 (side - 1)^2 of them, each with three points of its own."""
    x, y = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), (x * y).ravel() / side], axis=1) / side
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1, 1, 1)
    triangles = (corner + np.array([[0, side, side + 1], [0, side + 1, 1]])).reshape(-1, 3)
    return points[triangles.ravel()].astype(np.float32), np.arange(triangles.size).reshape(-1, 3)
