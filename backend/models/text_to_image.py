"""Models that draw a picture from words, in the layout of diffusers' pipelines.

Nothing is fetched here (`backend/models/hub.py` does, when asked) and nothing in a folder is ever run: custom
code is refused and only safetensors are read. The network that draws is not ours; its licence is shown
before it is downloaded.
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Protocol

import torch
from diffusers import AutoPipelineForText2Image, DiffusionPipeline
from jaxtyping import Float
from torch import Tensor, nn

from backend.devices import memory
from backend.errors import OnStep, WeightsError
from backend.models.component_layout import INDEX_FILE
from backend.models.text_models import FoundTextModel, TextSampling
from backend.models.wording import Wording

log = logging.getLogger(__name__)

ROOM_BYTES = 2 * 2**30
"""What a picture takes beside the networks, about: the decoding of 1024 x 1024 pixels in tiles, and CUDA."""
_LOADING_FAULTS = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)


class _Drawn(Protocol):
    """What a pipeline returns."""

    images: Sequence[Tensor]


class TextPainter:
    """A loaded model; it is let go of with its last reference."""

    def __init__(self, found: FoundTextModel, device: torch.device) -> None:
        """Read a model.

        Raises:
            WeightsError: the folder holds no model of that kind, or a damaged one.
        """
        pipeline = _loaded(found, device)
        # Every pipeline class has a call of its own; the base class has none.
        self._draw: Callable[..., _Drawn] = pipeline.__call__
        self._takes = set(inspect.signature(self._draw).parameters)

    def draw(
        self, wording: Wording, *, seed: int, config: TextSampling, on_step: OnStep
    ) -> Float[Tensor, "3 h w"]:
        """Draw one picture, sRGB in [0, 1]; the same seed draws the same one, whatever was drawn before."""

        def after_step(
            _pipeline: DiffusionPipeline, step: int, _timestep: object, tensors: dict[str, Tensor]
        ) -> dict[str, Tensor]:
            on_step(step + 1, config.steps)
            return tensors

        given: dict[str, object] = {
            "prompt": wording.prompt,
            "num_inference_steps": config.steps,
            "guidance_scale": config.guidance,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "pt",
            "callback_on_step_end": after_step,
            "height": config.picture_px,
            "width": config.picture_px,
        }
        if config.guidance > 1:
            given["negative_prompt"] = wording.unwanted
        taken = {name: value for name, value in given.items() if name in self._takes}
        with torch.inference_mode():
            picture = self._draw(**taken).images[0]
        return torch.as_tensor(picture).detach().float().cpu().nan_to_num(0.0).clamp(0, 1)


def _loaded(found: FoundTextModel, device: torch.device) -> DiffusionPipeline:
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    halves = any(found.folder.glob("*/*.fp16.safetensors"))
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(
            str(found.folder),
            dtype=dtype,
            variant="fp16" if halves else None,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    except _LOADING_FAULTS as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{found.title} in {found.folder} cannot be read as a text-to-image model with {INDEX_FILE} and"
            f" safetensors ({reason}); choose another folder or download it again"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    if (autoencoder := getattr(pipeline, "vae", None)) is not None and hasattr(autoencoder, "enable_tiling"):
        autoencoder.enable_tiling()
    # diffusers moves single layers by a package that would bring a torch of its own into the locked ones.
    if not _is_too_large(pipeline, device) or find_spec("accelerate") is None:
        return pipeline.to(device)
    log.info("%s does not fit the device's free memory: its layers go there one by one", found.title)
    pipeline.enable_group_offload(
        onload_device=device, offload_type="leaf_level", use_stream=device.type == "cuda"
    )
    return pipeline


def _is_too_large(pipeline: DiffusionPipeline, device: torch.device) -> bool:
    """Whether a graphics card has too little free memory for the networks and what they compute."""
    if device.type != "cuda":
        return False
    networks = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    size = sum(value.nbytes for network in networks for value in network.state_dict().values())
    free, _ = memory(device)
    return free < size + ROOM_BYTES
