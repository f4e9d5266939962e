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
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from backend.diffusion.views import (
    Sampler,
    ViewSampling,
    ViewScheduler,
    add_noise,
    at_timesteps,
    guide,
)
from backend.geometry.cameras import SHEET_COLUMNS, SHEET_ROWS, ViewRig, sheet_from_views, views_from_sheet
from backend.geometry.framing import crop_to_object
from backend.models.cache import NetworkCache
from backend.models.control import Control, Residuals
from backend.models.empty_prompt import empty_prompt
from backend.models.reference_attention import ReferenceBank, install_reference_attention
from backend.models.zero123plus_weights import Zero123PlusWeights, make_schedule

GREY = 127 / 255
"""What pictures stand on and what is painted behind the object (the pipeline's to_rgb_image)."""
PICTURE_FILL = 0.75
"""Share of the picture's side that the object takes in the authors' demos."""


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
