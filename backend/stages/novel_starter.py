"""The program's own networks that draw single views (`NovelModel`), beside the six-view network."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.anchors import AnchorLayout, Directions
from backend.geometry.framing import PICTURE_FILL, crop_to_object, object_frames
from backend.models.autoencoder import ViewAutoencoder
from backend.models.image_encoder import ImageEncoder
from backend.models.input_camera import InputFrame
from backend.models.picture_volume import PictureVolume
from backend.models.precision import half_precision
from backend.models.volume_views import draw_from
from backend.models.zero123 import Zero123Condition, Zero123Net
from backend.stages.views import resized


@dataclass(frozen=True, slots=True)
class NovelViewNetworks:
    """The networks, on one device.

    Attributes:
        volume: That of the six-view network; what it shows to a camera is the hint of that view.
    """

    vae: ViewAutoencoder
    image_encoder: ImageEncoder
    volume: PictureVolume
    net: Zero123Net

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return self.net.projection.weight.device

    @property
    def layout(self) -> AnchorLayout:
        """The cameras that they draw."""
        return self.net.config.layout

    @property
    def tile_px(self) -> int:
        """Side of a view."""
        return self.net.config.latent_px * self.vae.config.downscale

    @property
    def background(self) -> None:
        """Views carry alpha."""
        return None

    def precision(self) -> AbstractContextManager[object]:
        """Mixed precision where it is faster."""
        return half_precision(self.device)

    def guess_elevation(self, picture: Float[Tensor, "4 h w"]) -> float:
        """What the six-view network thinks of a picture's camera, in radians."""
        encoder = self.image_encoder
        features = encoder(resized(picture[None].to(self.device), encoder.config.image_px))
        return float(InputFrame.from_code(self.volume.guess_frame(features.embedding)).elevation)

    def condition(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        toward: Directions,
        *,
        elevation: Float[Tensor, " b"],
        are_tiles: bool,
    ) -> Zero123Condition:
        """What views are drawn from; see `NovelModel`."""
        pictures, elevation = pictures.to(self.device), elevation.to(self.device)
        toward = Directions(toward.azimuth.to(self.device), toward.elevation.to(self.device))
        if are_tiles:
            pictures, frame = framed_tiles(pictures, elevation, fov=self.layout.fov)
            sources = encode_sources(pictures, self, frame=frame)
        else:
            sources = encode_sources(pictures, self, elevation=elevation)
        return self.net.condition(
            self.vae.config.scaling.code(sources.latents),
            sources.embedding,
            toward,
            elevation=sources.frame.elevation,
            hint=draw_hints(sources, toward, self),
        )

    def decode(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 4 h2 w2"]:
        """Views of latents, one by one to bound the memory."""
        return torch.cat([self.vae.decode(view[None]) for view in latents])


@dataclass(frozen=True, slots=True)
class Sources:
    """Pictures as the networks see them, and how each sees its object.

    Attributes:
        latents: As `ViewAutoencoder.encode` gives them.
        volume: What `PictureVolume.build` makes of each.
    """

    latents: Float[Tensor, "b c h w"]
    embedding: Float[Tensor, "b e"]
    volume: Float[Tensor, "b k d i j"]
    frame: InputFrame


def encode_sources(
    pictures: Float[Tensor, "b 4 h w"],
    networks: NovelViewNetworks,
    *,
    frame: InputFrame | None = None,
    elevation: Float[Tensor, " b"] | None = None,
) -> Sources:
    """Encode centred pictures (`crop_to_object`) of any size.

    Args:
        frame: How the pictures see their objects; else it is guessed.
        elevation: That of the pictures' cameras, in radians, in place of a guess; NaN where it is not known.
    """
    vae, encoder, volume = networks.vae, networks.image_encoder, networks.volume
    latents = vae.encode(resized(pictures, networks.net.config.latent_px * vae.config.downscale))
    features = encoder(resized(pictures, encoder.config.image_px))
    if frame is None:
        frame = InputFrame.from_code(volume.guess_frame(features.embedding))
    if elevation is not None:
        frame = replace(frame, elevation=torch.where(elevation.isnan(), frame.elevation, elevation))
    built = volume.build(latents, features, frame.code())
    return Sources(latents, features.embedding.float(), built.float(), frame)


def framed_tiles(
    tiles: Float[Tensor, "b 4 h w"], elevation: Float[Tensor, " b"], *, fov: float
) -> tuple[Float[Tensor, "b 4 h w"], InputFrame]:
    """Tiles cut to their objects as input pictures are, and how the cuts see the objects."""
    centre, side = object_frames(tiles, fill=PICTURE_FILL)
    size = tiles.shape[-1]
    frame = InputFrame(elevation, torch.full_like(elevation, fov), centre / size, side / size)
    return crop_to_object(tiles, size=size), frame


def draw_hints(
    sources: Sources, toward: Directions, networks: NovelViewNetworks
) -> Float[Tensor, "b v o h w"]:
    """What the pictures' volumes show to cameras at directions (b, v) relative to the pictures' own."""
    config = networks.net.config
    elevation = toward.elevation + sources.frame.elevation[:, None]
    cameras = config.layout.place(Directions(toward.azimuth, elevation))
    return draw_from(networks.volume, sources.volume, cameras, config.latent_px)
