"""Finding where sculpted places were."""

import numpy as np
import torch

from backend.geometry.meshes import make_mesh, vertex_normals
from backend.geometry.pull_back import MOVED, pulled_back
from backend.geometry.raycast import Bvh
from tests.backend.geometry.bodies import body_mesh

BODY = body_mesh(resolution=64)
BVH = Bvh(BODY.vertices, BODY.faces)


def nearest_to(vertices):
    hits = BVH.closest(torch.from_numpy(vertices).float())
    return BVH.positions(hits).numpy().astype(np.float64), hits.distance.numpy().astype(np.float64)


def guessed(vertices):
    """Targets of moved vertices, and the nearest points."""
    copy = make_mesh(vertices, BODY.faces)
    nearest, distance = nearest_to(copy.vertices)
    return pulled_back(copy, nearest, distance), nearest


def horn(height: float):
    """The body with a horn on its left, and the strength of the pull at each vertex."""
    vertices = BODY.vertices.astype(np.float64)
    tip = vertices[np.argmin(vertices[:, 0])]
    strength = np.exp(-np.square(np.linalg.norm(vertices - tip, axis=1) / 0.1))
    return vertices - height * strength[:, None] * np.array([1, 0, 0]), strength


def error(targets, rows):
    on_surface, _ = nearest_to(targets)
    return float(np.linalg.norm(on_surface - BODY.vertices, axis=1)[rows].mean())


def test_a_horn_carries_the_colours_of_its_place_better_than_the_nearest_points():
    vertices, strength = horn(0.4)
    targets, nearest = guessed(vertices)
    rows = strength > 0.3
    assert error(targets, rows) < 0.7 * error(nearest, rows)


def test_a_surface_that_was_only_swollen_keeps_its_nearest_points():
    swollen = BODY.vertices + 0.02 * vertex_normals(BODY).astype(np.float64)
    targets, _ = guessed(swollen)
    assert error(targets, slice(None)) < 0.008


def test_what_was_not_moved_stays():
    vertices, _ = horn(0.4)
    targets, nearest = guessed(vertices)
    still = np.linalg.norm(vertices - nearest, axis=1) < MOVED
    assert np.array_equal(targets[still], nearest[still])


def test_an_untouched_mesh_needs_no_guess():
    targets, nearest = guessed(BODY.vertices.astype(np.float64))
    assert np.array_equal(targets, nearest)
