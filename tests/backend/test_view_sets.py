"""Sheets of views from any cameras: written and read back, and wrong ones refused in a sentence."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from backend.errors import ArtifactError
from backend.geometry.anchors import STARTER_LAYOUT
from backend.view_sets import SheetCameras, read_cameras, read_sheet, write_cameras, write_sheet


def layout() -> SheetCameras:
    return SheetCameras(8, 4, STARTER_LAYOUT.cameras(torch.tensor(0.3)))


def test_views_and_cameras_come_back_as_they_were(tmp_path: Path):
    views = torch.rand(32, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    write_sheet(views, layout(), tmp_path / "views.png")
    write_cameras(layout(), tmp_path / "cameras.json")
    found = read_cameras(tmp_path / "cameras.json")
    assert (found.rows, found.columns) == (8, 4)
    assert torch.equal(found.cameras.world_from_cam, layout().cameras.world_from_cam)
    assert_close(found.cameras.fov, layout().cameras.fov)
    again = read_sheet(tmp_path / "views.png", found)
    assert_close(again[:, 3], views[:, 3], atol=1 / 255, rtol=0)


def test_tiles_run_row_by_row(tmp_path: Path):
    views = torch.ones(32, 4, 16, 16)
    views[5, 0] = 0  # Second row, second column.
    write_sheet(views, layout(), tmp_path / "views.png")
    with Image.open(tmp_path / "views.png") as sheet:
        assert sheet.size == (4 * 16, 8 * 16)
        assert sheet.getpixel((24, 24)) == (0, 255, 255, 255)
    assert read_sheet(tmp_path / "views.png", layout())[5, 0].max() == 0


def test_a_sheet_of_another_layout_is_refused(tmp_path: Path):
    write_sheet(torch.ones(6, 4, 16, 16), SheetCameras(3, 2, layout().cameras[:6]), tmp_path / "views.png")
    with pytest.raises(ArtifactError, match="8 rows of 4 square views"):
        read_sheet(tmp_path / "views.png", layout())


def test_missing_cameras_are_told_about(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"no cameras\.json"):
        read_cameras(tmp_path / "cameras.json")


def rigid() -> list[list[float]]:
    return layout().cameras.world_from_cam[0].tolist()


def one_view(corner: tuple[int, int], value: float, *, fov_deg: float = 30.0) -> dict:
    """A camera at the origin with one number of its matrix replaced."""
    matrix = torch.eye(4)
    matrix[corner] = value
    return {"views": [{"world_from_cam": matrix.tolist(), "fov_deg": fov_deg}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": 2}, "not its 1 views"),
        ({"rows": "1"}, "whole numbers"),
        ({"more": 1}, "nothing else"),
        ({"views": []}, "not its 0 views"),
        ({"views": [{"fov_deg": 30}]}, "needs world_from_cam"),
        ({"views": [{"world_from_cam": [[1, 2]], "fov_deg": 30}]}, "four rows"),
        ({"views": [{"world_from_cam": "x", "fov_deg": 30}]}, "numbers"),
        ({"views": [{"world_from_cam": None, "fov_deg": 30}]}, "numbers"),
        (one_view((0, 0), 2), "rotation"),
        (one_view((0, 0), -1), "rotation"),
        (one_view((3, 2), 1), "rotation"),
        (one_view((0, 0), 1, fov_deg=200), "180"),
    ],
)
def test_what_is_no_camera_is_refused(tmp_path: Path, change: dict, said: str):
    good = {"rows": 1, "columns": 1, "views": [{"world_from_cam": rigid(), "fov_deg": 30.0}]}
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps(good))
    assert read_cameras(path).rows == 1
    path.write_text(json.dumps(good | change))
    with pytest.raises(ArtifactError, match=said):
        read_cameras(path)
    path.write_text("{")
    with pytest.raises(ArtifactError, match="correct it"):
        read_cameras(path)
