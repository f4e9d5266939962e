"""The step between sRGB-encoded values and linear light (IEC 61966-2-1)."""

import numpy as np
from jaxtyping import Float, UInt8


def linear_from_srgb(values: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Linear light of sRGB-encoded values in [0, 1]."""
    double = values.astype(np.float64)
    return np.where(double <= 0.04045, double / 12.92, ((double + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(values: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """sRGB encoding of linear light, clipped to [0, 1]."""
    clipped = np.clip(values.astype(np.float64), 0, 1)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def linear_from_u8(values: UInt8[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Linear light of 8-bit sRGB values."""
    return linear_from_srgb(np.arange(256) / 255)[values]
