"""The published folder of Zero123++ v1.1 or v1.2: read, checked, and its small files understood."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.schedulers import KarrasDiffusionSchedulers
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from backend.diffusion.latents import ZERO123PLUS_SCALING, LatentScaling
from backend.diffusion.views import SAMPLERS, Sampler, ViewScheduler
from backend.errors import WeightsError
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
from backend.models.feature_extractor import FeatureExtractor, read_feature_extractor
from backend.protocol import Json

PIPELINE = "Zero123PlusPipeline"
SCHEDULER_FILE = "scheduler_config.json"
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
