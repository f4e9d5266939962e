"""The crop around the object: centred, filled to the wanted share, nothing bleeding in."""

import pytest
import torch
from torch.testing import assert_close

from backend.geometry.framing import crop_to_object, object_box


def _picture(*, height: int, width: int, rows: slice, columns: slice) -> torch.Tensor:
    picture = torch.zeros(1, 4, height, width)
    picture[:, 1] = 1.0  # green behind the object, which must not show
    picture[:, :, rows, columns] = torch.tensor([1.0, 0, 0, 1])[None, :, None, None]
    return picture


def test_box_is_in_shares_of_width_and_height():
    picture = _picture(height=40, width=80, rows=slice(10, 20), columns=slice(20, 60))
    assert_close(object_box(picture), torch.tensor([[0.25, 0.25, 0.75, 0.5]]))


def test_crop_centres_the_object_and_fills_the_share():
    picture = _picture(height=100, width=200, rows=slice(5, 25), columns=slice(120, 160))
    cropped = crop_to_object(picture, size=100, fill=0.8)
    assert_close(object_box(cropped), torch.tensor([[0.1, 0.3, 0.9, 0.7]]), atol=0.011, rtol=0)


def test_no_colour_of_the_background_bleeds_in():
    picture = _picture(height=64, width=64, rows=slice(20, 40), columns=slice(20, 40))
    cropped = crop_to_object(picture, size=256)
    assert float(cropped[:, 1].max()) == pytest.approx(0, abs=1e-6)


def test_picture_without_an_object_stays_whole():
    cropped = crop_to_object(torch.zeros(1, 4, 32, 32), size=16)
    assert_close(cropped, torch.zeros(1, 4, 16, 16))


def test_each_picture_of_a_batch_is_cropped_by_itself():
    small = _picture(height=64, width=64, rows=slice(4, 12), columns=slice(4, 12))
    large = _picture(height=64, width=64, rows=slice(8, 56), columns=slice(8, 56))
    both = crop_to_object(torch.cat([small, large]), size=64)
    assert_close(both[:1], crop_to_object(small, size=64))
    assert_close(both[1:], crop_to_object(large, size=64))
