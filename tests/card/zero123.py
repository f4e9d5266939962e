"""Seconds and memory of Zero123 at its published size, with random weights, in jobs of the engine One-2-3-45.

    python -m tests.card.zero123 [WEIGHTS_FOLDER] [PICTURE] [--cpu] [--limit SECONDS]

WEIGHTS_FOLDER gives the network of the shape. No mesh is made: what random views show is a cloud.
"""

# diffusers annotates rows of any length as rows of one.
# pyright: reportArgumentType=false

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from backend import work
from backend.devices import make_repeatable
from backend.jobs import Job
from backend.models import registry
from backend.models.cache import NetworkCache
from backend.pipeline import run as run_pipeline
from backend.protocol import Engine, Event, Preset, Stage, StageDone
from backend.stages.novel_views import NovelSampling, ViewSetSampling
from tests.backend.models.zero123_layouts import write_zero123
from tests.card.bench import Bench, peaks_mib, run, say


def write_networks(folder: Path, device: torch.device, *, is_tiny: bool) -> None:
    """Write the published layout with random networks in half precision, made on the device."""
    write_zero123(folder, "a")
    layers, width = (1, 32) if is_tiny else (2, 768)
    clip = CLIPVisionConfig(
        patch_size=14,
        hidden_size=32 if is_tiny else 1024,
        intermediate_size=64 if is_tiny else 4096,
        num_hidden_layers=1 if is_tiny else 24,
        num_attention_heads=2 if is_tiny else 16,
        projection_dim=width,
    )
    with torch.device(device):
        unet = UNet2DConditionModel(
            in_channels=8,
            block_out_channels=(32,) * 4 if is_tiny else (320, 640, 1280, 1280),
            layers_per_block=layers,
            cross_attention_dim=width,
        )
        vae = AutoencoderKL(
            block_out_channels=(32,) * 4 if is_tiny else (128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=layers,
        )
        encoder = CLIPVisionModelWithProjection(clip)
    for name, net in {"unet": unet, "vae": vae, "image_encoder": encoder}.items():
        net.half().save_pretrained(folder / name)
    tensors = {"weight": torch.eye(width, width + 4).half(), "bias": torch.zeros(width).half()}
    named = {f"projection.{name}": tensor for name, tensor in tensors.items()}
    save_file(named, folder / "cc_projection" / "diffusion_pytorch_model.safetensors")


def measure(bench: Bench) -> None:
    """Write weights, then run jobs with networks that are kept, cold and warm, and not kept."""
    make_repeatable()
    registry.STARTER_FOLDER = bench.weights
    if bench.is_cpu:
        few = NovelSampling(steps=2, share=1.0, guidance=3.0, eta=1.0)
        work.PUBLISHED_SAMPLING = ViewSetSampling(anchors=few, neighbours=few)
    device, weights = torch.device(bench.device), bench.folder / "zero123"
    write_networks(weights, device, is_tiny=bench.is_cpu)
    torch.cuda.empty_cache()
    size = sum(path.stat().st_size for path in weights.rglob("*.safetensors"))
    say(f"weights of {size >> 20} MiB are written")
    kept, not_kept = (NetworkCache(device, is_keeping=is_keeping) for is_keeping in (True, False))
    run_job(bench, "cold", weights, kept)
    run_job(bench, "warm", weights, kept)
    kept.clear()
    run_job(bench, "not kept", weights, not_kept)


def run_job(bench: Bench, name: str, weights: Path, networks: NetworkCache) -> None:
    """Run a job to the shape and say what its stages took."""
    request = replace(
        bench.request(Preset.STANDARD),
        weights=str(weights),
        engine=Engine.ONE2345,
        stop_after=Stage.SHAPE,
    )
    resources = work.Resources(
        device=networks.device, networks=networks, matting_model=None, root=bench.folder / "data"
    )
    seen: list[Event] = []
    report = run_pipeline(Job(bench.folder / name), request, resources, on_event=seen.append, name=name)
    peaks = peaks_mib(report)
    for event in seen:
        if isinstance(event, StageDone):
            say(f"{name}: {event.stage} {event.seconds:.2f} s, peak {peaks[event.stage]:.0f} MiB")


if __name__ == "__main__":
    run(measure, __doc__)
