"""Whatever picture comes in: 8-bit sRGB or one sentence."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import InputError
from backend.images import MAX_SIDE_PX, read_picture


def gradient(size: tuple[int, int] = (64, 48)) -> Image.Image:
    across = np.linspace(0, 255, size[0], dtype=np.uint8)
    values = np.broadcast_to(across, (size[1], size[0]))
    return Image.fromarray(np.stack([values, values // 2, 255 - values], axis=2))


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def sentence_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_picture(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_missing_file_is_named(tmp_path):
    assert "no file" in sentence_of(tmp_path / "none.png")


def test_folder_is_refused(tmp_path):
    assert "cannot be read" in sentence_of(tmp_path)


def test_text_is_not_a_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("not a picture")
    assert "not a picture" in sentence_of(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif"])
def test_truncated_file_is_refused(tmp_path, suffix):
    whole = saved(gradient((256, 256)), tmp_path / f"a.{suffix}").read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut off or damaged" in sentence_of(path) or "not a picture" in sentence_of(path)


def test_one_pixel_is_refused(tmp_path):
    assert "1 × 1" in sentence_of(saved(gradient((1, 1)), tmp_path / "a.png"))


def test_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    """A PNG header of 20,000 x 20,000 with no pixels behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    assert "20000 × 20000" in sentence_of(path)


def test_strip_of_20000_pixels_is_too_narrow(tmp_path):
    assert "too narrow" in sentence_of(saved(gradient((20_000, 20)), tmp_path / "a.png"))


def test_large_picture_is_scaled_down(tmp_path):
    picture = read_picture(saved(gradient((3000, 1500)), tmp_path / "a.png"))
    assert picture.size == (MAX_SIDE_PX, MAX_SIDE_PX // 2)


def test_cmyk_keeps_its_colours(tmp_path):
    red = Image.new("RGB", (32, 32), (200, 40, 30))
    picture = read_picture(saved(red.convert("CMYK"), tmp_path / "a.jpg", quality=95))
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - (200, 40, 30)).max() <= 4


def test_16_bit_grey_keeps_its_range(tmp_path):
    values = np.linspace(0, 65535, 64 * 64, dtype=np.uint16).reshape(64, 64)
    picture = np.asarray(read_picture(saved(Image.fromarray(values), tmp_path / "a.png")))
    assert np.abs(picture[..., 0].astype(float) - values / 257.0).max() <= 1


def test_palette_with_a_clear_entry_becomes_rgba(tmp_path):
    palette = gradient().quantize(8)
    path = saved(palette, tmp_path / "a.png", transparency=0)
    picture = read_picture(path)
    assert picture.mode == "RGBA"
    assert np.asarray(picture)[..., 3].min() == 0


def test_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(read_picture(path).convert("RGB"))[0, 0].tolist() == [255, 0, 0]


def test_turned_photo_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(saved(gradient((64, 48)), tmp_path / "a.jpg", exif=exif))
    assert picture.size == (48, 64)
