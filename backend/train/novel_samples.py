"""Training samples of the view-conditioned diffusion: what its frozen neighbours make of pictures."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.anchors import Directions
from backend.models.autoencoder import ViewAutoencoder
from backend.models.input_camera import InputFrame
from backend.models.precision import half_precision
from backend.models.zero123 import Zero123Condition, Zero123Net
from backend.stages.novel_starter import NovelViewNetworks, draw_hints, encode_sources
from backend.train.orbit import OrbitShots

CHUNK = 64
"""Objects encoded at once."""
KNOWN_SHARE = 0.6
"""Share of users' pictures whose elevation is told: anchors are drawn once it has been estimated."""
ELEVATION_ERROR = 0.06
"""Of what is told, in radians (standard deviation)."""


@dataclass(frozen=True, slots=True)
class NovelSample:
    """One picture and views of its object, in half precision.

    Attributes:
        elevation: Of the picture's camera, as the networks believe it to be.
        toward: Azimuths and elevations of the views relative to it.
        hints: What the picture's volume shows of the views.
    """

    latents: Float[Tensor, "c h w"]
    embedding: Float[Tensor, " e"]
    elevation: Float[Tensor, ""]
    toward: Float[Tensor, "2 t"]
    hints: Float[Tensor, "t o h w"]
    views: Float[Tensor, "t c h w"]


@dataclass(frozen=True, slots=True)
class NovelBatch:
    """A batch of `NovelSample`s on the device."""

    latents: Float[Tensor, "b c h w"]
    embedding: Float[Tensor, "b e"]
    elevation: Float[Tensor, " b"]
    toward: Float[Tensor, "b 2 t"]
    hints: Float[Tensor, "b t o h w"]
    views: Float[Tensor, "b t c h w"]

    def condition(self, net: Zero123Net, vae: ViewAutoencoder) -> Zero123Condition:
        """What all the views are drawn from."""
        return net.condition(
            vae.config.scaling.code(self.latents),
            self.embedding,
            Directions(self.toward[:, 0], self.toward[:, 1]),
            elevation=self.elevation,
            hint=self.hints,
        )


@torch.no_grad()
def novel_samples(
    shots: OrbitShots, networks: NovelViewNetworks, *, generator: torch.Generator | None = None
) -> list[NovelSample]:
    """Encode pictures and views once: first all users' pictures, then all anchors.

    With a (CPU) generator the elevation of users' pictures is told with an error, or not at all; else it
    is told as it is.
    """
    count = len(shots.pictures)
    told = shots.frames[0].elevation
    if generator is not None:
        error = ELEVATION_ERROR * torch.randn(count, generator=generator).to(told.device)
        is_told = (torch.rand(count, generator=generator) < KNOWN_SHARE).to(told.device)
        told = torch.where(is_told, told + error, torch.nan)
    samples = []
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        samples += _encoded(shots, 0, part, networks, frame=None, elevation=told[part])
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        samples += _encoded(shots, 1, part, networks, frame=shots.frames[1][part], elevation=None)
    return samples


def _encoded(
    shots: OrbitShots,
    kind: int,
    part: slice,
    networks: NovelViewNetworks,
    *,
    frame: InputFrame | None,
    elevation: Float[Tensor, " b"] | None,
) -> list[NovelSample]:
    device = networks.device
    toward = Directions(shots.toward.azimuth[part, kind], shots.toward.elevation[part, kind])
    views = shots.views[part, kind].to(device)
    with half_precision(device):
        sources = encode_sources(
            shots.pictures[part, kind].to(device), networks, frame=frame, elevation=elevation
        )
        hints = draw_hints(sources, toward, networks)
        latents = networks.vae.encode(views.flatten(0, 1)).unflatten(0, views.shape[:2])
    columns = (
        sources.latents.half(),
        sources.embedding.half(),
        sources.frame.elevation,
        torch.stack([toward.azimuth, toward.elevation], dim=1),
        hints.half(),
        latents.half(),
    )
    return [NovelSample(*parts) for parts in zip(*columns, strict=True)]


def collate(samples: list[NovelSample]) -> NovelBatch:
    """Stack samples and widen their numbers."""
    return NovelBatch(
        *(
            torch.stack([getattr(sample, name) for sample in samples]).float()
            for name in NovelSample.__slots__
        )
    )
