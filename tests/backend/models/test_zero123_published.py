"""Published Zero123: both layouts are read, every detail is as published, wrong folders are answered."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from backend.errors import WeightsError
from backend.geometry.anchors import ZERO123_LAYOUT, Directions
from backend.models.cache import NetworkCache
from backend.models.component_layout import build_empty, check_tensors
from backend.models.image_encoder import CLIP_DEVIATION, CLIP_MEAN
from backend.models.zero123 import ZERO123, Zero123Net
from backend.models.zero123_published import Zero123Published, on_white, read_zero123
from backend.protocol import Json
from backend.stages.novel_views import NovelModel, NovelSampling, ViewSetSampling, generate_view_set
from tests.backend.models.published import Shapes, clip_vision, count, sd_unet, sd_vae
from tests.backend.models.zero123_layouts import LAYOUTS, SCHEDULER, write_json, write_zero123

VAE: dict[str, Json] = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": [*("DownEncoderBlock2D",) * 4],
    "up_block_types": [*("UpDecoderBlock2D",) * 4],
    "layers_per_block": 2,
}
TILE = replace(ZERO123_LAYOUT, tile_px=32)


@pytest.fixture(scope="module", params=sorted(LAYOUTS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zero123(tmp_path_factory.mktemp("zero123"), request.param)


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    return write_zero123(tmp_path, "a")


def _model(folder: Path) -> Zero123Published:
    networks = NetworkCache(torch.device("cpu"), is_keeping=True)
    return Zero123Published(read_zero123(folder), networks, layout=TILE)


def _picture() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    picture = torch.zeros(4, 48, 48)
    picture[:, 8:40, 12:30] = torch.rand(4, 1, 1, generator=generator).clamp_min(0.2)
    picture[3, 8:40, 12:30] = 1
    return picture


@torch.inference_mode()
def _condition(model: Zero123Published, *, are_tiles: bool = False):
    toward = Directions(torch.tensor([[0.5, -0.2]]), torch.tensor([[0.1, 0.0]]))
    return model.condition(
        _picture()[None], toward, elevation=torch.full((1,), torch.nan), are_tiles=are_tiles
    )


def _shapes(net: torch.nn.Module) -> Shapes:
    return {key: tuple(value.shape) for key, value in net.state_dict().items()}


def test_every_published_tensor_is_one_of_ours_in_name_and_shape():
    """Full size, without memory: the UNet, the autoencoder, ViT-L/14, and the projection by both names."""
    with torch.device("meta"):
        ours = Zero123Net(ZERO123)
        vae = build_empty(AutoencoderKL, VAE, Path("vae"))
        large = CLIPVisionConfig(
            image_size=224,
            patch_size=14,
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            projection_dim=768,
        )
        encoder = CLIPVisionModelWithProjection(large)
    unet = sd_unet(cross=768, in_channels=8, is_linear=False)
    vision = clip_vision(width=1024, layers=24, projection=768)
    check_tensors(_shapes(ours.unet), unet, name="unet")
    check_tensors(_shapes(vae), sd_vae(), name="vae")
    check_tensors(_shapes(encoder), vision, name="image_encoder")
    assert count(unet) == 859_532_484
    assert _shapes(ours.projection) == {"weight": (768, 772), "bias": (768,)}


def test_it_is_a_model_of_single_views(folder: Path):
    assert isinstance(_model(folder), NovelModel)


@torch.inference_mode()
def test_both_layouts_bring_their_projection(folder: Path):
    model = _model(folder)
    (file,) = (folder / model.weights.projection).glob("*.safetensors")
    assert_close(model.net.projection.weight, next(t for t in load_file(file).values() if t.dim() == 2))


@torch.inference_mode()
def test_picture_is_the_mode_of_the_posterior_and_scaled_by_no_factor(folder: Path):
    model = _model(folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    white = on_white(_picture()[None])
    toward = Directions(torch.zeros(1, 1), torch.zeros(1, 1))
    tile = torch.nn.functional.pad(_picture()[None], (-8, -8, -8, -8))
    found = model.condition(tile, toward, elevation=torch.zeros(1), are_tiles=True).picture
    expected = vae.encode(2 * on_white(tile) - 1, return_dict=False)[0].mode()
    assert white.shape[1] == 3
    assert_close(found, expected)


@torch.inference_mode()
def test_object_takes_three_quarters_of_a_white_picture(folder: Path, monkeypatch: pytest.MonkeyPatch):
    model = _model(folder)
    seen = []
    monkeypatch.setattr(model, "_code", lambda white: (seen.append(white), torch.zeros(1, 4, 16, 16))[1])
    _condition(model)
    is_object = (seen[0] < 0.99).any(dim=1)[0]
    assert int(is_object.any(dim=1).sum()) == 24
    assert float(seen[0][0, :, 0, 0].min()) == 1


@torch.inference_mode()
def test_token_is_the_projected_embedding_and_camera(folder: Path):
    model = _model(folder)
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
    tile = torch.nn.functional.pad(_picture()[None], (-8, -8, -8, -8))
    small = torch.nn.functional.interpolate(on_white(tile), (16, 16), mode="bicubic", align_corners=True)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (CLIP_MEAN, CLIP_DEVIATION))
    embedding = encoder(pixel_values=(small - mean) / deviation).image_embeds
    toward = Directions(torch.tensor([[0.5]]), torch.tensor([[0.1]]))
    token = model.condition(tile, toward, elevation=torch.zeros(1), are_tiles=True).token
    pose = torch.tensor([[-0.1, torch.tensor(0.5).sin(), torch.tensor(0.5).cos(), 0]])
    assert_close(token[:, 0], model.net.projection(torch.cat([embedding, pose], dim=1)))


def test_unet_sees_noise_then_picture_and_nothing_else(folder: Path):
    model = _model(folder)
    condition = _condition(model)
    assert model.net.config.in_channels == 8
    assert condition.hint.shape[1] == condition.rays.shape[1] == 0
    net = model.net
    noisy = torch.randn(2, 4, 16, 16)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    with torch.inference_mode():
        expected = unet(torch.cat([noisy, condition.picture], dim=1), 7, condition.token).sample
        assert_close(net(noisy, torch.full((2,), 7), condition), expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_latents_are_divided_by_the_stored_factor_before_they_are_decoded(folder: Path):
    model = _model(folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    latents = torch.randn(2, 4, 16, 16)
    views = model.decode(latents)
    painted = torch.as_tensor(vae.decode(latents / 0.18215, return_dict=False)[0])  # pyright: ignore[reportArgumentType]
    assert_close(views[:, :3], (painted / 2 + 0.5).clamp(0, 1), atol=1e-5, rtol=1e-4)
    assert bool((views[:, 3] == 1).all())


def test_schedule_is_read_and_not_assumed(spoilt: Path):
    assert read_zero123(spoilt).schedule == ZERO123.schedule
    write_json(spoilt / "scheduler" / "scheduler_config.json", SCHEDULER | {"beta_end": 0.02})
    assert read_zero123(spoilt).schedule.beta_end == 0.02


def test_what_is_nearly_white_becomes_white():
    pictures = torch.ones(1, 4, 1, 3)
    pictures[0, :3, 0] = torch.tensor([[1.0, 0.9921, 0.9], [1, 0.999, 1], [1, 1, 1]])
    assert on_white(pictures)[0, 0, 0].tolist() == pytest.approx([1, 0.9921, 0.9])
    pictures[0, :3, 0, 1] = 254 / 255
    assert on_white(pictures)[0, :, 0, 1].tolist() == [1, 1, 1]


def test_the_set_of_32_is_drawn_and_cut_from_white(folder: Path):
    once = NovelSampling(steps=1, share=1.0, guidance=3.0, eta=1.0)
    made = generate_view_set(
        _picture(), _model(folder), seed=0, config=ViewSetSampling(anchors=once, neighbours=once)
    )
    assert made.views.shape == (32, 4, 32, 32)
    assert_close(made.cameras.position.norm(dim=1), torch.full((32,), 1.2))


def test_another_pipeline_is_refused(spoilt: Path):
    index = json.loads((spoilt / "model_index.json").read_text())
    write_json(spoilt / "model_index.json", index | {"_class_name": "StableDiffusionPipeline"})
    with pytest.raises(WeightsError, match="those of a StableDiffusionPipeline, needed is a Zero1to3"):
        read_zero123(spoilt)


def test_weights_without_a_projection_are_refused(spoilt: Path):
    index = json.loads((spoilt / "model_index.json").read_text())
    del index["cc_projection"]
    write_json(spoilt / "model_index.json", index)
    with pytest.raises(WeightsError, match="no cc_projection or clip_camera_projection; choose"):
        read_zero123(spoilt)


def test_a_unet_without_room_for_the_picture_is_refused(tmp_path: Path):
    with pytest.raises(WeightsError, match="takes 4 channels, one of Zero123 takes 8"):
        read_zero123(write_zero123(tmp_path, "b", in_channels=4))


def test_a_schedule_of_another_kind_is_refused(spoilt: Path):
    write_json(spoilt / "scheduler" / "scheduler_config.json", SCHEDULER | {"prediction_type": "sample"})
    with pytest.raises(WeightsError, match="the prediction_type sample, known are epsilon, v_prediction"):
        read_zero123(spoilt)


def test_a_projection_saved_as_a_pickle_is_refused(spoilt: Path):
    (file,) = (spoilt / "cc_projection").glob("*.safetensors")
    file.rename(file.with_suffix(".bin"))
    model = _model(spoilt)
    with pytest.raises(WeightsError, match="is a pickle, which could run code"):
        _ = model.net


def test_a_projection_of_the_other_layout_is_refused(spoilt: Path, tmp_path: Path):
    other = write_zero123(tmp_path / "other", "b")
    (wrong,) = (other / "clip_camera_projection").glob("*.safetensors")
    (file,) = (spoilt / "cc_projection").glob("*.safetensors")
    file.write_bytes(wrong.read_bytes())
    with pytest.raises(WeightsError, match=r"lack the tensor projection|unknown tensor proj"):
        _ = _model(spoilt).net
