"""Zero123 with its published weights (Liu et al. 2023, arXiv 2303.11328): single views on white.

Two layouts of components exist; they differ in what the projection of the camera is called. Memory: each
component is there only while it works where memory is short (`NetworkCache`).
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from backend.diffusion.ddim import Betas, DdimSchedule, Prediction, Spacing
from backend.errors import ConfigError, WeightsError
from backend.geometry.anchors import ZERO123_LAYOUT, AnchorLayout, Directions
from backend.geometry.framing import crop_to_object
from backend.models.cache import NetworkCache
from backend.models.component_layout import (
    Layout,
    fill,
    read_config,
    read_layout,
    stored_shapes,
    tensor_files,
)
from backend.models.image_encoder import CLIP_DEVIATION, CLIP_MEAN
from backend.models.zero123 import (
    POSE_CHANNELS,
    ZERO123,
    Zero123Condition,
    Zero123Config,
    Zero123Net,
    camera_token,
)

PIPELINES = ("Zero1to3StableDiffusionPipeline", "Zero123Pipeline")
SCHEDULER_FILE = "scheduler_config.json"
WHITE = 1.0
PICTURE_FILL = 0.75
"""Share of the picture's side that the object takes (One-2-3-45: utils)."""
NEAR_WHITE = 253 / 255
"""Drawn pixels from here on are background before a view is drawn from again."""
_CLASSES = {
    "vae": "AutoencoderKL",
    "image_encoder": "CLIPVisionModelWithProjection",
    "unet": "UNet2DConditionModel",
    "scheduler": "DDIMScheduler",
}
PROJECTIONS = {
    "cc_projection": ("CCProjection", "projection"),
    "clip_camera_projection": ("CLIPCameraProjection", "proj"),
}
"""Class of the projection's component, and what its layer is called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Zero123Weights:
    """The published folder, with its small files read.

    Attributes:
        projection: Name of the component that projects embedding and camera.
        scaling_factor: That of the autoencoder's codes.
        downscale: Pixels along a side that one latent stands for.
    """

    layout: Layout
    projection: str
    schedule: DdimSchedule
    scaling_factor: float
    downscale: int

    def folder(self, name: str) -> Path:
        """The folder of a component.

        Raises:
            WeightsError: when it is missing or of another class.
        """
        kind = PROJECTIONS[name][0] if name in PROJECTIONS else _CLASSES[name]
        return self.layout.component(name, kind)


def read_zero123(folder: Path) -> Zero123Weights:
    """Read a folder of Zero123 in either layout; its tensors wait until they are needed.

    Raises:
        WeightsError: when it is no such folder, or a component is missing or of another class.
    """
    layout = read_layout(folder, PIPELINES)
    projection = next((name for name in PROJECTIONS if name in layout.index), None)
    if projection is None:
        raise WeightsError(
            f"The weights in {folder} have no {' or '.join(PROJECTIONS)}; choose those of Zero123"
        )
    for name, kind in (*_CLASSES.items(), (projection, PROJECTIONS[projection][0])):
        layout.component(name, kind)
    unet = read_config(folder / "unet")
    wanted = 2 * ZERO123.latent_channels
    if unet.get("in_channels") != wanted:
        raise WeightsError(
            f"The UNet in {folder} takes {unet.get('in_channels')} channels, one of Zero123 takes {wanted};"
            " choose other weights"
        )
    vae = read_config(folder / "vae")
    widths = vae.get("block_out_channels")
    return Zero123Weights(
        layout=layout,
        projection=projection,
        schedule=_read_schedule(folder / "scheduler"),
        scaling_factor=float(str(vae.get("scaling_factor", 0.18215))),
        downscale=2 ** (len(widths) - 1 if isinstance(widths, list) else 3),
    )


def _read_schedule(folder: Path) -> DdimSchedule:
    values = read_config(folder, SCHEDULER_FILE)
    names = {
        "num_train_timesteps": "train_steps",
        "beta_start": "beta_start",
        "beta_end": "beta_end",
        "beta_schedule": "betas",
        "prediction_type": "prediction",
        "timestep_spacing": "spacing",
        "steps_offset": "steps_offset",
        "set_alpha_to_one": "ends_clean",
    }
    # What diffusers takes where a file is silent.
    known = {"prediction_type": "epsilon", "timestep_spacing": "leading", "steps_offset": 0} | values
    found = {own: known[name] for name, own in names.items() if name in known}
    for name, kind in (
        ("beta_schedule", Betas),
        ("prediction_type", Prediction),
        ("timestep_spacing", Spacing),
    ):
        if known.get(name) not in get_args(kind):
            raise WeightsError(
                f"The schedule in {folder} has the {name} {known.get(name)}, known are"
                f" {', '.join(get_args(kind))}; choose other weights"
            )
    try:
        return DdimSchedule(**found)  # pyright: ignore[reportArgumentType] - it checks its values
    except (ConfigError, TypeError) as error:
        raise WeightsError(
            f"The schedule in {folder} is none of Zero123's ({error}); choose other weights"
        ) from error


class Zero123Published:
    """A model of single views (`backend/stages/novel_views.py`) with the published weights of Zero123."""

    background = WHITE

    def __init__(
        self, weights: Zero123Weights, networks: NetworkCache, *, layout: AnchorLayout = ZERO123_LAYOUT
    ) -> None:
        """Open the model; `networks` loads the components and keeps them where memory is plentiful."""
        self.weights = weights
        self.networks = networks
        self.layout = layout
        self.dtype = torch.float32 if networks.device.type == "cpu" else torch.float16

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self.networks.device

    @property
    def net(self) -> Zero123Net:
        """The network that removes noise."""
        self.networks.work_ended()
        unet = self.networks.component(UNet2DConditionModel, self.weights.folder("unet"), dtype=self.dtype)
        config = read_unet_config(
            unet,
            layout=self.layout,
            latent_px=self.layout.tile_px // self.weights.downscale,
            schedule=self.weights.schedule,
        )
        return Zero123Net(config, unet, self._projection())

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """The networks' own."""
        return contextlib.nullcontext()

    def guess_elevation(self, picture: Float[Tensor, "4 h w"]) -> float:
        """Level, as One-2-3-45 takes it where matching fails."""
        return 0.0

    def condition(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        toward: Directions,
        *,
        elevation: Float[Tensor, " b"],
        are_tiles: bool,
    ) -> Zero123Condition:
        """What views are drawn from; see `NovelModel`. The network needs no elevation."""
        size = self.layout.tile_px
        if not are_tiles:
            pictures = crop_to_object(pictures, size=size, fill=PICTURE_FILL)
        white = on_white(pictures).to(self.device, self.dtype)
        num_views = toward.azimuth.shape[1]
        code = self._code(white).repeat_interleave(num_views, dim=0)
        embedding = self._embedding(white).repeat_interleave(num_views, dim=0)
        flat = Directions(toward.azimuth.flatten(), toward.elevation.flatten())
        token = camera_token(self._projection(), embedding, flat)
        nothing = code[:, :0]
        return Zero123Condition(code, token, nothing, nothing)

    def decode(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 4 h2 w2"]:
        """Opaque views of latents, one by one to bound the memory."""
        self.networks.work_ended()
        vae, codes = self._vae(), (latents / self.weights.scaling_factor).to(self.dtype)
        # diffusers means a tensor of floating-point numbers by its annotation.
        found = [vae.decode(code[None], return_dict=False)[0] for code in codes]  # pyright: ignore[reportArgumentType]
        rgb = (torch.cat(found).float() / 2 + 0.5).clamp(0, 1)
        return torch.cat([rgb, torch.ones_like(rgb[:, :1])], dim=1)

    def _vae(self) -> AutoencoderKL:
        return self.networks.component(AutoencoderKL, self.weights.folder("vae"), dtype=self.dtype)

    def _code(self, white: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c i j"]:
        """The mode of the posterior, scaled by no factor."""
        vae = self._vae()
        found = [vae.encode(2 * picture[None] - 1, return_dict=False)[0].mode() for picture in white]
        return torch.cat(found)

    def _embedding(self, white: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        folder = self.weights.folder("image_encoder")
        encoder = self.networks.component(CLIPVisionModelWithProjection, folder, dtype=self.dtype)
        side = int(str(encoder.config.image_size))
        # As Zero123 does it: corners aligned, and no smoothing before shrinking.
        small = F.interpolate(white.float(), (side, side), mode="bicubic", align_corners=True)
        mean, deviation = (small.new_tensor(v)[:, None, None] for v in (CLIP_MEAN, CLIP_DEVIATION))
        return encoder(pixel_values=((small - mean) / deviation).to(self.dtype)).image_embeds

    def _projection(self) -> nn.Linear:
        folder = self.weights.folder(self.weights.projection)
        layer = PROJECTIONS[self.weights.projection][1]
        files = tensor_files(folder)
        rows, columns = stored_shapes(files).get(f"{layer}.weight", (1, POSE_CHANNELS))
        with torch.device("meta"):
            linear = nn.Linear(columns, rows)
        fill(nn.ModuleDict({layer: linear}), files, name=str(folder), device=self.device, dtype=self.dtype)
        return linear.eval().requires_grad_(False)


def on_white(pictures: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Straight-alpha pictures on white; what is nearly white becomes it (One-2-3-45: run.py)."""
    seen = pictures[:, :3] * pictures[:, 3:] + WHITE * (1 - pictures[:, 3:])
    return torch.where((seen >= NEAR_WHITE).all(dim=1, keepdim=True), WHITE, seen)


def read_unet_config(
    unet: UNet2DConditionModel, *, layout: AnchorLayout, latent_px: int, schedule: DdimSchedule
) -> Zero123Config:
    """The sizes of a loaded UNet that sees nothing but the picture."""
    found = unet.config
    levels = len(found["block_out_channels"])

    def row(value: int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
        return (value,) * levels if isinstance(value, int) else tuple(value)

    return Zero123Config(
        layout=layout,
        latent_px=latent_px,
        latent_channels=found["out_channels"],
        channels=tuple(found["block_out_channels"]),
        layers=row(found["layers_per_block"]),
        attention=tuple("CrossAttn" in kind for kind in found["down_block_types"]),
        heads=row(found["attention_head_dim"]),
        embedding=found["cross_attention_dim"],
        norm_groups=found["norm_num_groups"],
        hint_channels=0,
        sees_rays=False,
        is_projected_linearly=found["use_linear_projection"],
        schedule=schedule,
    )
