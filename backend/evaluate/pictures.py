"""The cameras of an evaluation and the scores of its pictures.

Pictures are RGBA in [0, 1], sRGB-encoded, with straight alpha, as everywhere between stages.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate.metrics import iou, psnr
from backend.geometry.cameras import UNIT_RADIUS, Cameras, orbit_cameras

GREY = 0.5
"""Background of pictures that are compared: neither black nor white parts vanish in it."""

INPUT_ELEVATION_DEG = (10.0, 20.0)
INPUT_FOV_DEG = (30.0, 40.0)
"""Ranges of the rendered input picture: a product photo taken from slightly above."""

OTHER_ELEVATIONS_DEG = (-10.0, 10.0, 30.0, 55.0)
NUM_OTHER_CAMERAS = 12


def framing_distance(fov: float) -> float:
    """Distance at which the sphere of generation space fills the frame, for a field of view in radians."""
    return UNIT_RADIUS / math.sin(fov / 2)


def _orbit(azimuth_deg: list[float], elevation_deg: list[float], fov_deg: list[float]) -> Cameras:
    azimuth, elevation, fov = (
        torch.deg2rad(torch.tensor(values)) for values in (azimuth_deg, elevation_deg, fov_deg)
    )
    distance = torch.tensor([framing_distance(float(value)) for value in fov])
    return orbit_cameras(azimuth, elevation, distance, fov)


def input_camera(seed: int) -> Cameras:
    """One camera in front of the object (azimuth 0), its elevation and field of view drawn from the seed."""
    random = np.random.default_rng(seed)
    elevation, fov = random.uniform(*INPUT_ELEVATION_DEG), random.uniform(*INPUT_FOV_DEG)
    return _orbit([0.0], [float(elevation)], [float(fov)])


def input_elevation(seed: int) -> float:
    """Elevation of `input_camera`, in radians."""
    (position,) = input_camera(seed).position
    return math.asin(float(position[2] / position.norm()))


def other_cameras() -> Cameras:
    """Twelve cameras around the object, 15 degrees and more away from the azimuths of every rig."""
    numbers = range(NUM_OTHER_CAMERAS)
    azimuth = [15.0 + 360.0 * number / NUM_OTHER_CAMERAS for number in numbers]
    elevation = [OTHER_ELEVATIONS_DEG[number % len(OTHER_ELEVATIONS_DEG)] for number in numbers]
    return _orbit(azimuth, elevation, [30.0] * NUM_OTHER_CAMERAS)


def side_cameras() -> Cameras:
    """Front, right, back and left from slightly above, for people to look at."""
    return _orbit([0.0, 90.0, 180.0, 270.0], [15.0] * 4, [30.0] * 4)


def over(pictures: Float[Tensor, "*b 4 h w"], background: float = GREY) -> Float[Tensor, "*b 3 h w"]:
    """Lay pictures over an even background."""
    alpha = pictures[..., 3:, :, :]
    return pictures[..., :3, :, :] * alpha + background * (1 - alpha)


def picture_scores(ours: Float[Tensor, "v 4 h w"], true: Float[Tensor, "v 4 h w"]) -> dict[str, float | None]:
    """How alike pictures from the same cameras are; each score is a mean over the pictures.

    Returns:
        `psnr_grey`: both over grey, all pixels. `psnr_mask`: over grey, pixels inside the true mask.
        `mask_iou`: alpha above one half. Pictures with an empty true mask count only in the first.
    """
    ours_rgb, true_rgb = over(ours).cpu().numpy(), over(true).cpu().numpy()
    ours_mask, true_mask = (pictures[:, 3].cpu().numpy() > 0.5 for pictures in (ours, true))
    seen = [view for view in range(true.shape[0]) if true_mask[view].any()]
    inside = [psnr(ours_rgb[view][:, true_mask[view]], true_rgb[view][:, true_mask[view]]) for view in seen]
    masks = [iou(ours_mask[view], true_mask[view]) for view in seen]
    return {
        "psnr_grey": float(np.mean([psnr(a, b) for a, b in zip(ours_rgb, true_rgb, strict=True)])),
        "psnr_mask": float(np.mean(inside)) if seen else None,
        "mask_iou": float(np.mean([value for value in masks if value is not None])) if seen else None,
    }
