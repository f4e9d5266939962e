"""The coarse shape of a running job, as it is drawn over the view."""

import numpy as np
import pytest

from tests.addon.extension import coarse, errors, jobs, overlay, protocol, steps

pytestmark = pytest.mark.blender


def grid(*cells):
    occupied = np.zeros((4, 4, 4), dtype=bool)
    for cell in cells:
        occupied[cell] = True
    return occupied


def test_one_cell_is_a_cube_that_stands_on_the_origin():
    shell = steps.finish(coarse.shell_of(grid((1, 2, 3))))
    assert len(shell.corners) == len(shell.shades) == 6 * 6
    np.testing.assert_allclose(shell.corners.min(axis=0), [-0.5, -0.5, 0.0])
    np.testing.assert_allclose(shell.corners.max(axis=0), [0.5, 0.5, 1.0])


def test_sides_between_cells_are_left_out():
    shell = steps.finish(coarse.shell_of(grid((0, 0, 0), (1, 0, 0))))
    assert len(shell.corners) == 10 * 6
    np.testing.assert_allclose(shell.corners.max(axis=0), [0.5, 0.25, 0.5])


def test_axes_keep_their_order():
    """A bar along y, with a cell on top of its far end."""
    shell = steps.finish(coarse.shell_of(grid((0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 2, 1))))
    top = shell.corners[shell.corners[:, 2] > 0.5]
    assert top[:, 1].min() == pytest.approx(1 / 6)
    assert np.ptp(shell.corners[:, 0]) == pytest.approx(1 / 3)


def test_the_area_is_that_of_the_outside():
    random = np.random.default_rng(0)
    occupied = random.random((5, 6, 7)) < 0.4
    shell = steps.finish(coarse.shell_of(occupied))
    padded = np.pad(occupied, 1).astype(int)
    sides = sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in range(3))
    assert len(shell.corners) == 6 * sides


def test_what_is_no_grid_is_told(tmp_path):
    path = tmp_path / "occupancy.npz"
    path.write_bytes(b"glTF")
    with pytest.raises(errors.MeshFileError, match="Cannot read"):
        steps.finish(coarse.read_shell(path))
    np.savez_compressed(path, occupied=np.zeros((4, 4, 4), dtype=np.uint8))
    with pytest.raises(errors.MeshFileError, match="is empty"):
        steps.finish(coarse.read_shell(path))


def read_all():
    """Read what is on its way; exactly one of the calls says that something new is shown."""
    said = []
    while overlay.is_reading():
        said.append(overlay.read_on())
    assert sum(said) == 1


def test_a_shape_that_is_still_read_goes_with_its_job(tmp_path, session):
    job = jobs.Job(id="a", title="a", folder=tmp_path, request=protocol.Request(image="a.png"))
    job.advance(protocol.StageDone(job="a", stage=protocol.Stage.OCCUPANCY, paths=(), seconds=1.0))
    overlay.follow(job)
    overlay.prune()
    assert not overlay.is_reading()


def test_a_shape_goes_with_its_job_however_that_ends(tmp_path, session):
    np.savez_compressed(tmp_path / "occupancy.npz", occupied=grid((0, 0, 0)).astype(np.uint8))
    job = jobs.Job(id="a", title="a", folder=tmp_path, request=protocol.Request(image="a.png"))
    session.jobs["a"] = job
    job.advance(protocol.StageDone(job="a", stage=protocol.Stage.OCCUPANCY, paths=(), seconds=1.0))
    overlay.follow(job)
    read_all()
    overlay.prune()
    assert overlay.shown() == ["a"]
    session.jobs.clear()
    overlay.prune()
    assert overlay.shown() == []


def test_it_shows_from_the_rough_shape_to_the_end_of_the_job(tmp_path):
    np.savez_compressed(tmp_path / "occupancy.npz", occupied=grid((0, 0, 0)).astype(np.uint8))
    job = jobs.Job(id="a", title="a", folder=tmp_path, request=protocol.Request(image="a.png"))
    assert not overlay.follow(job)
    job.advance(protocol.StageDone(job="a", stage=protocol.Stage.OCCUPANCY, paths=(), seconds=1.0))
    assert not overlay.follow(job)
    assert overlay.is_reading()
    read_all()
    assert overlay.shown() == ["a"]
    assert not overlay.follow(job)
    job.move(jobs.JobState.DONE)
    assert overlay.follow(job)
    assert overlay.shown() == []
