"""The scalings of latents are Zero123++'s, and invert."""

import pytest
import torch
from torch.testing import assert_close

from backend.diffusion.latents import ZERO123PLUS_SCALING, LatentScaling
from backend.errors import ConfigError


def test_published_latents_are_shifted_and_scaled_after_the_code_factor():
    """(z * 0.18215 - 0.22) * 0.75 (zero123plus: diffusers-support/pipeline.py, scale_latents)."""
    code = torch.tensor([0.0, 1.0, -3.0])
    expected = torch.tensor([-0.165, -0.0283875, -0.5748375])
    assert_close(ZERO123PLUS_SCALING.latents(code), expected)


def test_published_images_span_five_eighths():
    """x * 0.5 / 0.8 (scale_image of the same pipeline)."""
    assert_close(ZERO123PLUS_SCALING.scale_image(torch.tensor([-1.0, 1.0])), torch.tensor([-0.625, 0.625]))


@pytest.mark.parametrize("scaling", [ZERO123PLUS_SCALING, LatentScaling()])
def test_scalings_invert(scaling: LatentScaling):
    values = torch.linspace(-4, 4, 9, dtype=torch.float64)
    assert_close(scaling.code(scaling.latents(values)), values)
    assert_close(scaling.unscale_image(scaling.scale_image(values)), values)


def test_our_reference_is_five_times_what_is_diffused():
    """The published one is 5.49 times (zero123plus issue 66)."""
    assert_close(LatentScaling().code(torch.ones(1)), torch.full((1,), 5.0))


def test_scaling_by_zero_is_refused():
    with pytest.raises(ConfigError, match="positive"):
        LatentScaling(scale=0.0)
