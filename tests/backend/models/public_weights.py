"""Folders in the published layout of Zero123++, with small random networks, as diffusers writes them."""

# diffusers annotates rows of any length as rows of one, and None nowhere.
# pyright: reportArgumentType=false

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, EulerAncestralDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

TOKENS, WIDTH = 6, 16
TILE_PX, REFERENCE_PX, DOWNSCALE = 32, 16, 2
RAMP = [0.1 * (index + 1) for index in range(TOKENS)]
UNET = {
    "block_out_channels": [16, 32],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": [2, 4],
    "use_linear_projection": True,
}
SCHEDULER = {
    "_class_name": "EulerAncestralDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "linspace",
    "trained_betas": None,
}
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def write_zero123plus(folder: Path, *, seed: int = 0) -> Path:
    """Write the whole layout; the UNet in float32 and the encoders in float16, as published."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    classes = {
        "feature_extractor_clip": ("transformers", "CLIPImageProcessor"),
        "feature_extractor_vae": ("transformers", "CLIPImageProcessor"),
        "scheduler": ("diffusers", "EulerAncestralDiscreteScheduler"),
        "text_encoder": ("transformers", "CLIPTextModel"),
        "tokenizer": ("transformers", "CLIPTokenizer"),
        "unet": ("diffusers", "UNet2DConditionModel"),
        "vae": ("diffusers", "AutoencoderKL"),
        "vision_encoder": ("transformers", "CLIPVisionModelWithProjection"),
    }
    index = {
        "_class_name": "Zero123PlusPipeline",
        "_diffusers_version": "0.24.0",
        "_name_or_path": "somebody/zero123plus",
        "ramping_coefficients": RAMP,
        "safety_checker": [None, None],
        **{name: list(entry) for name, entry in classes.items()},
    }
    _write(folder / "model_index.json", index)
    unet = UNet2DConditionModel(sample_size=16, **UNET)
    unet.save_pretrained(folder / "unet")
    small_vae().half().save_pretrained(folder / "vae")
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=TOKENS,
            vocab_size=12,
            bos_token_id=10,
            eos_token_id=11,
            projection_dim=WIDTH,
        )
    )
    text.half().save_pretrained(folder / "text_encoder")
    _name_as_published(folder / "text_encoder" / "model.safetensors")
    vision = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=14,
            patch_size=7,
            projection_dim=WIDTH,
        )
    )
    vision.half().save_pretrained(folder / "vision_encoder")
    _write(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    _write_tokenizer(folder / "tokenizer")
    _write_extractor(folder / "feature_extractor_clip", 14, CLIP_MEAN, CLIP_STD, resample=3)
    _write_extractor(folder / "feature_extractor_vae", REFERENCE_PX, [0.5] * 3, [0.8] * 3, resample=2)
    return folder


def small_vae() -> AutoencoderKL:
    """An autoencoder that halves once."""
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )


def write_controlnet(folder: Path, *, seed: int = 1) -> Path:
    """A ControlNet for the UNet above, whose last layers are not zero as at the start of training."""
    torch.manual_seed(seed)
    settings = {name: value for name, value in UNET.items() if name != "up_block_types"}
    net = ControlNetModel(conditioning_embedding_out_channels=(8, 8), **settings)
    for name, parameter in net.named_parameters():
        if "controlnet_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    net.save_pretrained(folder)
    return folder


def edit_json(path: Path, **changes: object) -> None:
    """Change entries of a JSON file; None removes one."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def edit_tensors(path: Path, edit) -> None:
    """Rewrite a file of tensors as `edit` changes them."""
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def default_scheduler() -> EulerAncestralDiscreteScheduler:
    """The published schedule as the authors' examples set it up."""
    settings = {name: value for name, value in SCHEDULER.items() if name in _EULER}
    return EulerAncestralDiscreteScheduler(**settings | {"timestep_spacing": "trailing"})


_EULER = (
    "beta_end",
    "beta_schedule",
    "beta_start",
    "num_train_timesteps",
    "prediction_type",
    "steps_offset",
    "timestep_spacing",
)


def _name_as_published(path: Path) -> None:
    """Text encoders were saved with a prefix that later versions dropped."""

    def prefix(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            if not name.startswith("text_model."):
                tensors[f"text_model.{name}"] = tensors.pop(name)

    edit_tensors(path, prefix)


def _write_tokenizer(folder: Path) -> None:
    words = {
        "!": 0,
        "a": 1,
        "b": 2,
        "a</w>": 3,
        "b</w>": 4,
        "ab</w>": 5,
        "<|startoftext|>": 10,
        "<|endoftext|>": 11,
    }
    _write(folder / "vocab.json", words)
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    described = {name: {"content": token, "lstrip": False} for name, token in special.items()}
    _write(folder / "special_tokens_map.json", described | {"pad_token": "!"})
    settings = special | {"pad_token": "!", "model_max_length": TOKENS, "tokenizer_class": "CLIPTokenizer"}
    _write(folder / "tokenizer_config.json", settings)


def _write_extractor(folder: Path, size: int, mean: list[float], std: list[float], *, resample: int) -> None:
    values = {
        "crop_size": {"height": size, "width": size},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": mean,
        "image_processor_type": "CLIPImageProcessor",
        "image_std": std,
        "resample": resample,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": size},
    }
    _write(folder / "preprocessor_config.json", values)


def _write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
