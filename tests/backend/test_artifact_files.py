"""Artifacts come back as they went, and a wrong one is refused in one sentence."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from backend.artifact_files import (
    read_matte,
    read_occupancy,
    read_shape,
    read_views,
    write_occupancy,
    write_rgba,
    write_shape,
    write_views,
)
from backend.artifacts import COARSE, SparseShape
from backend.errors import ArtifactError, InputError


def some_shape(count: int = 50) -> SparseShape:
    generator = torch.Generator().manual_seed(0)
    flat = torch.randperm(128**3, generator=generator)[:count].sort().values
    coords = torch.stack([flat // 128**2, flat // 128 % 128, flat % 128], dim=1)
    sdf = (torch.rand(count, generator=generator) - 0.5) * 0.04
    rgb = torch.randint(0, 256, (count, 3), generator=generator) / 255
    return SparseShape(coords, sdf, rgb)


def some_occupancy() -> torch.Tensor:
    occupancy = torch.zeros(COARSE, COARSE, COARSE, dtype=torch.bool)
    occupancy[20:40, 10:30, 5:15] = True
    return occupancy


def rewritten(path, **changes) -> None:
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | changes))


def test_shape_comes_back(tmp_path):
    shape = some_shape()
    write_shape(shape, tmp_path / "shape.npz")
    back = read_shape(tmp_path / "shape.npz")
    assert torch.equal(back.coords, shape.coords)
    assert torch.equal(back.sdf, shape.sdf)
    assert_close(back.rgb, shape.rgb)
    assert (back.resolution, back.truncation) == (shape.resolution, shape.truncation)


def test_occupancy_comes_back(tmp_path):
    write_occupancy(some_occupancy(), tmp_path / "occupancy.npz")
    assert torch.equal(read_occupancy(tmp_path / "occupancy.npz"), some_occupancy())


def test_views_come_back(tmp_path):
    views = torch.randint(0, 256, (6, 4, 32, 32), generator=torch.Generator().manual_seed(0)) / 255
    write_views(views, tmp_path / "views.png")
    assert_close(read_views(tmp_path / "views.png"), views)


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_shape(some_shape(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_occupancy_edited_with_numpy_is_read(tmp_path):
    np.savez(tmp_path / "occupancy.npz", occupied=some_occupancy().numpy())
    assert torch.equal(read_occupancy(tmp_path / "occupancy.npz"), some_occupancy())


@pytest.mark.parametrize(
    "occupied",
    [
        np.ones((64, 64, 32), dtype=bool),
        np.zeros((COARSE,) * 3, dtype=bool),
        np.ones((COARSE,) * 3, dtype=np.float32),
    ],
    ids=["size", "empty", "kind"],
)
def test_wrong_occupancy_is_refused(tmp_path, occupied):
    np.savez(tmp_path / "occupancy.npz", occupied=occupied)
    with pytest.raises(ArtifactError, match=r"occupancy\.npz"):
        read_occupancy(tmp_path / "occupancy.npz")


@pytest.mark.parametrize(
    "changes",
    [
        {"coords": np.zeros((50, 2), dtype=np.uint8)},
        {"coords": np.full((50, 3), 200, dtype=np.uint8)},
        {"coords": np.zeros((50, 3), dtype=np.uint8)},
        {"sdf": np.full(50, np.nan, dtype=np.float32)},
        {"rgb": np.zeros((50, 3), dtype=np.float32)},
        {"resolution": np.zeros(2)},
    ],
    ids=["form", "range", "twice", "nan", "kind", "scalar"],
)
def test_wrong_shape_is_refused(tmp_path, changes):
    path = tmp_path / "shape.npz"
    write_shape(some_shape(), path)
    rewritten(path, **changes)
    with pytest.raises(ArtifactError, match=r"shape\.npz"):
        read_shape(path)


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "occupancy.npz", occupied=np.array([{}], dtype=object))
    with pytest.raises(ArtifactError, match="damaged"):
        read_occupancy(tmp_path / "occupancy.npz")


def test_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "occupancy.npz"
    write_occupancy(some_occupancy(), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtifactError, match="damaged"):
        read_occupancy(path)


def test_sheet_of_another_form_is_refused(tmp_path):
    write_rgba(torch.zeros(4, 64, 64), tmp_path / "views.png")
    with pytest.raises(ArtifactError, match="3 rows of 2"):
        read_views(tmp_path / "views.png")


def test_damaged_sheet_is_refused(tmp_path):
    (tmp_path / "views.png").write_bytes(b"no")
    with pytest.raises(InputError):
        read_views(tmp_path / "views.png")


def test_matte_must_be_square(tmp_path):
    write_rgba(torch.zeros(4, 64, 32), tmp_path / "matte.png")
    with pytest.raises(ArtifactError, match="square"):
        read_matte(tmp_path / "matte.png")
