"""Small textured objects made by hand, for tests of the training data."""

import numpy as np

from backend.train.gltf import ObjectMesh
from backend.train.pack import PackedObject, is_held_out, pack_object

RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 20), (20, 20, 230), (230, 220, 20)

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
SIDES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
BOX_FACES = np.array([[a, *pair] for a, b, c, d in SIDES for pair in ((b, c), (c, d))])
"""Two faces a side: -X, +X, -Y, +Y, -Z, +Z; counter-clockwise seen from outside."""


def flat(colour: tuple[int, int, int]) -> np.ndarray:
    return np.array(colour, np.uint8)[None, None]


def quarters() -> np.ndarray:
    """Red at the top left, green at the top right, blue at the bottom left, yellow at the bottom right."""
    top = np.repeat(np.array([RED, GREEN], np.uint8), 8, axis=0)
    bottom = np.repeat(np.array([BLUE, YELLOW], np.uint8), 8, axis=0)
    return np.repeat(np.stack([top, bottom]), 8, axis=0)


def box(
    half: tuple[float, float, float], *, colours: tuple = (RED, GREEN, BLUE), drop_top: bool = False
) -> ObjectMesh:
    """A box with one colour for each axis, optionally open at the top."""
    faces = BOX_FACES[:10] if drop_top else BOX_FACES
    runs = (4, 4, len(faces) - 8)
    vertices = CORNERS * half
    return ObjectMesh(vertices, np.zeros((8, 2)), faces, runs, tuple(flat(colour) for colour in colours))


def quad() -> ObjectMesh:
    """A sheet that faces the front, -Y, with `quarters` on it."""
    vertices = np.array([[-1, 0, 1], [1, 0, 1], [1, 0, -1], [-1, 0, -1]]) * 0.3
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    return ObjectMesh(vertices, uv, np.array([[0, 2, 1], [0, 3, 2]]), (2,), (quarters(),))


def ball(radius: float = 0.4, *, rings: int = 24, texture: np.ndarray | None = None) -> ObjectMesh:
    """A fine sphere, its texture wrapped around it."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij"
    )
    vertices = radius * np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1
    )
    uv = np.stack([around / (2 * np.pi), polar / np.pi], axis=-1)
    row, column = np.meshgrid(np.arange(rings), np.arange(2 * rings), indexing="ij")
    a = row * (2 * rings + 1) + column
    below = a + 2 * rings + 1
    upper = np.stack([a, below, below + 1], axis=-1)
    lower = np.stack([a, below + 1, a + 1], axis=-1)
    faces = np.concatenate([upper.reshape(-1, 3), lower[1:].reshape(-1, 3)])
    picture = quarters() if texture is None else texture
    return ObjectMesh(vertices.reshape(-1, 3), uv.reshape(-1, 2), faces, (len(faces),), (picture,))


def joined(first: ObjectMesh, second: ObjectMesh) -> ObjectMesh:
    """Two meshes as one."""
    return ObjectMesh(
        np.concatenate([first.vertices, second.vertices]),
        np.concatenate([first.uv, second.uv]),
        np.concatenate([first.faces, second.faces + len(first.vertices)]),
        first.runs + second.runs,
        first.textures + second.textures,
    )


def shifted(mesh: ObjectMesh, offset: tuple[float, float, float]) -> ObjectMesh:
    """The mesh somewhere else."""
    return ObjectMesh(mesh.vertices + np.array(offset), mesh.uv, mesh.faces, mesh.runs, mesh.textures)


def named(mesh: ObjectMesh, number: int, *, held_out: bool, group: str = "sh3d") -> PackedObject:
    """A packed object whose name puts it into the wanted split."""
    names = (f"thing{number}-{attempt}" for attempt in range(10_000))
    name = next(name for name in names if is_held_out(name) == held_out)
    return pack_object(mesh, name=name, group=group, licence="CC0-1.0")


def tiny_objects() -> list[PackedObject]:
    """Six objects, of which the last two are held out."""
    pillar = joined(box((0.2, 0.1, 0.4)), shifted(ball(0.2), (0.3, 0.0, 0.2)))
    meshes = [
        box((0.3, 0.2, 0.1)),
        ball(),
        pillar,
        box((0.1, 0.3, 0.3), drop_top=True),
        ball(0.3),
        box((0.2, 0.2, 0.3)),
    ]
    groups = ("sh3d", "sh3d", "gso", "quaternius", "sh3d", "gso")
    return [named(mesh, index, held_out=index >= 4, group=groups[index]) for index, mesh in enumerate(meshes)]
