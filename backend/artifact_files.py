"""Reading and writing the artifacts of a job, checked, without pickles, equal bytes for equal content."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from backend.artifacts import COARSE, SparseShape
from backend.errors import ArtifactError
from backend.geometry.cameras import SHEET_COLUMNS, SHEET_ROWS, sheet_from_views, views_from_sheet
from backend.images import read_rgba
from backend.storage import part_of, put_in_place

MIN_TILE_PX = 16
_DAMAGES = (
    *(OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, SyntaxError, MemoryError),
    *(NotImplementedError, OverflowError, RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile answer damaged data with."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def write_rgba(picture: Float[Tensor, "4 h w"], path: Path) -> None:
    """Write a straight-alpha sRGB picture in [0, 1] as an 8-bit PNG."""
    Image.fromarray(_bytes_of(picture), "RGBA").save(path, format="PNG")


def _bytes_of(picture: Float[Tensor, "4 h w"]) -> UInt8[np.ndarray, "h w 4"]:
    values = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return values.permute(1, 2, 0).contiguous().numpy()


def write_tile(view: Float[Tensor, "4 h w"], path: Path) -> None:
    """Write one view as plain numbers, the same as on a sheet (`REROLLED_FILE`)."""
    with part_of(path).open("wb") as file:
        np.save(file, _bytes_of(view), allow_pickle=False)
    put_in_place(part_of(path), path)


def read_matte(path: Path) -> Float[Tensor, "4 h w"]:
    """Read the cut-out picture.

    Raises:
        ArtifactError: when it is not square.
    """
    picture = read_rgba(path)
    if picture.shape[-1] != picture.shape[-2]:
        width, height = picture.shape[-1], picture.shape[-2]
        raise ArtifactError(f"{path.name} must be square, it is {width} × {height} pixels; crop it")
    return picture


def write_views(views: Float[Tensor, "v 4 h w"], path: Path) -> None:
    """Write six views as one sheet of 3 rows x 2 columns."""
    write_rgba(sheet_from_views(views), path)


def read_views(path: Path) -> Float[Tensor, "v 4 h w"]:
    """Read a sheet of six views of any size.

    Raises:
        ArtifactError: when it is not 3 rows x 2 columns of square tiles.
    """
    sheet = read_rgba(path)
    height, width = sheet.shape[-2:]
    tile = width // SHEET_COLUMNS
    if (width, height) != (SHEET_COLUMNS * tile, SHEET_ROWS * tile) or tile < MIN_TILE_PX:
        raise ArtifactError(
            f"{path.name} must hold {SHEET_ROWS} rows of {SHEET_COLUMNS} square views,"
            f" it is {width} × {height} pixels; use a sheet as `views` writes it"
        )
    return views_from_sheet(sheet)


def write_occupancy(occupancy: Bool[Tensor, "x y z"], path: Path) -> None:
    """Write the coarse shell: `occupied`, a cube of zeros and ones (uint8), axes x, y, z."""
    _write_npz(path, {"occupied": occupancy.numpy().astype(np.uint8)})


def read_occupancy(path: Path) -> Bool[Tensor, "x y z"]:
    """Read the coarse shell, edited or not; booleans and integers are both fine.

    Raises:
        ArtifactError: when it is no cube of cells, or an empty one.
    """
    occupied = _read_npz(path, ("occupied",))["occupied"]
    is_cube = occupied.ndim == 3 and len(set(occupied.shape)) == 1
    if not is_cube or occupied.dtype.kind not in "biu":
        raise ArtifactError(
            f"{path.name}: `occupied` must be a cube of booleans or integers ({COARSE}³ for most weights),"
            f" it is {occupied.shape} {occupied.dtype}; correct it"
        )
    if not occupied.any():
        raise ArtifactError(f"{path.name} has no occupied cell; mark some or start from an earlier stage")
    return torch.from_numpy(occupied != 0)


def write_shape(shape: SparseShape, path: Path) -> None:
    """Write a sparse shape: `coords` uint8 (n, 3), `sdf` float32 (n,), `rgb` uint8 (n, 3), two scalars."""
    arrays = {
        "coords": shape.coords.numpy().astype(np.uint8),
        "sdf": shape.sdf.float().numpy(),
        "rgb": (shape.rgb.float().clamp(0, 1) * 255).round().to(torch.uint8).numpy(),
        "resolution": np.array(shape.resolution, dtype=np.int32),
        "truncation": np.array(shape.truncation, dtype=np.float64),
    }
    _write_npz(path, arrays)


def read_shape(path: Path) -> SparseShape:
    """Read a sparse shape.

    Raises:
        ArtifactError: when an array is missing, of another form, or out of range.
    """
    arrays = _read_npz(path, ("coords", "sdf", "rgb", "resolution", "truncation"))
    coords, sdf, rgb = arrays["coords"], arrays["sdf"], arrays["rgb"]
    count = len(sdf) if sdf.ndim == 1 else 0
    if not count or coords.shape != (count, 3) or rgb.shape != (count, 3):
        raise ArtifactError(f"{path.name} needs `coords` (n, 3), `sdf` (n,) and `rgb` (n, 3); correct it")
    resolution, truncation = _scalar(arrays["resolution"], path), _scalar(arrays["truncation"], path)
    kinds = coords.dtype.kind in "iu" and sdf.dtype.kind == "f" and rgb.dtype == np.uint8
    if not kinds or not np.isfinite(sdf).all() or not 1 < resolution <= 512 or not truncation > 0:
        raise ArtifactError(f"{path.name} holds values of another kind than `shape` writes; correct it")
    index = coords.astype(np.int64)
    if index.min() < 0 or index.max() >= resolution:
        raise ArtifactError(f"{path.name}: `coords` must be from 0 to {int(resolution) - 1}; correct them")
    flat = (index * int(resolution) ** np.array([2, 1, 0])).sum(axis=1)
    order = np.argsort(flat)
    if np.unique(flat).size < count:
        raise ArtifactError(f"{path.name} holds a voxel twice; correct `coords`")
    return SparseShape(
        coords=torch.from_numpy(index[order]),
        sdf=torch.from_numpy(sdf[order].astype(np.float32)).clamp(-truncation, truncation),
        rgb=torch.from_numpy(rgb[order].astype(np.float32) / 255),
        resolution=int(resolution),
        truncation=truncation,
    )


def _scalar(value: np.ndarray, path: Path) -> float:
    if value.shape != () or value.dtype.kind not in "iuf":
        raise ArtifactError(f"{path.name}: `resolution` and `truncation` must be numbers; correct them")
    return float(value)


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """What numpy.savez_compressed writes, but with a fixed time in the archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_TIME)
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=6)


def _read_npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            # A member that is no array comes out as its plain bytes.
            return {name: np.asanyarray(archive[name]) for name in names}
    except _DAMAGES as error:
        raise ArtifactError(f"{path.name} is damaged or lacks an array ({error}); make it anew") from error
