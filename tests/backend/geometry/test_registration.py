"""Finding a sculpted copy's place on its original, whatever was done to it."""

import numpy as np
import pytest

from backend.errors import InputError
from backend.geometry.meshes import Mesh, make_mesh, vertex_normals
from backend.geometry.registration import apply, register, shift_and_scale
from backend.geometry.simplify import simplify
from tests.backend.geometry.bodies import body_mesh, cube

BODY = body_mesh(resolution=40)
IDENTITY = np.eye(4)


def sculpted(mesh: Mesh) -> Mesh:
    """A horn pulled out of the top, and all else as it was."""
    vertices = mesh.vertices.astype(np.float64)
    top = vertices[np.argmax(vertices[:, 2])]
    strength = np.exp(-np.square(np.linalg.norm(vertices - top, axis=1) / 0.07))
    return make_mesh(vertices + 0.3 * strength[:, None] * vertex_normals(mesh), mesh.faces)


def turned(angle: float, axis: int) -> np.ndarray:
    frame = np.eye(4)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    frame[[first, second], [first, second]] = np.cos(angle)
    frame[second, first], frame[first, second] = np.sin(angle), -np.sin(angle)
    return frame


def error(frame: np.ndarray, moved: Mesh, true: Mesh) -> float:
    """Largest distance from where the vertices belong."""
    found = apply(frame, moved.vertices.astype(np.float64))
    return float(np.linalg.norm(found - true.vertices, axis=1).max())


def under(frame: np.ndarray, mesh: Mesh) -> Mesh:
    return make_mesh(apply(frame, mesh.vertices.astype(np.float64)), mesh.faces)


def standing() -> np.ndarray:
    """What the add-on's import does: bottom centre to the origin, one metre long."""
    low, high = BODY.vertices.min(axis=0), BODY.vertices.max(axis=0)
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], np.float64)
    scale = 1 / float((high - low).max())
    return shift_and_scale(-base * scale, scale)


OBJECT = shift_and_scale(np.array([3.0, -20.0, 1.5]), 2.5) @ turned(2.0, 2) @ turned(0.4, 0)
"""Where the artist put the object."""


@pytest.mark.parametrize(
    ("exported", "node"),
    [
        (IDENTITY, IDENTITY),
        (standing(), IDENTITY),
        (OBJECT @ standing(), OBJECT),
        (shift_and_scale(np.array([1.0, 2.0, 0.5]), 0.37) @ standing(), IDENTITY),
    ],
    ids=["untouched", "imported", "moved object", "transforms applied"],
)
def test_a_sculpted_copy_is_found_wherever_it_is(exported, node):
    copy = sculpted(BODY)
    moved = under(exported, copy)
    assert error(register(moved, BODY, node_frame=node), moved, copy) < 2e-3


def test_a_copy_that_stands_right_is_left_exactly_there():
    """Even where half of it is sculpted away from its place, so that another frame would lie nearer."""
    vertices = BODY.vertices.copy()
    vertices[vertices[:, 2] > 0] *= 1.15
    copy = make_mesh(vertices, BODY.faces)
    assert np.array_equal(register(copy, BODY, node_frame=IDENTITY), IDENTITY)


def test_a_copy_remeshed_all_over_is_found_where_it_was_imported():
    """No point is left exactly where it was: the surface is smoothed and of other triangles."""
    coarse = simplify(BODY, faces=400)
    moved = under(standing(), coarse)
    assert error(register(moved, BODY, node_frame=IDENTITY), moved, coarse) < 5e-3


def test_a_turn_that_was_applied_is_found():
    frame = turned(0.5, 2) @ shift_and_scale(np.array([0.2, 0.1, 0.0]), 1.2)
    moved = under(frame, sculpted(BODY))
    assert error(register(moved, BODY, node_frame=IDENTITY), moved, sculpted(BODY)) < 2e-3


def test_another_mesh_is_refused():
    plate = make_mesh(cube().vertices * np.array([1, 1, 0.01]), cube().faces)
    with pytest.raises(InputError, match="resemble"):
        register(plate, BODY, node_frame=IDENTITY)
