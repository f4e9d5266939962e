"""Reading a user's picture: whatever comes in, 8-bit sRGB comes out or one clear sentence.

The result is upright (EXIF), `RGBA` when the file has transparency and `RGB` otherwise, and at
most `MAX_SIDE_PX` long, so that memory stays bounded. Of an animation the first frame is taken.
"""

import io
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from backend.errors import InputError

log = logging.getLogger(__name__)

MIN_SIDE_PX = 16
MAX_SIDE_PX = 2048
MAX_DECODED_PIXELS = 8192 * 8192
"""Largest picture decoded at full size (JPEGs are shrunk while decoding): 256 MiB a copy."""

_WIDE_GREY_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")


def read_picture(path: Path) -> Image.Image:
    """Read a picture file as `RGB` or `RGBA`.

    Raises:
        InputError: when the file is missing, is no picture, is cut off, or is too small or large.
    """
    with _opened(path) as image:
        _check_size(image, path)
        orientation = image.getexif().get(0x0112, 1)
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image) if orientation != 1 else image
        plain = _to_srgb(_to_8_bit(upright), profile)
    plain.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    if min(plain.size) < MIN_SIDE_PX:
        raise InputError(f"The picture {path.name} is too narrow; crop it nearer to a square")
    plain.info.clear()
    return plain


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; every way in which decoding fails becomes an InputError."""
    try:
        with _no_size_alarm(), Image.open(path) as image:
            image.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))
            yield image
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path} cannot be read as a file; choose a picture that can") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path.name} is not a picture of a known format; use PNG, JPEG or WebP") from error
    # Pillow's decoders answer damaged data with any of these.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error) as error:
        raise InputError(f"The picture {path.name} is cut off or damaged ({error}); save it again") from error


@contextmanager
def _no_size_alarm() -> Iterator[None]:
    """Pillow refuses large files before `draft` can shrink them; `_check_size` does it after."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_size(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        raise InputError(
            f"The picture {path.name} is only {width} × {height} pixels; use one of 256 × 256 or more"
        )
    if width * height > MAX_DECODED_PIXELS:
        raise InputError(
            f"The picture {path.name} has {width} × {height} pixels; scale it down to 4096 × 4096 or less"
        )


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as `RGB`, `RGBA` or `CMYK` (which waits for its colour profile)."""
    if image.mode in _WIDE_GREY_MODES:
        values = np.asarray(image, dtype=np.float32)
        largest = 1.0 if image.mode == "F" else 255.0 if values.max(initial=0) <= 255 else 65535.0
        grey = np.nan_to_num(values / largest).clip(0, 1) * 255
        return Image.fromarray((grey + 0.5).astype(np.uint8)).convert("RGB")
    if image.mode == "CMYK":
        image.load()
        return image.copy()
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply an embedded colour profile; one that does not fit its picture is ignored."""
    colours = image.convert("RGB") if image.mode == "RGBA" else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
            colours = converted or colours
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("the picture's colour profile was ignored: %s", error)
    colours = colours.convert("RGB")
    if image.mode == "RGBA":
        colours.putalpha(image.getchannel("A"))
    return colours


def read_rgba(path: Path) -> Float[Tensor, "4 h w"]:
    """Read a picture file of any kind as straight-alpha sRGB in [0, 1], at its own size."""
    with _opened(path) as image:
        rgba = _to_8_bit(image).convert("RGBA")
    return to_tensor(rgba)


def to_tensor(image: Image.Image) -> Float[Tensor, "4 h w"]:
    """A picture as straight-alpha sRGB in [0, 1]."""
    values = np.array(image.convert("RGBA"), dtype=np.float32)
    return torch.from_numpy(values / 255).permute(2, 0, 1).contiguous()
