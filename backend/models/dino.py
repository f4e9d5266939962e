"""Public DINOv2 weights (Oquab et al. 2023, arXiv 2304.07193) as the view encoder of stage 2."""

from dataclasses import replace
from pathlib import Path

from backend.errors import ConfigError, WeightsError
from backend.models.component_layout import fill, read_config, tensor_files
from backend.models.view_features import ViewEncoder, ViewFeaturesConfig
from backend.protocol import Json

_NEEDED: dict[str, Json] = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "num_channels": 3,
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}
"""What an encoder must be to be one of ours; also what a file means that leaves it out."""


def dino_features(folder: Path, base: ViewFeaturesConfig, *, image_px: int) -> ViewFeaturesConfig:
    """An encoder of the size of the public weights in `folder`, the rest as in `base`.

    Args:
        image_px: Side that views are resized to, a multiple of the weights' patch (14).

    Raises:
        WeightsError: when the folder holds no DINOv2 that fits.
        ConfigError: when the side is no multiple of the patch.
    """
    values = read_config(folder)
    kind = values.get("model_type")
    if kind != "dinov2":
        raise WeightsError(
            f"The weights in {folder} are those of a {kind}, needed is a dinov2; choose others"
        )
    for name, wanted in _NEEDED.items():
        if (found := values.get(name, wanted)) != wanted:
            raise WeightsError(
                f"The DINOv2 in {folder} has {name} {found}, needed is {wanted};"
                " use the size small, base or large"
            )
    patch = _number(values, "patch_size", folder)
    if image_px % patch:
        lower = image_px // patch * patch
        raise ConfigError(
            f"Views of {image_px} pixels are no multiple of {patch}; use {lower} or {lower + patch}"
        )
    return replace(
        base,
        image_px=image_px,
        position_px=_number(values, "image_size", folder),
        patch_px=patch,
        channels=3,
        hidden=_number(values, "hidden_size", folder),
        layers=_number(values, "num_hidden_layers", folder),
        heads=_number(values, "num_attention_heads", folder),
        mlp_ratio=_number(values, "mlp_ratio", folder),
    )


def load_dino(encoder: ViewEncoder, folder: Path, *, is_frozen: bool) -> None:
    """Give a view encoder made by `dino_features` the public tensors; frozen ones are not trained.

    Raises:
        WeightsError: naming the first tensor that is missing, unknown or of another shape.
    """
    parameter = next(encoder.patches.parameters())
    fill(
        encoder.patches,
        tensor_files(folder),
        name=str(folder),
        device=parameter.device,
        dtype=parameter.dtype,
    )
    encoder.patches.requires_grad_(not is_frozen)


def _number(values: dict[str, Json], name: str, folder: Path) -> int:
    found = values.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or found != int(found):
        raise WeightsError(f"The configuration in {folder} has {name} {found}; download the weights again")
    return int(found)
