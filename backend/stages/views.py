"""Stage 1: six views of an object from one picture, drawn together in one diffusion process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import EulerAncestralDiscreteScheduler
from jaxtyping import Bool, Float
from torch import Tensor

from backend.diffusion.views import Sampler, ViewScheduler, add_noise, at_timesteps, guide, make_scheduler
from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.cameras import NUM_VIEWS, sheet_from_views, views_from_sheet
from backend.models.autoencoder import ViewAutoencoder
from backend.models.image_encoder import ImageEncoder
from backend.models.multiview import MultiviewNet, ViewCondition
from backend.models.precision import half_precision


@dataclass(frozen=True, slots=True)
class ViewNetworks:
    """The networks of stage 1, on one device."""

    vae: ViewAutoencoder
    image_encoder: ImageEncoder
    views: MultiviewNet

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return self.views.prompt.device


@dataclass(frozen=True, slots=True)
class KeptTiles:
    """Tiles of a canvas that are known, in the midst of those that are sampled.

    At every step they are what the noise of that step makes of them (RePaint, Lugmayr et al. 2022, eq. 8),
    so that attention over all six tiles draws the unknown ones to go with them.
    """

    latents: Float[Tensor, "b c hh ww"]
    is_kept: Bool[Tensor, "1 hh ww"]

    def put_into(
        self,
        latents: Float[Tensor, "b c hh ww"],
        *,
        noise: Float[Tensor, "b c hh ww"],
        scheduler: ViewScheduler,
        timestep: Tensor,
    ) -> Float[Tensor, "b c hh ww"]:
        """The canvas with the known tiles at a timestep's noise."""
        # diffusers means any tensor of timesteps by its annotation.
        noised = scheduler.add_noise(self.latents, noise, timestep[None])  # pyright: ignore[reportArgumentType]
        return torch.where(self.is_kept, noised, latents)


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewSampling:
    """How the six views are sampled.

    Attributes:
        guidance: Weight of the condition; 1 switches classifier-free guidance off, and halves the work.
        guidance_rescale: How far the overexposure of strong guidance is undone, from 0 to 1.
    """

    steps: int = 28
    guidance: float = 2.5
    guidance_rescale: float = 0.0
    sampler: Sampler = "euler_ancestral"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.guidance < 1 or not 0 <= self.guidance_rescale <= 1:
            raise ConfigError(f"need steps >= 1, guidance >= 1 and rescale from 0 to 1, got {self}")


def generate_views(
    picture: Float[Tensor, "4 h w"],
    networks: ViewNetworks,
    *,
    seed: int,
    config: ViewSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "v 4 h2 w2"]:
    """Draw the six views of the networks' rig from a matted, centred picture (`crop_to_object`).

    Returns:
        Straight-alpha sRGB tiles in [0, 1], in the rig's order and size, on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(), half_precision(networks.device):
        condition = encode_condition(picture[None].to(networks.device), networks)
        latents = sample_latents(condition, networks, generators=[generator], config=config, on_step=on_step)
        return decode_views(latents, networks)[0].float().cpu()


def redraw_views(
    picture: Float[Tensor, "4 h w"],
    views: Float[Tensor, "v 4 h2 w2"],
    networks: ViewNetworks,
    *,
    tiles: Collection[int],
    seed: int,
    config: ViewSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "v 4 h2 w2"]:
    """Draw some of the six views anew, so that they go with the others, which come back untouched.

    Args:
        views: Straight-alpha sRGB tiles of any size, in the rig's order.
        tiles: Indices of those to draw, from 0.
    """
    generator = torch.Generator().manual_seed(seed)
    size = networks.views.config.latent_px * networks.vae.config.downscale
    is_drawn = torch.tensor([index in tiles for index in range(NUM_VIEWS)])
    with torch.inference_mode(), half_precision(networks.device):
        condition = encode_condition(picture[None].to(networks.device), networks)
        kept = _kept_tiles(resized(views.to(networks.device), size), ~is_drawn, networks)
        latents = sample_latents(
            condition, networks, generators=[generator], config=config, kept=kept, on_step=on_step
        )
        drawn = decode_views(latents, networks)[0].float().cpu()
    return torch.where(is_drawn[:, None, None, None], resized(drawn, views.shape[-1]), views)


def resized(pictures: Float[Tensor, "b 4 h w"], size: int) -> Float[Tensor, "b 4 size size"]:
    """Pictures at another size, filtered premultiplied so that no hidden colour shows."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    premultiplied = torch.cat([pictures[:, :3] * pictures[:, 3:], pictures[:, 3:]], dim=1)
    small = F.interpolate(premultiplied.float(), (size, size), mode="bilinear", antialias=True)
    rgb = small[:, :3] / small[:, 3:].clamp_min(1e-3)
    return torch.cat([rgb.clamp(0, 1), small[:, 3:]], dim=1)


def encode_condition(pictures: Float[Tensor, "b 4 h w"], networks: ViewNetworks) -> ViewCondition:
    """Local and global condition of input pictures of any size."""
    config = networks.views.config
    picture = networks.vae.encode(resized(pictures, config.latent_px * networks.vae.config.downscale))
    embedding = networks.image_encoder(resized(pictures, networks.image_encoder.config.image_px))
    return ViewCondition(picture, embedding)


def decode_views(latents: Float[Tensor, "b c hh ww"], networks: ViewNetworks) -> Float[Tensor, "b v 4 h w"]:
    """Tiles of canvases of latents, decoded one by one to bound the memory."""
    tiles = views_from_sheet(latents)
    decoded = [networks.vae.decode(tile[None]) for tile in tiles.flatten(0, 1)]
    return torch.cat(decoded).unflatten(0, tiles.shape[:2])


def sample_latents(
    condition: ViewCondition,
    networks: ViewNetworks,
    *,
    generators: Sequence[torch.Generator],
    config: ViewSampling,
    kept: KeptTiles | None = None,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "b c hh ww"]:
    """Sample a canvas of latents for each condition, with noise from its own (CPU) generator.

    The tiles `kept` steer the others; what comes back in their place is of no use.
    """
    device = networks.device
    scheduler = make_scheduler(networks.views.config.schedule, config.sampler)
    scheduler.set_timesteps(config.steps)
    shape = networks.views.config.canvas
    latents = _noise(shape, generators, device) * scheduler.init_noise_sigma
    denoise = _Denoiser(condition, networks, config)
    for index, timestep in enumerate(scheduler.timesteps):
        if kept is not None:
            noise = _noise(shape, generators, device)
            latents = kept.put_into(latents, noise=noise, scheduler=scheduler, timestep=timestep)
        noise = _noise(condition.picture.shape[1:], generators, device)
        scaled = scheduler.scale_model_input(latents, timestep)
        predicted = denoise(scaled, noise, int(timestep))
        latents = _step(scheduler, predicted.float(), timestep, latents, generators)
        on_step(index + 1, config.steps)
    return latents


def _kept_tiles(
    tiles: Float[Tensor, "v 4 h w"], is_kept: Bool[Tensor, " v"], networks: ViewNetworks
) -> KeptTiles:
    """Encode tiles one by one, as `decode_views` decodes them."""
    codes = torch.cat([networks.vae.encode(tile[None]) for tile in tiles]).float()
    mask = is_kept.float().to(codes.device)[:, None, None, None].expand(-1, 1, *codes.shape[-2:])
    return KeptTiles(sheet_from_views(codes)[None], sheet_from_views(mask) > 0)


def _noise(
    shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device
) -> Float[Tensor, "b c h w"]:
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators]).to(device)


def _step(
    scheduler: ViewScheduler,
    predicted: Tensor,
    timestep: Tensor,
    latents: Tensor,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """One step of the sampler; only the ancestral one draws noise."""
    if isinstance(scheduler, EulerAncestralDiscreteScheduler):
        # A list is not in its annotation, but it is what draws each sample's noise from its own generator.
        own = list(generators)
        return scheduler.step(
            predicted,
            timestep,
            latents,
            generator=own,  # pyright: ignore[reportArgumentType]
            return_dict=False,
        )[0]
    return scheduler.step(predicted, timestep, latents, return_dict=False)[0]


class _Denoiser:
    """The guided velocity of a canvas; negative and positive condition run as one batch, in this order."""

    def __init__(self, condition: ViewCondition, networks: ViewNetworks, config: ViewSampling) -> None:
        self.net = networks.views
        self.config = config
        self.is_guided = config.guidance > 1
        if self.is_guided:
            empty = networks.vae.empty(self.net.config.latent_px * networks.vae.config.downscale)
            nothing = ViewCondition(empty.expand_as(condition.picture), torch.zeros_like(condition.embedding))
            condition = ViewCondition(
                torch.cat([nothing.picture, condition.picture]),
                torch.cat([nothing.embedding, condition.embedding]),
            )
        self.condition = condition
        self.hint = self.net.hint(condition)
        self.reference = networks.vae.config.scaling.code(condition.picture)
        self.alpha_bar = self.net.config.schedule.alpha_bar().to(self.reference.device)

    def __call__(self, scaled: Tensor, reference_noise: Tensor, timestep: int) -> Tensor:
        copies = 2 if self.is_guided else 1
        batch = torch.full((copies * len(scaled),), timestep, device=scaled.device)
        alpha_bar = at_timesteps(self.alpha_bar, batch)
        # The same noise for both, so that their difference is due to the condition alone.
        reference = add_noise(self.reference, reference_noise.repeat(copies, 1, 1, 1), alpha_bar)
        predicted = self.net(scaled.repeat(copies, 1, 1, 1), reference, batch, self.condition, self.hint)
        if not self.is_guided:
            return predicted
        negative, positive = predicted.chunk(2)
        return guide(negative, positive, guidance=self.config.guidance, rescale=self.config.guidance_rescale)
