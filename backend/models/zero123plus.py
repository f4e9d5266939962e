"""Zero123++ with its published weights (Shi et al. 2023, arXiv 2310.15110): six views as one canvas.

Memory: every component runs in half precision (float32 on the CPU) and is there only while it works: the
autoencoder encodes the picture, the vision encoder looks at it, the UNet (and a ControlNet) denoises the
canvas, the autoencoder decodes it. The text encoder is read once for all pictures, on the CPU
(`backend/models/empty_prompt.py`). So the most that is needed is the UNet, 1.7 GB, with what it computes, or
the decoding of the whole canvas; a card with plenty of memory keeps the components for the next job instead
(`NetworkCache`).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.schedulers import KarrasDiffusionSchedulers
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from backend.diffusion.latents import ZERO123PLUS_SCALING, LatentScaling
from backend.diffusion.views import (
    SAMPLERS,
    Sampler,
    ViewSampling,
    ViewScheduler,
    add_noise,
    at_timesteps,
    guide,
)
from backend.errors import WeightsError
from backend.geometry.cameras import SHEET_COLUMNS, SHEET_ROWS, ViewRig, sheet_from_views, views_from_sheet
from backend.geometry.framing import crop_to_object
from backend.models.cache import NetworkCache
from backend.models.component_layout import (
    NONSENSE,
    Layout,
    build_empty,
    check_tensors,
    first_line,
    read_config,
    read_layout,
    stored_shapes,
    tensor_files,
)
from backend.models.control import Control, Residuals
from backend.models.empty_prompt import empty_prompt
from backend.models.feature_extractor import FeatureExtractor, read_feature_extractor
from backend.models.reference_attention import ReferenceBank, install_reference_attention
from backend.protocol import Json

PIPELINE = "Zero123PlusPipeline"
SCHEDULER_FILE = "scheduler_config.json"
GREY = 127 / 255
"""What pictures stand on and what is painted behind the object (the pipeline's to_rgb_image)."""
PICTURE_FILL = 0.75
"""Share of the picture's side that the object takes in the authors' demos."""
MAX_TRAIN_STEPS, MAX_VAE_LEVELS = 100_000, 6
NETWORK_CLASSES = (UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPVisionModelWithProjection)


@dataclass(frozen=True, kw_only=True, slots=True)
class Zero123PlusWeights:
    """The published folder, with its small files read.

    Attributes:
        ramp: The share of the picture's embedding in each token of the prompt.
        clip: How the vision encoder wants pictures.
        vae: How the autoencoder wants the reference picture; brings the scaling of images with it.
        schedule: Configuration of the noise schedule.
        latent_channels: Channels of the autoencoder's code.
        downscale: Pixels along a side that one latent stands for.
        scaling: The scalings of images and codes.
    """

    layout: Layout
    ramp: tuple[float, ...]
    clip: FeatureExtractor
    vae: FeatureExtractor
    schedule: dict[str, Json]
    latent_channels: int
    downscale: int
    scaling: LatentScaling

    def folder(self, name: str) -> Path:
        """The folder of a component.

        Raises:
            WeightsError: when it is missing or of another class.
        """
        return self.layout.component(name, *_CLASSES[name])


_EXTRACTORS = ("CLIPImageProcessor", "CLIPFeatureExtractor")
_CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "vision_encoder": ("CLIPVisionModelWithProjection",),
    "feature_extractor_clip": _EXTRACTORS,
    "feature_extractor_vae": _EXTRACTORS,
    "scheduler": tuple(scheduler.name for scheduler in KarrasDiffusionSchedulers),
}
"""Classes that a component may have, with the names of before. Only numbers are read of a scheduler."""


def read_zero123plus(folder: Path) -> Zero123PlusWeights:
    """Read a folder of Zero123++ v1.1 or v1.2; its tensors wait until they are needed.

    Raises:
        WeightsError: when it is no such folder, or a component is missing or of another class.
    """
    layout = read_layout(folder, (PIPELINE,))
    for name, class_names in _CLASSES.items():
        layout.component(name, *class_names)
    schedule = read_config(folder / "scheduler", SCHEDULER_FILE)
    _check_schedule(schedule, folder)
    channels, downscale, factor = _latent_space(folder / "vae")
    return Zero123PlusWeights(
        layout=layout,
        ramp=_ramp(layout),
        clip=read_feature_extractor(folder / "feature_extractor_clip"),
        vae=read_feature_extractor(folder / "feature_extractor_vae"),
        schedule=schedule,
        latent_channels=channels,
        downscale=downscale,
        scaling=replace(ZERO123PLUS_SCALING, code_factor=factor),
    )


def _latent_space(vae: Path) -> tuple[int, int, float]:
    """Channels, downscale and scaling factor of an autoencoder's code."""
    values = read_config(vae)
    widths, channels = values.get("block_out_channels"), values.get("latent_channels")
    factor = values.get("scaling_factor", ZERO123PLUS_SCALING.code_factor)
    levels = len(widths) if isinstance(widths, list) else 0
    if (
        not 1 <= levels <= MAX_VAE_LEVELS
        or not isinstance(channels, int)
        or channels < 1
        or not isinstance(factor, float)
        or factor <= 0
    ):
        raise WeightsError(
            f"The autoencoder's configuration in {vae} does not describe its code; download the weights again"
        )
    return channels, 2 ** (levels - 1), factor


def make_schedule(values: dict[str, Json], sampler: Sampler) -> ViewScheduler:
    """The sampler for a stored noise schedule, with trailing timesteps as in the authors' examples."""
    made = SAMPLERS[sampler].from_config(dict(values), timestep_spacing="trailing")
    return cast("ViewScheduler", made)


def _check_schedule(values: dict[str, Json], folder: Path) -> None:
    steps = values.get("num_train_timesteps", 1000)
    try:
        if not isinstance(steps, int) or not 1 <= steps <= MAX_TRAIN_STEPS:
            raise ValueError(f"num_train_timesteps {steps}")
        make_schedule(values, "euler_ancestral").set_timesteps(1)
    except NONSENSE as error:
        raise WeightsError(
            f"The noise schedule in {folder} is none ({first_line(error)}); download the weights again"
        ) from error


def check_published(folder: Path) -> int:
    """Compare names and shapes of all tensors with what the configurations describe; reads headers alone.

    Returns:
        The number of values of all networks.

    Raises:
        WeightsError: naming the first tensor that is missing, unknown or of another shape.
    """
    read_zero123plus(folder)
    total = 0
    for net_class in NETWORK_CLASSES:
        place = folder / _place(net_class)
        net = build_empty(net_class, read_config(place), place)
        wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
        check_tensors(wanted, stored_shapes(tensor_files(place)), name=str(place))
        total += sum(parameter.numel() for parameter in net.parameters())
    return total


def _place(net_class: type[nn.Module]) -> str:
    return next(name for name, class_names in _CLASSES.items() if net_class.__name__ in class_names)


def _ramp(layout: Layout) -> tuple[float, ...]:
    values = layout.index.get("ramping_coefficients")
    wanted = read_config(layout.folder / "text_encoder").get("max_position_embeddings", 77)
    if not isinstance(values, list):
        raise WeightsError(
            f"The weights in {layout.folder} have no ramping_coefficients, as Zero123++ before v1.1;"
            " use v1.1 or v1.2"
        )
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values) or len(numbers) != wanted:
        raise WeightsError(
            f"The weights in {layout.folder} have {len(numbers)} ramping_coefficients for {wanted} tokens;"
            " download the weights again"
        )
    return tuple(numbers)


class Zero123Plus:
    """A model of six views (`backend/stages/canvas.py`) with the published weights of Zero123++."""

    def __init__(
        self,
        weights: Zero123PlusWeights,
        networks: NetworkCache,
        *,
        rig: ViewRig,
        prompts: Path | None = None,
        control: Control | None = None,
    ) -> None:
        """Open the model.

        Args:
            networks: Loads the components and keeps them where memory is plentiful.
            rig: The cameras that these weights draw.
            prompts: Folder of the prompt's embeddings that were computed before.
            control: A ControlNet and the sheet that it looks at.
        """
        self.weights = weights
        self.networks = networks
        self.rig = rig
        self.prompts = prompts
        self.control = control
        self.background = GREY
        self.tile_px = rig.tile_px
        self.dtype = torch.float32 if networks.device.type == "cpu" else torch.float16

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self.networks.device

    @property
    def canvas(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the canvas of latents."""
        side = self.tile_px // self.weights.downscale
        return self.weights.latent_channels, SHEET_ROWS * side, SHEET_COLUMNS * side

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """The networks' own."""
        return contextlib.nullcontext()

    def scheduler(self, sampler: Sampler) -> ViewScheduler:
        """The sampler for the stored noise schedule."""
        return make_schedule(self.weights.schedule, sampler)

    def prepare(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        *,
        generators: Sequence[torch.Generator],
        config: ViewSampling,
    ) -> "Zero123PlusDenoiser":
        """Encode matted pictures (straight alpha); guidance takes an empty picture beside each."""
        size = max(pictures.shape[-2:])
        images = [
            on_grey(picture) for picture in crop_to_object(pictures.cpu(), size=size, fill=PICTURE_FILL)
        ]
        copies = 2 if config.guidance > 1 else 1
        reference = self._reference(images, generators, copies=copies)
        prompt = self._prompt(images, copies=copies)
        unet = self.networks.component(UNet2DConditionModel, self.weights.folder("unet"), dtype=self.dtype)
        install_reference_attention(unet)
        return Zero123PlusDenoiser(
            unet,
            reference=reference,
            prompt=prompt,
            alpha_bar=self.scheduler("euler_ancestral").alphas_cumprod.to(self.device),
            config=config,
            residuals=None if self.control is None else self.control.open(self.networks, self.dtype),
        )

    def _vae(self) -> AutoencoderKL:
        return self.networks.component(AutoencoderKL, self.weights.folder("vae"), dtype=self.dtype)

    def _reference(
        self, images: Sequence[Image.Image], generators: Sequence[torch.Generator], *, copies: int
    ) -> Float[Tensor, "k c h w"]:
        """Posterior samples as the autoencoder gives them: scaled by no factor, which is the "scaled"
        reference; first those of the empty picture, an image of zeros.
        """
        pictures = self.weights.vae(images).to(self.device, self.dtype)
        both = torch.cat([torch.zeros_like(pictures), pictures])[-copies * len(images) :]
        vae = self._vae()
        found = [vae.encode(picture[None], return_dict=False)[0] for picture in both]
        means, deviations = (
            torch.cat([getattr(item, name).float() for item in found]) for name in ("mean", "std")
        )
        shape = (copies, *means.shape[1:])
        noise = torch.stack([torch.randn(*shape, generator=generator) for generator in generators])
        del vae
        self.networks.work_ended()
        return means + deviations * rearrange(noise, "b k c h w -> (k b) c h w").to(means.device)

    def _prompt(self, images: Sequence[Image.Image], *, copies: int) -> Float[Tensor, "k t e"]:
        """The embedding of "", with the ramped embedding of the picture in the positive half alone."""
        pixels = self.weights.clip(images).to(self.device, self.dtype)
        folder = self.weights.folder("vision_encoder")
        encoder = self.networks.component(CLIPVisionModelWithProjection, folder, dtype=self.dtype)
        embedding = encoder(pixel_values=pixels).image_embeds.float()
        del encoder
        self.networks.work_ended()
        text = empty_prompt(
            self.weights.folder("text_encoder"), self.weights.folder("tokenizer"), kept_in=self.prompts
        ).to(self.device)
        ramp = torch.tensor(self.weights.ramp, device=self.device)[:, None]
        positive = text + ramp * embedding[:, None]
        return torch.cat([text.expand_as(positive), positive])[-copies * len(images) :]

    def encode(self, tiles: Float[Tensor, "v 4 h w"]) -> Float[Tensor, "1 c hh ww"]:
        """The canvas of six tiles (straight alpha), encoded as one picture like those of training."""
        on_background = tiles[:, :3] * tiles[:, 3:] + GREY * (1 - tiles[:, 3:])
        sheet = self.weights.scaling.scale_image(2 * sheet_from_views(on_background)[None] - 1)
        code = self._vae().encode(sheet.to(self.device, self.dtype), return_dict=False)[0].mean.float()
        self.networks.work_ended()
        return self.weights.scaling.latents(code)

    def decode(self, latents: Float[Tensor, "b c hh ww"]) -> Float[Tensor, "b v 4 h w"]:
        """Opaque tiles of canvases, each decoded as one picture."""
        self.networks.work_ended()
        vae, codes = self._vae(), self.weights.scaling.code(latents).to(self.dtype)
        # diffusers means a tensor of floating-point numbers by its annotation.
        sheets = [vae.decode(code[None], return_dict=False)[0] for code in codes]  # pyright: ignore[reportArgumentType]
        painted = self.weights.scaling.unscale_image(torch.cat(sheets).float())
        rgb = views_from_sheet((painted / 2 + 0.5).clamp(0, 1))
        return torch.cat([rgb, torch.ones_like(rgb[:, :, :1])], dim=2)


class Zero123PlusDenoiser:
    """The guided velocity of canvases: each step runs the UNet on the reference, then on the canvas."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        *,
        reference: Float[Tensor, "k c h w"],
        prompt: Float[Tensor, "k t e"],
        alpha_bar: Float[Tensor, " s"],
        config: ViewSampling,
        residuals: Residuals | None = None,
    ) -> None:
        """Take over what was encoded; with guidance the first half of the batch is the negative one."""
        self.unet = unet
        self.reference = reference
        self.prompt = prompt.to(unet.dtype)
        self.alpha_bar = alpha_bar
        self.config = config
        self.residuals = residuals
        self.copies = 2 if config.guidance > 1 else 1
        self.noise_shape = (self.copies, *reference.shape[1:])

    def __call__(
        self, scaled: Float[Tensor, "b c hh ww"], reference_noise: Float[Tensor, "b k c h w"], timestep: int
    ) -> Float[Tensor, "b c hh ww"]:
        """The guided velocity at a training timestep."""
        steps = torch.full((self.copies * len(scaled),), timestep, device=scaled.device)
        noise = rearrange(reference_noise, "b k c h w -> (k b) c h w")
        noisy = add_noise(self.reference, noise, at_timesteps(self.alpha_bar, steps))
        bank = ReferenceBank(mode="record")
        self._run(noisy.to(self.unet.dtype), steps, bank, None)
        bank.mode = "attend"
        canvas = scaled.repeat(self.copies, 1, 1, 1).to(self.unet.dtype)
        predicted = self._run(canvas, steps, bank, self.residuals).float()
        if self.copies == 1:
            return predicted
        negative, positive = predicted.chunk(2)
        return guide(negative, positive, guidance=self.config.guidance, rescale=self.config.guidance_rescale)

    def _run(
        self, images: Tensor, timesteps: Tensor, bank: ReferenceBank, residuals: Residuals | None
    ) -> Tensor:
        down, middle = (None, None) if residuals is None else residuals(images, timesteps, self.prompt)
        attention_arguments = {"bank": bank}
        return self.unet(
            images,
            timesteps,
            self.prompt,
            cross_attention_kwargs=attention_arguments,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]


def on_grey(picture: Float[Tensor, "4 h w"]) -> Image.Image:
    """A straight-alpha picture on the grey of Zero123++, with 8 bits a colour."""
    on_background = picture[:3] * picture[3:] + GREY * (1 - picture[3:])
    values = (on_background.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).contiguous().cpu().numpy(), "RGB")
