"""True views made imperfect in one named way, as stage 1 draws them: what stage 2 has to bear.

Every fault is fixed by its name and the seed, so that two sets of weights meet the same pictures.
"""

from collections.abc import Callable
from enum import StrEnum

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SHIFT_SHARE = 0.012
"""Length of the shift of each view, as a share of its side (3 pixels of 256)."""
BLUR_SHARE = 3
"""Factor by which views are shrunk and enlarged again."""
GAIN_SPREAD = 0.08
"""Standard deviation of each view's factor of each colour channel."""


class Fault(StrEnum):
    """Ways in which views can be imperfect."""

    NONE = "none"
    SHIFTED = "shifted"
    BLURRED = "blurred"
    RECOLOURED = "recoloured"
    MISSING = "missing"


def with_fault(views: Float[Tensor, "v 4 h w"], fault: Fault, *, seed: int) -> Float[Tensor, "v 4 h w"]:
    """The views with a fault; a missing one is wholly transparent."""
    return _MAKERS[fault](views, torch.Generator().manual_seed(seed))


def _shifted(views: Float[Tensor, "v 4 h w"], generator: torch.Generator) -> Float[Tensor, "v 4 h w"]:
    angle = 2 * torch.pi * torch.rand(len(views), generator=generator)
    step = 2 * SHIFT_SHARE * torch.stack([angle.cos(), angle.sin()], dim=1)
    transform = torch.cat([torch.eye(2).expand(len(views), 2, 2), step[..., None]], dim=2)
    grid = F.affine_grid(transform, list(views.shape), align_corners=False)
    return _filtered(views, lambda images: F.grid_sample(images, grid, align_corners=False))


def _blurred(views: Float[Tensor, "v 4 h w"], generator: torch.Generator) -> Float[Tensor, "v 4 h w"]:
    size = views.shape[-2:]
    small = [side // BLUR_SHARE for side in size]
    return _filtered(
        views,
        lambda images: F.interpolate(F.interpolate(images, small, mode="area"), size, mode="bilinear"),
    )


def _recoloured(views: Float[Tensor, "v 4 h w"], generator: torch.Generator) -> Float[Tensor, "v 4 h w"]:
    gain = 1 + GAIN_SPREAD * torch.randn(len(views), 3, 1, 1, generator=generator)
    return torch.cat([(views[:, :3] * gain).clamp(0, 1), views[:, 3:]], dim=1)


def _missing(views: Float[Tensor, "v 4 h w"], generator: torch.Generator) -> Float[Tensor, "v 4 h w"]:
    gone = int(torch.randint(len(views), (1,), generator=generator))
    is_there = (torch.arange(len(views)) != gone).to(views.dtype)
    return views * is_there[:, None, None, None]


def _filtered(
    views: Float[Tensor, "v 4 h w"], change: Callable[[Tensor], Tensor]
) -> Float[Tensor, "v 4 h w"]:
    """Filter premultiplied, so that no hidden colour shows."""
    made = change(torch.cat([views[:, :3] * views[:, 3:], views[:, 3:]], dim=1))
    return torch.cat([(made[:, :3] / made[:, 3:].clamp_min(1e-4)).clamp(0, 1), made[:, 3:]], dim=1)


_MAKERS: dict[Fault, Callable[[Tensor, torch.Generator], Tensor]] = {
    Fault.NONE: lambda views, _: views,
    Fault.SHIFTED: _shifted,
    Fault.BLURRED: _blurred,
    Fault.RECOLOURED: _recoloured,
    Fault.MISSING: _missing,
}
