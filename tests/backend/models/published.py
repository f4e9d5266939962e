"""Configurations, and names and shapes of tensors, of published weights, from the networks' descriptions.

Independent of any library's version: what these functions say is what lies in the files.
"""

from collections.abc import Iterable

Shapes = dict[str, tuple[int, ...]]

SD2_UNET = {
    "_class_name": "UNet2DConditionModel",
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 1024,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 96,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "use_linear_projection": True,
}
SD_VAE = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
    "scaling_factor": 0.18215,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
CLIP_H_TEXT = {
    "architectures": ["CLIPTextModel"],
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "max_position_embeddings": 77,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 512,
    "vocab_size": 49408,
}
CLIP_H_VISION = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "hidden_act": "gelu",
    "hidden_size": 1280,
    "image_size": 224,
    "intermediate_size": 5120,
    "num_attention_heads": 16,
    "num_hidden_layers": 32,
    "patch_size": 14,
    "projection_dim": 1024,
}
CONTROLNET = {
    name: value
    for name, value in SD2_UNET.items()
    if name not in ("out_channels", "up_block_types", "sample_size")
} | {"_class_name": "ControlNetModel"}
DINOV2_BASE = {"architectures": ["Dinov2Model"], "image_size": 518, "patch_size": 14}


def _linear(name: str, out: int, inner: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (out, inner)} | ({f"{name}.bias": (out,)} if bias else {})


def _conv(name: str, out: int, inner: int, size: int = 3) -> Shapes:
    return {f"{name}.weight": (out, inner, size, size), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _joined(parts: Iterable[Shapes]) -> Shapes:
    return {key: shape for part in parts for key, shape in part.items()}


def _resnet(name: str, inner: int, out: int, *, time: int = 0) -> Shapes:
    found = _norm(f"{name}.norm1", inner) | _conv(f"{name}.conv1", out, inner)
    found |= _norm(f"{name}.norm2", out) | _conv(f"{name}.conv2", out, out)
    if time:
        found |= _linear(f"{name}.time_emb_proj", out, time)
    return found | (_conv(f"{name}.conv_shortcut", out, inner, 1) if inner != out else {})


def _attention(name: str, width: int, seen: int, *, bias: bool = False) -> Shapes:
    found = _linear(f"{name}.to_q", width, width, bias=bias)
    found |= _linear(f"{name}.to_k", width, seen, bias=bias) | _linear(f"{name}.to_v", width, seen, bias=bias)
    return found | _linear(f"{name}.to_out.0", width, width)


def _transformer(name: str, width: int, cross: int, *, is_linear: bool) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    found = _norm(f"{name}.norm", width)
    for end in ("proj_in", "proj_out"):
        path = f"{name}.{end}"
        found |= _linear(path, width, width) if is_linear else _conv(path, width, width, 1)
    for number in (1, 2, 3):
        found |= _norm(f"{block}.norm{number}", width)
    found |= _attention(f"{block}.attn1", width, width) | _attention(f"{block}.attn2", width, cross)
    found |= _linear(f"{block}.ff.net.0.proj", 8 * width, width)
    return found | _linear(f"{block}.ff.net.2", width, 4 * width)


_WIDTHS = (320, 640, 1280, 1280)
_TIME = 1280


def _unet_way_down(cross: int, in_channels: int, *, is_linear: bool) -> Shapes:
    found = _conv("conv_in", 320, in_channels)
    found |= _linear("time_embedding.linear_1", _TIME, 320) | _linear("time_embedding.linear_2", _TIME, _TIME)
    inner = 320
    for level, width in enumerate(_WIDTHS):
        for layer in range(2):
            found |= _resnet(f"down_blocks.{level}.resnets.{layer}", inner, width, time=_TIME)
            if level < 3:
                path = f"down_blocks.{level}.attentions.{layer}"
                found |= _transformer(path, width, cross, is_linear=is_linear)
            inner = width
        if level < 3:
            found |= _conv(f"down_blocks.{level}.downsamplers.0.conv", width, width)
    for layer in range(2):
        found |= _resnet(f"mid_block.resnets.{layer}", 1280, 1280, time=_TIME)
    return found | _transformer("mid_block.attentions.0", 1280, cross, is_linear=is_linear)


def sd_unet(*, cross: int, in_channels: int = 4, is_linear: bool) -> Shapes:
    """Stable Diffusion's UNet: version 2 projects linearly and has cross width 1024."""
    found = _unet_way_down(cross, in_channels, is_linear=is_linear)
    skips = [
        320,
        *(width for level, width in enumerate(_WIDTHS) for width in [width] * (3 if level < 3 else 2)),
    ]
    inner = 1280
    for level, width in enumerate(reversed(_WIDTHS)):
        for layer in range(3):
            path = f"up_blocks.{level}"
            found |= _resnet(f"{path}.resnets.{layer}", inner + skips.pop(), width, time=_TIME)
            if level > 0:
                found |= _transformer(f"{path}.attentions.{layer}", width, cross, is_linear=is_linear)
            inner = width
        if level < 3:
            found |= _conv(f"up_blocks.{level}.upsamplers.0.conv", width, width)
    return found | _norm("conv_norm_out", 320) | _conv("conv_out", 4, 320)


def sd_controlnet(*, cross: int, is_linear: bool) -> Shapes:
    """A ControlNet for that UNet: its way down, an encoder of the sheet, and one convolution a skip."""
    found = _unet_way_down(cross, 4, is_linear=is_linear)
    embedding = "controlnet_cond_embedding"
    found |= _conv(f"{embedding}.conv_in", 16, 3) | _conv(f"{embedding}.conv_out", 320, 256)
    for number, (inner, out) in enumerate(((16, 16), (16, 32), (32, 32), (32, 96), (96, 96), (96, 256))):
        found |= _conv(f"{embedding}.blocks.{number}", out, inner)
    widths = [320] * 4 + [640] * 3 + [1280] * 5
    found |= _joined(_conv(f"controlnet_down_blocks.{i}", w, w, 1) for i, w in enumerate(widths))
    return found | _conv("controlnet_mid_block", 1280, 1280, 1)


def sd_vae() -> Shapes:
    """Stable Diffusion's autoencoder."""
    widths = (128, 256, 512, 512)
    found = _conv("encoder.conv_in", 128, 3) | _conv("decoder.conv_in", 512, 4)
    inner = 128
    for level, width in enumerate(widths):
        for layer in range(2):
            found |= _resnet(f"encoder.down_blocks.{level}.resnets.{layer}", inner, width)
            inner = width
        if level < 3:
            found |= _conv(f"encoder.down_blocks.{level}.downsamplers.0.conv", width, width)
    inner = 512
    for level, width in enumerate(reversed(widths)):
        for layer in range(3):
            found |= _resnet(f"decoder.up_blocks.{level}.resnets.{layer}", inner, width)
            inner = width
        if level < 3:
            found |= _conv(f"decoder.up_blocks.{level}.upsamplers.0.conv", width, width)
    for side in ("encoder", "decoder"):
        middle = f"{side}.mid_block"
        found |= _joined(_resnet(f"{middle}.resnets.{layer}", 512, 512) for layer in range(2))
        found |= _norm(f"{middle}.attentions.0.group_norm", 512)
        found |= _attention(f"{middle}.attentions.0", 512, 512, bias=True)
    found |= _norm("encoder.conv_norm_out", 512) | _conv("encoder.conv_out", 8, 512)
    found |= _norm("decoder.conv_norm_out", 128) | _conv("decoder.conv_out", 3, 128)
    return found | _conv("quant_conv", 8, 8, 1) | _conv("post_quant_conv", 4, 4, 1)


def _clip_layers(name: str, width: int, layers: int) -> Shapes:
    found: Shapes = {}
    for layer in range(layers):
        path = f"{name}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= _linear(f"{path}.self_attn.{part}", width, width)
        found |= _norm(f"{path}.layer_norm1", width) | _norm(f"{path}.layer_norm2", width)
        found |= _linear(f"{path}.mlp.fc1", 4 * width, width) | _linear(f"{path}.mlp.fc2", width, 4 * width)
    return found


def clip_text(*, width: int = 1024, layers: int = 23) -> Shapes:
    """OpenCLIP-H's text tower as Stable Diffusion 2 ships it, without its last layer."""
    embeddings = "text_model.embeddings"
    found = {
        f"{embeddings}.token_embedding.weight": (49408, width),
        f"{embeddings}.position_embedding.weight": (77, width),
    }
    return found | _clip_layers("text_model", width, layers) | _norm("text_model.final_layer_norm", width)


def clip_vision(*, width: int = 1280, layers: int = 32, projection: int = 1024) -> Shapes:
    """ViT-H/14 (or L/14: 1024, 24, 768) with its projection."""
    embeddings = "vision_model.embeddings"
    found: Shapes = {
        f"{embeddings}.class_embedding": (width,),
        f"{embeddings}.patch_embedding.weight": (width, 3, 14, 14),
        f"{embeddings}.position_embedding.weight": (257, width),
    }
    found |= _clip_layers("vision_model", width, layers)
    found |= _norm("vision_model.pre_layrnorm", width) | _norm("vision_model.post_layernorm", width)
    return found | _linear("visual_projection", projection, width, bias=False)


def dinov2(*, width: int = 768, layers: int = 12) -> Shapes:
    """DINOv2 for tiles of 518 pixels in patches of 14."""
    found: Shapes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.mask_token": (1, width),
        "embeddings.position_embeddings": (1, 37 * 37 + 1, width),
    }
    found |= _conv("embeddings.patch_embeddings.projection", width, 3, 14)
    for layer in range(layers):
        path = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            found |= _linear(f"{path}.attention.attention.{part}", width, width)
        found |= _linear(f"{path}.attention.output.dense", width, width)
        for number in (1, 2):
            found |= _norm(f"{path}.norm{number}", width)
            found |= {f"{path}.layer_scale{number}.lambda1": (width,)}
        found |= _linear(f"{path}.mlp.fc1", 4 * width, width) | _linear(f"{path}.mlp.fc2", width, 4 * width)
    return found | _norm("layernorm", width)


def count(shapes: Shapes) -> int:
    """Values of all tensors."""
    total = 0
    for shape in shapes.values():
        size = 1
        for side in shape:
            size *= side
        total += size
    return total
