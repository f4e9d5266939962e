"""PNG files that other programs read as they were meant."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.addon.extension import png, steps


@pytest.mark.parametrize("rows", [1, png.BAND_ROWS, 2 * png.BAND_ROWS + 3])
def test_every_byte_comes_back(rows):
    pixels = np.random.default_rng(rows).integers(0, 256, (rows, 7, 4), dtype=np.uint8)
    file = io.BytesIO(steps.finish(png.encode_steps(pixels)))
    np.testing.assert_array_equal(np.array(Image.open(file)), pixels)


def test_a_few_rows_are_a_step():
    steps_taken = list(png.encode_steps(np.zeros((3 * png.BAND_ROWS, 4, 4), dtype=np.uint8)))
    assert len(steps_taken) == 3
