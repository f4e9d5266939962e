"""The scalings between an image, its autoencoder's code, and what the six-view diffusion works on."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentScaling:
    """Zero123++'s scalings (its pipeline's scale_image and scale_latents), as data of a set of weights.

    With z the autoencoder's code, diffusion works on `(z * code_factor - shift) * scale`, and the reference
    picture enters as z itself. That makes the reference `1 / code_factor` times larger than what is
    diffused: it outshines the noise that is added to it, which is the "scaled" in scaled reference attention.

    Attributes:
        image_scale: Factor on images in [-1, 1] before the autoencoder.
        code_factor: Factor that takes codes to about unit variance.
        shift: Subtracted from the codes of tiles after `code_factor`.
        scale: Factor after `shift`.
    """

    image_scale: float = 1.0
    code_factor: float = 0.2
    shift: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not (self.image_scale > 0 and self.code_factor > 0 and self.scale > 0):
            raise ConfigError(f"latent scalings must be positive, got {self}")

    def scale_image(self, image: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """From [-1, 1] to what the autoencoder encodes."""
        return image * self.image_scale

    def unscale_image(self, image: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """The inverse of `scale_image`."""
        return image / self.image_scale

    def latents(self, code: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """From the autoencoder's code to what is diffused."""
        return (code * self.code_factor - self.shift) * self.scale

    def code(self, latents: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """The inverse of `latents`: the autoencoder's code, which is also the reference picture's form."""
        return (latents / self.scale + self.shift) / self.code_factor


ZERO123PLUS_SCALING = LatentScaling(image_scale=0.5 / 0.8, code_factor=0.18215, shift=0.22, scale=0.75)
"""The scalings of Zero123++ (zero123plus: diffusers-support/pipeline.py)."""
