"""Fixed sampling samples as `grid_sample` does, forwards and backwards."""

import torch
import torch.nn.functional as F
from torch.testing import assert_close

from backend.models.fixed_sampling import FixedSampling


def test_equals_grid_sample_inside_and_outside():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(50, 3, generator=generator) * 2.6 - 1.3
    volume = torch.randn(3, 5, 5, 5, generator=generator, requires_grad=True)
    ours = FixedSampling(points, 5)(volume.flatten(1).T)
    grid = points[None, :, None, None]
    true = F.grid_sample(volume[None], grid, align_corners=False, padding_mode="zeros")[0, :, :, 0, 0].T
    assert_close(ours, true)
    probe = torch.randn(50, 3, generator=generator)
    (our_grad,) = torch.autograd.grad((ours * probe).sum(), volume, retain_graph=True)
    (true_grad,) = torch.autograd.grad((true * probe).sum(), volume)
    assert_close(our_grad, true_grad)
