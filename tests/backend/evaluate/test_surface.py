"""Frames, sampling and topology on meshes known by hand."""

import numpy as np
import pytest

from backend.errors import InputError
from backend.evaluate.metrics import surface_scores
from backend.evaluate.surface import is_watertight, num_shells, sample_surface
from backend.geometry.placement import generation_space, unit_box

TETRA_VERTICES = np.array([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]])
TETRA_FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def test_samples_lie_on_the_surface_in_proportion_to_area():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 5], [3, 0, 5], [0, 1, 5]])
    samples = sample_surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]), count=20_000)
    low = samples.points[:, 2] == 0
    assert low.mean() == pytest.approx(1 / 4, abs=0.01)
    # The centroid of uniform points in a triangle is the mean of its corners.
    assert samples.points[low].mean(axis=0) == pytest.approx([1 / 3, 1 / 3, 0], abs=0.01)
    assert (samples.normals == [0, 0, 1]).all()


def test_same_seed_gives_same_samples():
    first, second = (sample_surface(TETRA_VERTICES, TETRA_FACES, count=50, seed=3) for _ in range(2))
    assert np.array_equal(first.points, second.points)


def test_unit_box_removes_place_and_size():
    moved = TETRA_VERTICES * 7 + np.array([3, -2, 1])
    box = unit_box(moved, TETRA_FACES)(moved)
    assert box.min(axis=0) == pytest.approx([-0.5, -0.25, -0.25])
    assert box.max(axis=0) == pytest.approx([0.5, 0.25, 0.25])
    scores = surface_scores(
        sample_surface(box, TETRA_FACES, count=100),
        sample_surface(unit_box(TETRA_VERTICES, TETRA_FACES)(TETRA_VERTICES), TETRA_FACES, count=100),
    )
    assert scores["chamfer"] == pytest.approx(0, abs=1e-12)


def test_a_known_shift_is_the_distance_of_a_plane():
    """Samples of a unit square and of the same square lifted by 0.03 are 0.03 apart, both ways."""
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    lifted = square + np.array([0, 0, 0.03])
    scores = surface_scores(sample_surface(square, faces), sample_surface(lifted, faces))
    assert scores["chamfer"] == pytest.approx(0.06)
    assert (scores["f_0.05"], scores["f_0.02"]) == (1, 0)


def test_generation_space_ignores_vertices_without_faces():
    loose = np.concatenate([TETRA_VERTICES, [[100.0, 100, 100]]])
    placed = generation_space(loose, TETRA_FACES)(TETRA_VERTICES)
    assert (placed.min(axis=0) + placed.max(axis=0)) == pytest.approx(np.zeros(3))
    assert np.linalg.norm(placed, axis=1).max() == pytest.approx(0.48)


def test_closed_mesh_stays_watertight_over_texture_seams():
    assert is_watertight(TETRA_VERTICES, TETRA_FACES)
    assert is_watertight(TETRA_VERTICES[TETRA_FACES.ravel()], np.arange(12).reshape(4, 3))


def test_hole_flipped_face_and_nothing_are_not_watertight():
    flipped = TETRA_FACES.copy()
    flipped[0] = flipped[0, ::-1]
    assert not is_watertight(TETRA_VERTICES, TETRA_FACES[1:])
    assert not is_watertight(TETRA_VERTICES, flipped)
    assert not is_watertight(TETRA_VERTICES, TETRA_FACES[:0])


def test_shells_are_counted_over_welded_vertices():
    two = np.concatenate([TETRA_VERTICES, TETRA_VERTICES + 5])
    faces = np.concatenate([TETRA_FACES, TETRA_FACES + 4])
    assert num_shells(two, faces) == 2
    assert num_shells(two[faces.ravel()], np.arange(24).reshape(8, 3)) == 2
    assert num_shells(two, TETRA_FACES) == 1


@pytest.mark.parametrize("vertices", [np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_mesh_without_extent_is_refused(vertices: np.ndarray):
    with pytest.raises(InputError):
        unit_box(vertices, np.array([[0, 1, 2]]))


def test_mesh_without_area_cannot_be_sampled():
    with pytest.raises(InputError):
        sample_surface(np.zeros((3, 3)), np.array([[0, 1, 2]]))
