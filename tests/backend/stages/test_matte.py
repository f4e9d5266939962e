"""Cutting the object out: alpha, mask, plain background; the network itself is looked at by hand."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from backend.errors import InputError, NothingFound, WeightsError
from backend.geometry.framing import PICTURE_FILL
from backend.stages import matte
from backend.stages.matte import (
    framed,
    isolate,
    main_pieces,
    plain_background_alpha,
    refine,
    with_silhouettes,
)

BOX = (60, 40, 120, 140)


def cut_out(image, mask, *, model, size):
    return framed(isolate(image, mask, model=model), size=size)


def picture(background: str = "white", colour: str = "red") -> Image.Image:
    image = Image.new("RGB", (200, 180), background)
    ImageDraw.Draw(image).rectangle(BOX, fill=colour)
    return image


def alpha_of_box() -> Image.Image:
    alpha = Image.new("L", (200, 180), 0)
    ImageDraw.Draw(alpha).rectangle(BOX, fill=255)
    return alpha


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(alpha)
    return image


def test_object_is_centred_and_fills_its_share():
    cut = cut_out(with_alpha(picture(), alpha_of_box()), None, model=None, size=100)
    assert cut.shape == (4, 100, 100)
    rows = torch.nonzero((cut[3] > 0.5).any(dim=1)).flatten()
    assert len(rows) == pytest.approx(100 * PICTURE_FILL, abs=2)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(49.5, abs=1)


def test_a_large_picture_keeps_its_pixels_up_to_a_limit():
    """The box is 101 pixels high: 126 with the frame around it."""
    cut = isolate(with_alpha(picture(), alpha_of_box()), None, model=None)
    sides = [framed(cut, size=100, max_size=most).shape[-1] for most in (110, 200)]
    assert sides == [110, round(101 / PICTURE_FILL)]
    assert framed(cut, size=150, max_size=200).shape[-1] == 150


def test_transparency_wins_over_a_plain_background():
    half = Image.new("L", (200, 180), 0)
    ImageDraw.Draw(half).rectangle((60, 40, 120, 90), fill=255)
    cut = cut_out(with_alpha(picture(), half), None, model=None, size=100)
    columns = torch.nonzero((cut[3] > 0.5).any(dim=0)).flatten()
    assert len(columns) == pytest.approx(100 * PICTURE_FILL, abs=2)  # Now wider than high.


def test_mask_wins_over_transparency():
    clear = Image.new("L", (200, 180), 0)
    cut = cut_out(with_alpha(picture(), clear), alpha_of_box(), model=None, size=64)
    assert (cut[3] > 0.5).any()


def test_mask_of_another_shape_is_refused():
    with pytest.raises(InputError, match="mask"):
        cut_out(picture(), Image.new("L", (50, 180), 255), model=None, size=64)


def test_plain_background_needs_no_network():
    cut = cut_out(picture(), None, model=None, size=100)
    solid = cut[3] > 0.99
    assert solid.sum() > 1000
    assert (cut[:3, solid] - torch.tensor([1.0, 0, 0])[:, None]).abs().max() < 0.02


def test_background_colour_inside_the_object_stays():
    image = picture()
    ImageDraw.Draw(image).ellipse((80, 70, 100, 90), fill="white")
    alpha = plain_background_alpha(np.asarray(image, dtype=np.float32) / 255)
    assert alpha is not None
    assert alpha[80, 90] == 1
    assert alpha[5, 5] == 0


@pytest.mark.parametrize(
    "image",
    [Image.new("RGB", (200, 200), "grey"), Image.new("RGBA", (200, 200), (9, 9, 9, 0))],
    ids=["uniform", "transparent"],
)
def test_picture_without_an_object_is_refused(image):
    with pytest.raises(NothingFound, match="Nothing stands out"):
        cut_out(image, None, model=None, size=64)


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 120, 3)).astype(np.uint8))


def test_photo_without_the_network_says_how_to_get_it():
    with pytest.raises(WeightsError, match=r"build\.py setup"):
        cut_out(noise(), None, model=None, size=64)


def test_damaged_network_says_how_to_get_it(tmp_path):
    path = tmp_path / "u2net.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="damaged"):
        cut_out(noise(), None, model=path, size=64)


def test_photo_in_which_the_network_finds_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(matte, "saliency", lambda colours, model: np.zeros(colours.shape[:2], np.float32))
    with pytest.raises(NothingFound):
        cut_out(noise(), None, model=tmp_path, size=64)


def test_specks_go_and_the_central_piece_stays():
    alpha = np.zeros((100, 100), dtype=np.float32)
    alpha[40:70, 40:70] = 1
    alpha[2:6, 2:6] = 1
    kept = main_pieces(alpha)
    assert kept[50, 50] == 1
    assert kept[:10, :10].max() == 0


def test_refining_moves_a_coarse_edge_to_the_pictures():
    colours = np.zeros((100, 100, 3), dtype=np.float32)
    colours[:, 50:] = 1
    coarse = np.clip((np.arange(100, dtype=np.float32) - 44) / 10, 0, 1)  # Crosses 0.5 at column 49.
    coarse = np.broadcast_to(coarse, (100, 100)).copy()
    fine = refine(colours, coarse)
    assert np.ptp(fine[50, 47:53]) > np.ptp(coarse[50, 47:53])
    assert fine[50, 49] < 0.5 <= fine[50, 50]


def test_views_on_grey_get_their_silhouettes():
    views = torch.full((6, 4, 32, 32), 0.5)
    views[:, 3] = 1
    views[:, 0, 8:24, 8:24] = 1
    alpha = with_silhouettes(views)[:, 3]
    assert alpha[:, 10:22, 10:22].min() == 1
    assert alpha[:, :6].max() == 0


def test_views_with_transparency_stay_as_they_are():
    views = torch.rand(6, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(with_silhouettes(views), views)
