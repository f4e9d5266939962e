"""Folders in the two published layouts of Zero123, with small random networks."""

import json
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.backend.models.public_weights import small_vae

WIDTH = 16
UNET = {
    "block_out_channels": [16, 32],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 2,
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
LAYOUTS = {
    "a": ("Zero1to3StableDiffusionPipeline", "cc_projection", "CCProjection", "projection"),
    "b": ("Zero123Pipeline", "clip_camera_projection", "CLIPCameraProjection", "proj"),
}


def write_zero123(folder: Path, kind: str, *, in_channels: int = 8, seed: int = 0) -> Path:
    """Write layout "a" (kxic) or "b" (ashawkey)."""
    torch.manual_seed(seed)
    pipeline, component, class_name, layer = LAYOUTS[kind]
    index = {
        "_class_name": pipeline,
        "_diffusers_version": "0.17.0",
        component: [component, class_name],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(folder / "model_index.json", index)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    # The sample size is that of the networks that Zero123 started from, not of its own pictures.
    UNet2DConditionModel(sample_size=64, in_channels=in_channels, **UNET).save_pretrained(folder / "unet")
    small_vae().save_pretrained(folder / "vae")
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            image_size=16,
            patch_size=8,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            projection_dim=WIDTH,
        )
    ).save_pretrained(folder / "image_encoder")
    tensors = {f"{layer}.weight": torch.randn(WIDTH, WIDTH + 4), f"{layer}.bias": torch.randn(WIDTH)}
    write_json(folder / component / "config.json", {"_class_name": class_name})
    save_file(tensors, folder / component / "diffusion_pytorch_model.safetensors")
    return folder


def write_json(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
