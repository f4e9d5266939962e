"""Published folders: every tensor of the full-size networks, and what each wrong folder is answered."""

import pickle
import shutil

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection, Dinov2Model

from backend.errors import WeightsError
from backend.models.component_layout import (
    build_empty,
    check_tensors,
    load_component,
    read_layout,
    tensor_files,
)
from backend.models.empty_prompt import empty_prompt, empty_prompt_ids
from backend.models.zero123plus_weights import PIPELINE, check_published, read_zero123plus
from tests.backend.models import published
from tests.backend.models.public_weights import edit_json, edit_tensors, small_vae, write_zero123plus

FULL_SIZE = [
    (UNet2DConditionModel, published.SD2_UNET, published.sd_unet(cross=1024, is_linear=True), 865_910_724),
    (AutoencoderKL, published.SD_VAE, published.sd_vae(), 83_653_863),
    (CLIPTextModel, published.CLIP_H_TEXT, published.clip_text(), 340_387_840),
    (CLIPVisionModelWithProjection, published.CLIP_H_VISION, published.clip_vision(), 632_076_800),
    (ControlNetModel, published.CONTROLNET, published.sd_controlnet(cross=1024, is_linear=True), 364_228_240),
    (Dinov2Model, published.DINOV2_BASE, published.dinov2(), 86_580_480),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_zero123plus(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(whole, tmp_path / "spoiled")


@pytest.mark.parametrize(
    ("net_class", "config", "shapes", "size"), FULL_SIZE, ids=[row[0].__name__ for row in FULL_SIZE]
)
def test_every_published_tensor_is_one_of_ours_in_name_and_shape(net_class, config, shapes, size, tmp_path):
    net = build_empty(net_class, config, tmp_path)
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    check_tensors(wanted, shapes, name="published")
    assert sum(parameter.numel() for parameter in net.parameters()) == published.count(shapes) == size


def test_zero123plus_has_its_published_number_of_values():
    assert sum(size for *_, size in FULL_SIZE[:4]) == 1_922_029_227


def test_the_whole_unet_attends_to_the_reference_in_sixteen_layers(tmp_path):
    net = build_empty(UNet2DConditionModel, published.SD2_UNET, tmp_path)
    assert sum(name.endswith("attn1") for name, _ in net.named_modules()) == 16


def test_a_missing_and_an_unknown_tensor_of_the_structure_are_noticed():
    shapes = published.sd_vae()
    with pytest.raises(WeightsError, match=r"lack the tensor quant_conv\.bias"):
        check_tensors(
            shapes, {name: shape for name, shape in shapes.items() if name != "quant_conv.bias"}, name="x"
        )
    with pytest.raises(WeightsError, match="unknown tensor extra"):
        check_tensors(shapes, shapes | {"extra": (1,)}, name="x")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_tensors_of_mixed_precision_are_cast(whole, dtype):
    """The UNet is stored in float32, the encoders in float16."""
    for net_class, name in ((UNet2DConditionModel, "unet"), (CLIPTextModel, "text_encoder")):
        net = load_component(net_class, whole / name, dtype=dtype)
        assert {parameter.dtype for parameter in net.parameters()} == {dtype}


def test_a_whole_folder_is_well(whole):
    assert check_published(whole) > 10_000
    assert read_layout(whole, (PIPELINE,)).pipeline == PIPELINE


def test_names_of_old_files_are_understood(tmp_path):
    """Autoencoders were saved with other names of attention, text encoders with counting numbers."""
    plain = small_vae()
    plain.save_pretrained(tmp_path)
    old = {
        ".to_q.": ".query.",
        ".to_k.": ".key.",
        ".to_v.": ".value.",
        ".to_out.0.": ".proj_attn.",
    }

    def rename(tensors):
        for name in list(tensors):
            for new, before in old.items():
                if new in name:
                    tensors[name.replace(new, before)] = tensors.pop(name)
        tensors["embeddings.position_ids"] = torch.arange(3)

    edit_tensors(tmp_path / "diffusion_pytorch_model.safetensors", rename)
    loaded = load_component(AutoencoderKL, tmp_path)
    found = loaded.state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in plain.state_dict().items())


def test_shards_are_one_network(whole, tmp_path):
    plain = load_component(UNet2DConditionModel, whole / "unet")
    plain.save_pretrained(tmp_path, max_shard_size="60KB")
    assert len(tensor_files(tmp_path)) > 1
    loaded = load_component(UNet2DConditionModel, tmp_path).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in plain.state_dict().items())
    tensor_files(tmp_path)[0].unlink()
    with pytest.raises(WeightsError, match="is missing; download"):
        load_component(UNet2DConditionModel, tmp_path)


def test_half_precision_files_are_found_by_their_name(whole, tmp_path):
    shutil.copytree(whole / "unet", tmp_path / "unet")
    file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_name("diffusion_pytorch_model.fp16.safetensors"))
    load_component(UNet2DConditionModel, tmp_path / "unet")


def test_names_of_classes_from_before_and_any_schedule_are_taken(folder):
    """Only numbers are read of a scheduler, and extractors and tokenizers had other names."""
    edit_json(
        folder / "model_index.json",
        feature_extractor_vae=["transformers", "CLIPFeatureExtractor"],
        tokenizer=["transformers", "CLIPTokenizerFast"],
        scheduler=["diffusers", "DDPMScheduler"],
    )
    edit_json(folder / "scheduler" / "scheduler_config.json", _class_name="DDPMScheduler")
    assert read_zero123plus(folder).schedule["beta_schedule"] == "linear"


# What each wrong folder is answered.


def refuse(folder, words):
    """The folder is refused with one sentence that says these words and what to do."""
    with pytest.raises(WeightsError, match=words) as caught:
        check_published(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert any(hint in text for hint in ("download", "choose", "use", "get"))


def test_a_folder_without_an_index(tmp_path):
    refuse(tmp_path, "has no model_index.json; choose the folder that holds it")


def test_a_damaged_index(folder):
    (folder / "model_index.json").write_text('{"_class_name": ')
    refuse(folder, "model_index.json is damaged")


def test_another_pipeline(folder):
    edit_json(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    refuse(folder, "are those of a StableDiffusionPipeline, needed is a Zero123PlusPipeline")


def test_weights_without_ramping_coefficients(folder):
    edit_json(folder / "model_index.json", ramping_coefficients=None)
    refuse(folder, r"no ramping_coefficients, as Zero123\+\+ before v1.1; use v1.1 or v1.2")


@pytest.mark.parametrize("ramp", [[0.1] * 5, [0.1] * 5 + ["x"], []])
def test_other_than_one_coefficient_a_token(folder, ramp):
    edit_json(folder / "model_index.json", ramping_coefficients=ramp)
    refuse(folder, "ramping_coefficients for 6 tokens")


@pytest.mark.parametrize("name", ["unet", "vae", "text_encoder", "tokenizer", "vision_encoder", "scheduler"])
def test_a_missing_component(folder, name):
    shutil.rmtree(folder / name)
    refuse(folder, f"lack the component {name}; download them again")


def test_a_component_of_another_class(folder):
    edit_json(folder / "model_index.json", vision_encoder=["transformers", "CLIPVisionModel"])
    refuse(folder, "is a CLIPVisionModel, needed is a CLIPVisionModelWithProjection")


def test_a_configuration_of_another_class(folder):
    edit_json(folder / "unet" / "config.json", _class_name="UNet2DModel")
    refuse(folder, "are those of a UNet2DModel, needed is a UNet2DConditionModel")


def test_a_configuration_that_describes_nothing(folder):
    edit_json(folder / "unet" / "config.json", block_out_channels=[16])
    refuse(folder, "describes no UNet2DConditionModel")


def test_pickles(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "exploded").mkdir, ()

    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    refuse(folder, "diffusion_pytorch_model.bin is a pickle, which could run code")
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_under_another_name(folder):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    refuse(folder, "is damaged; download the weights again")


def test_no_tensors(folder):
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refuse(folder, "has no safetensors; download the weights again")


def test_a_tensor_of_another_shape(folder):
    def edit(tensors):
        tensors["conv_in.weight"] = torch.zeros(16, 8, 3, 3)

    edit_tensors(folder / "unet" / "diffusion_pytorch_model.safetensors", edit)
    refuse(folder, r"conv_in.weight in .* has shape \(16, 8, 3, 3\), expected \(16, 4, 3, 3\)")


def test_a_tensor_too_few(folder):
    edit_tensors(
        folder / "unet" / "diffusion_pytorch_model.safetensors", lambda state: state.pop("conv_in.bias")
    )
    refuse(folder, "lack the tensor conv_in.bias")


def test_a_tensor_too_many(folder):
    def edit(tensors):
        tensors["controlnet.weight"] = torch.zeros(1)

    edit_tensors(folder / "unet" / "diffusion_pytorch_model.safetensors", edit)
    refuse(folder, "unknown tensor controlnet.weight")


def test_a_tokenizer_without_its_padding(folder):
    edit_json(folder / "tokenizer" / "vocab.json", **{"!": None})
    with pytest.raises(WeightsError, match="lacks the token '!'"):
        empty_prompt(folder / "text_encoder", folder / "tokenizer")


def test_pictures_prepared_in_no_known_way(folder):
    edit_json(folder / "feature_extractor_vae" / "preprocessor_config.json", image_std=[0.8])
    with pytest.raises(WeightsError, match="does not say how pictures are prepared"):
        read_zero123plus(folder)


def test_a_file_cut_off(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    refuse(folder, "is damaged; download the weights again")


def test_ids_of_the_empty_prompt_are_those_of_the_tokenizer(whole):
    tokenizer = CLIPTokenizer.from_pretrained(whole / "tokenizer")
    theirs = tokenizer("", padding="max_length", max_length=6, truncation=True, return_tensors="pt")
    assert torch.equal(empty_prompt_ids(whole / "tokenizer", length=6), theirs.input_ids)
