"""Stage 1: six views of an object from one picture, drawn together in one diffusion process."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import repeat
from jaxtyping import Bool, Float
from torch import Tensor

from backend.diffusion.views import (
    Sampler,
    ViewSampling,
    ViewScheduler,
    add_noise,
    at_timesteps,
    guide,
    make_scheduler,
)
from backend.errors import OnStep, ignore_steps
from backend.geometry.cameras import (
    NUM_VIEWS,
    SHEET_COLUMNS,
    SHEET_ROWS,
    sheet_from_views,
    views_from_sheet,
)
from backend.models.autoencoder import ViewAutoencoder
from backend.models.image_encoder import ImageEncoder
from backend.models.multiview import MultiviewNet, ViewCondition
from backend.models.precision import half_precision
from backend.models.replay import Replayed
from backend.stages.canvas import Denoiser, KeptTiles, ViewModel, sample_canvas
from backend.stages.silhouettes import cut_from


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

    @property
    def canvas(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a canvas of latents."""
        return self.views.config.canvas

    @property
    def tile_px(self) -> int:
        """Side of a tile."""
        return self.views.config.latent_px * self.vae.config.downscale

    @property
    def background(self) -> None:
        """Tiles carry alpha."""
        return None

    def precision(self) -> AbstractContextManager[object]:
        """Mixed precision where it is faster."""
        return half_precision(self.device)

    def scheduler(self, sampler: Sampler) -> ViewScheduler:
        """The sampler for the networks' noise schedule."""
        return make_scheduler(self.views.config.schedule, sampler)

    def prepare(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        *,
        generators: Sequence[torch.Generator],
        config: ViewSampling,
    ) -> Denoiser:
        """Encode matted pictures; draws no noise."""
        return _Denoiser(encode_condition(pictures.to(self.device), self), self, config)

    def encode(self, tiles: Float[Tensor, "v 4 h w"]) -> Float[Tensor, "1 c hh ww"]:
        """The canvas of six tiles, encoded one by one to bound the memory."""
        return sheet_from_views(torch.cat([self.vae.encode(tile[None]) for tile in tiles]))[None]

    def decode(self, latents: Float[Tensor, "b c hh ww"]) -> Float[Tensor, "b v 4 h w"]:
        """Tiles of canvases."""
        return decode_views(latents, self)


def generate_views(
    picture: Float[Tensor, "4 h w"],
    model: ViewModel,
    *,
    seed: int,
    config: ViewSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "v 4 h2 w2"]:
    """Draw the six views of the model's rig from a matted, centred picture (`crop_to_object`).

    Returns:
        Straight-alpha sRGB tiles in [0, 1], in the rig's order and size, on the CPU.
    """
    return _drawn(picture, model, seed=seed, config=config, kept=None, on_step=on_step)


def redraw_views(
    picture: Float[Tensor, "4 h w"],
    views: Float[Tensor, "v 4 h2 w2"],
    model: ViewModel,
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
    is_drawn = torch.tensor([index in tiles for index in range(NUM_VIEWS)])
    with torch.inference_mode(), model.precision():
        canvas = model.encode(resized(views.to(model.device), model.tile_px)).float()
    kept = KeptTiles(canvas, _tile_mask(~is_drawn, model.canvas).to(canvas.device))
    drawn = _drawn(picture, model, seed=seed, config=config, kept=kept, on_step=on_step)
    return torch.where(is_drawn[:, None, None, None], resized(drawn, views.shape[-1]), views)


def _drawn(
    picture: Float[Tensor, "4 h w"],
    model: ViewModel,
    *,
    seed: int,
    config: ViewSampling,
    kept: KeptTiles | None,
    on_step: OnStep,
) -> Float[Tensor, "v 4 h2 w2"]:
    generators = [torch.Generator().manual_seed(seed)]
    with torch.inference_mode(), model.precision():
        latents = sample_canvas(
            # Nothing else holds it, so that its networks may go before the canvas is decoded.
            model.prepare(picture[None], generators=generators, config=config),
            model.scheduler(config.sampler),
            shape=model.canvas,
            device=model.device,
            generators=generators,
            steps=config.steps,
            kept=kept,
            on_step=on_step,
        )
        views = model.decode(latents)[0].float().cpu()
    return views if model.background is None else cut_from(views, model.background)


def _tile_mask(is_kept: Bool[Tensor, " v"], canvas: tuple[int, int, int]) -> Bool[Tensor, "1 hh ww"]:
    tiles = is_kept.reshape(SHEET_ROWS, SHEET_COLUMNS)
    _, height, width = canvas
    rows, columns = height // SHEET_ROWS, width // SHEET_COLUMNS
    return repeat(tiles, "r k -> 1 (r h) (k w)", h=rows, w=columns)


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
    features = networks.image_encoder(resized(pictures, networks.image_encoder.config.image_px))
    return ViewCondition(picture, features)


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
    """Sample a canvas of latents for each condition, with noise from its own (CPU) generator."""
    return sample_canvas(
        _Denoiser(condition, networks, config),
        networks.scheduler(config.sampler),
        shape=networks.canvas,
        device=networks.device,
        generators=generators,
        steps=config.steps,
        kept=kept,
        on_step=on_step,
    )


class _Denoiser:
    """The guided velocity of a canvas; negative and positive condition run as one batch, in this order."""

    def __init__(self, condition: ViewCondition, networks: ViewNetworks, config: ViewSampling) -> None:
        self.net = networks.views
        self.config = config
        self.is_guided = config.guidance > 1
        if self.is_guided:
            empty = networks.vae.empty(self.net.config.latent_px * networks.vae.config.downscale)
            none = torch.zeros(len(condition.picture), dtype=torch.bool, device=empty.device)
            condition = condition.after(condition.kept(none, empty=empty))
        self.condition = condition
        self.hint = self.net.hint(condition)
        self.reference = networks.vae.config.scaling.code(condition.picture)
        self.alpha_bar = self.net.config.schedule.alpha_bar().to(self.reference.device)
        self.noise_shape = tuple(self.reference.shape[1:])
        self._replayed = Replayed(self._velocity)

    def __call__(self, scaled: Tensor, reference_noise: Tensor, timestep: int) -> Tensor:
        copies = 2 if self.is_guided else 1
        batch = torch.full((copies * len(scaled),), timestep, device=scaled.device)
        return self._replayed(scaled, reference_noise, batch)

    def _velocity(self, scaled: Tensor, reference_noise: Tensor, batch: Tensor) -> Tensor:
        copies = len(batch) // len(scaled)
        alpha_bar = at_timesteps(self.alpha_bar, batch)
        # The same noise for both, so that their difference is due to the condition alone.
        reference = add_noise(self.reference, reference_noise.repeat(copies, 1, 1, 1), alpha_bar)
        predicted = self.net(scaled.repeat(copies, 1, 1, 1), reference, batch, self.condition, self.hint)
        if not self.is_guided:
            return predicted
        negative, positive = predicted.chunk(2)
        return guide(negative, positive, guidance=self.config.guidance, rescale=self.config.guidance_rescale)
