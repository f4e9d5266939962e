"""A sheet of views from any cameras, and the file beside it that says which: what One-2-3-45 keeps.

The file is JSON: `rows` and `columns` of the sheet, and for every view, row by row, `world_from_cam` (four
rows of four numbers, metres) and `fov_deg`. Whoever has views and their cameras can write both by hand.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import MIN_TILE_PX, write_rgba
from backend.errors import ArtifactError
from backend.geometry.cameras import Cameras
from backend.images import read_rgba
from backend.protocol import Json, ProtocolError
from backend.records import parse_json
from backend.storage import write_whole

MAX_VIEWS = 64
MAX_SKEW = 1e-3
"""Largest error of a rotation's columns against unit length and right angles."""


@dataclass(frozen=True, slots=True)
class SheetCameras:
    """How a sheet is laid out and the cameras (v) of its views, row by row."""

    rows: int
    columns: int
    cameras: Cameras


def write_cameras(sheet: SheetCameras, path: Path) -> None:
    """Write the file beside a sheet."""
    views: list[Json] = [
        {"world_from_cam": matrix, "fov_deg": math.degrees(fov)}
        for matrix, fov in zip(sheet.cameras.world_from_cam.tolist(), sheet.cameras.fov.tolist(), strict=True)
    ]
    data = {"rows": sheet.rows, "columns": sheet.columns, "views": views}
    write_whole(path, (json.dumps(data, indent=1) + "\n").encode())


def read_cameras(path: Path) -> SheetCameras:
    """Read the file beside a sheet.

    Raises:
        ArtifactError: when it is missing, or does not describe cameras.
    """
    try:
        return _checked(parse_json(path.read_bytes()))
    except FileNotFoundError as error:
        raise ArtifactError(
            f"There is no {path.name} with the cameras of the views beside them; draw the views again,"
            " or copy that file too"
        ) from error
    except (OSError, ProtocolError) as error:
        raise ArtifactError(f"{path.name} does not describe cameras ({error}); correct it") from error


def write_sheet(views: Float[Tensor, "v 4 h w"], layout: SheetCameras, path: Path) -> None:
    """Write views as one picture, row by row."""
    write_rgba(rearrange(views, "(r k) c h w -> c (r h) (k w)", r=layout.rows, k=layout.columns), path)


def read_sheet(path: Path, layout: SheetCameras) -> Float[Tensor, "v 4 h w"]:
    """Read a sheet of views of any size.

    Raises:
        ArtifactError: when it is not of that layout.
    """
    sheet = read_rgba(path)
    height, width = sheet.shape[-2:]
    tile = width // layout.columns
    if (width, height) != (layout.columns * tile, layout.rows * tile) or tile < MIN_TILE_PX:
        raise ArtifactError(
            f"{path.name} must hold {layout.rows} rows of {layout.columns} square views,"
            f" it is {width} × {height} pixels; draw the views again or scale it back"
        )
    return rearrange(sheet, "c (r h) (k w) -> (r k) c h w", r=layout.rows, k=layout.columns)


def _checked(data: Json) -> SheetCameras:
    if not isinstance(data, dict) or set(data) != {"rows", "columns", "views"}:
        raise ProtocolError("it needs rows, columns and views, and nothing else")
    rows, columns, views = data["rows"], data["columns"], data["views"]
    if not (isinstance(rows, int) and isinstance(columns, int) and isinstance(views, list)):
        raise ProtocolError("rows and columns must be whole numbers and views a list")
    if not 1 <= len(views) <= MAX_VIEWS or rows < 1 or rows * columns != len(views):
        raise ProtocolError(f"{rows} rows of {columns} are not its {len(views)} views (at most {MAX_VIEWS})")
    matrices, fovs = zip(*(_camera(view) for view in views), strict=True)
    return SheetCameras(rows, columns, Cameras(torch.stack(matrices), torch.tensor(fovs)))


def _camera(view: Json) -> tuple[Float[Tensor, "4 4"], float]:
    if not isinstance(view, dict) or set(view) != {"world_from_cam", "fov_deg"}:
        raise ProtocolError("a view needs world_from_cam and fov_deg, and nothing else")
    try:
        matrix = torch.tensor(view["world_from_cam"], dtype=torch.float32)
        fov = math.radians(float(view["fov_deg"]))  # type: ignore[arg-type]  # What is no number raises.
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError("a camera must consist of numbers") from error
    if matrix.shape != (4, 4) or not matrix.isfinite().all() or not 0 < fov < math.pi:
        raise ProtocolError("world_from_cam must be four rows of four numbers and fov_deg between 0 and 180")
    rotation = matrix[:3, :3]
    is_rigid = (rotation.T @ rotation - torch.eye(3)).abs().max() < MAX_SKEW and torch.det(rotation) > 0
    if not is_rigid or matrix[3].tolist() != [0, 0, 0, 1]:
        raise ProtocolError("world_from_cam must be a rotation and a place")
    return matrix, fov
