"""Views of an object from any camera, each drawn by itself from one picture (Zero123, 2303.11328)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import DDIMScheduler
from jaxtyping import Float
from torch import Tensor

from backend.diffusion.views import guide
from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.anchors import Directions
from backend.geometry.framing import PICTURE_FILL, crop_to_object, object_frames
from backend.models.autoencoder import ViewAutoencoder
from backend.models.image_encoder import ImageEncoder
from backend.models.input_camera import InputFrame
from backend.models.picture_volume import PictureVolume
from backend.models.volume_views import draw_from
from backend.models.zero123 import Zero123Condition, Zero123Net
from backend.stages.views import resized


@dataclass(frozen=True, slots=True)
class NovelViewNetworks:
    """The networks that draw single views, on one device.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class NovelSampling:
    """How views are sampled.

    Attributes:
        guidance: Weight of the condition; 1 switches classifier-free guidance off, and halves the work.
        eta: Share of fresh noise in every step (DDIM, eq. 16).
        batch: Views drawn at once.
    """

    steps: int = 20
    guidance: float = 1.5
    eta: float = 0.0
    batch: int = 16

    def __post_init__(self) -> None:
        if self.steps < 1 or self.guidance < 1 or not 0 <= self.eta <= 1 or self.batch < 1:
            raise ConfigError(f"need steps, batch and guidance >= 1 and eta from 0 to 1, got {self}")


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
    built = volume.build(latents, features.embedding, features.patches, frame.code())
    return Sources(latents, features.embedding.float(), built.float(), frame)


def tile_sources(
    tiles: Float[Tensor, "b 4 h w"], elevation: Float[Tensor, " b"], networks: NovelViewNetworks
) -> Sources:
    """Encode views drawn by the networks themselves, whose cameras (at these elevations) are known."""
    pictures, frame = framed_tiles(tiles, elevation, fov=networks.net.config.layout.fov)
    return encode_sources(pictures, networks, frame=frame)


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


def view_condition(sources: Sources, toward: Directions, networks: NovelViewNetworks) -> Zero123Condition:
    """What views toward directions (b, v), relative to the pictures' cameras, are drawn from."""
    return networks.net.condition(
        networks.vae.config.scaling.code(sources.latents),
        sources.embedding,
        toward,
        elevation=sources.frame.elevation,
        hint=draw_hints(sources, toward, networks),
    )


def sample_views(
    condition: Zero123Condition,
    networks: NovelViewNetworks,
    *,
    seeds: Sequence[int],
    config: NovelSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "n c h w"]:
    """Sample the latents of each view with noise from its own seed, `config.batch` views at once."""
    schedule = networks.net.config.schedule.scheduler()
    schedule.set_timesteps(config.steps)
    parts = []
    total = -(-len(seeds) // config.batch) * config.steps
    for start in range(0, len(seeds), config.batch):
        part = slice(start, start + config.batch)
        done = len(parts) * config.steps

        def report(step: int, _: int, done: int = done) -> None:
            on_step(done + step, total)

        generators = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        parts.append(_sampled(condition[part], networks.net, schedule, generators, config, report))
    return torch.cat(parts)


def decode_tiles(latents: Float[Tensor, "n c h w"], vae: ViewAutoencoder) -> Float[Tensor, "n 4 h2 w2"]:
    """Views of latents, decoded one by one to bound the memory."""
    return torch.cat([vae.decode(view[None]) for view in latents])


def _sampled(
    condition: Zero123Condition,
    net: Zero123Net,
    scheduler: DDIMScheduler,
    generators: Sequence[torch.Generator],
    config: NovelSampling,
    on_step: OnStep,
) -> Float[Tensor, "n c h w"]:
    device = condition.token.device
    shape = (net.config.latent_channels, net.config.latent_px, net.config.latent_px)
    latents = _noise(shape, generators, device)
    is_guided = config.guidance > 1
    if is_guided:
        nothing = torch.zeros(len(latents), dtype=torch.bool, device=device)
        condition = condition.after(condition.kept(nothing))
    for index, timestep in enumerate(scheduler.timesteps):
        seen = torch.cat([latents, latents]) if is_guided else latents
        times = timestep.to(device).expand(len(seen))
        predicted = net(seen, times, condition).float()
        if is_guided:
            negative, positive = predicted.chunk(2)
            predicted = guide(negative, positive, guidance=config.guidance)
        noise = _noise(shape, generators, device) if config.eta else None
        latents = scheduler.step(
            # diffusers annotates a timestep as a number.
            predicted,
            timestep,  # pyright: ignore[reportArgumentType]
            latents,
            eta=config.eta,
            variance_noise=noise,
            return_dict=False,
        )[0]
        on_step(index + 1, config.steps)
    return latents


def _noise(
    shape: tuple[int, int, int], generators: Sequence[torch.Generator], device: torch.device
) -> Float[Tensor, "n c h w"]:
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators]).to(device)
