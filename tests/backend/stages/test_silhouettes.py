"""What a model painted on grey is cut out, also where it reaches over a tile's border."""

import torch
from torch.testing import assert_close

from backend.stages.silhouettes import cut_from

GREY = 127 / 255


def painted(alpha, colour=(0.9, 0.3, 0.1), *, noise=2 / 255):
    """Tiles of one colour on grey, as noisy as a decoder paints."""
    rgb = torch.tensor(colour)[:, None, None] * alpha[:, None] + GREY * (1 - alpha[:, None])
    rgb = rgb + noise * torch.randn(rgb.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([rgb.clamp(0, 1), torch.ones_like(alpha[:, None])], dim=1)


def disc(size=64, *, centre=(0.5, 0.5), radius=0.3):
    axis = (torch.arange(size) + 0.5) / size
    distance = torch.hypot(axis[:, None] - centre[0], axis[None] - centre[1])
    return (distance < radius).float()[None]


def test_an_object_keeps_its_outline():
    true = disc()
    cut = cut_from(painted(true), GREY)
    assert ((cut[:, 3] > 0.5) == (true > 0.5)).float().mean() > 0.995


def test_an_object_over_the_border_is_cut_out_too():
    """Zero123++ v1.2 frames objects so that large ones cross it on all sides."""
    true = 1 - disc(radius=0.45, centre=(0.1, 0.1))
    cut = cut_from(painted(true), GREY)
    assert ((cut[:, 3] > 0.5) == (true > 0.5)).float().mean() > 0.98


def test_grey_inside_an_object_is_no_background():
    true = disc(radius=0.35)
    tiles = painted(true)
    hole = disc(radius=0.15)[0] > 0
    tiles[0, :3, hole] = GREY
    assert cut_from(tiles, GREY)[0, 3][hole].min() == 1


def test_a_model_whose_grey_is_off_is_understood():
    true = disc()
    tiles = painted(true)
    tiles[:, :3] += (1 - true[:, None]) * 14 / 255
    assert ((cut_from(tiles, GREY)[:, 3] > 0.5) == (true > 0.5)).float().mean() > 0.99


def test_specks_of_the_background_go():
    tiles = painted(disc(128))
    tiles[0, :3, 3, 3] = 1.0
    assert cut_from(tiles, GREY)[0, 3, 3, 3] == 0


def test_no_grey_shows_along_an_outline():
    soft = torch.nn.functional.avg_pool2d(disc(128)[:, None], 2)[:, 0]
    cut = cut_from(painted(soft, noise=0.0), GREY)
    seen = cut[0, :3, cut[0, 3] > 0.3]
    assert_close(seen, torch.tensor([0.9, 0.3, 0.1])[:, None].expand_as(seen), atol=0.02, rtol=0)


def test_an_empty_tile_is_empty():
    assert cut_from(painted(torch.zeros(1, 64, 64)), GREY)[:, 3].max() == 0
