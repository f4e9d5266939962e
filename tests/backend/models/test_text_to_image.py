"""Models that draw from words: found, read, refused, and what they are told."""

import json
import pickle

import pytest
import torch

from backend.errors import ConfigError, InstallError, NetworkError, WeightsError
from backend.models import hub, text_to_image
from backend.models.text_models import TEXT_MODELS, TextSampling, find_text_model, place_of, repo_of
from backend.models.text_to_image import TextPainter
from backend.models.wording import wrapped
from tests.backend.models.text_pipelines import SIDE_PX, write_sdxl, write_stable_diffusion

CPU = torch.device("cpu")
QUICK = TextSampling(steps=2, guidance=3.0)


def ignore(step, total):
    pass


@pytest.fixture(scope="module", params=[write_stable_diffusion, write_sdxl])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture
def painter(folder, tmp_path):
    return TextPainter(find_text_model(str(folder), tmp_path), CPU)


def test_a_picture_is_colours_and_each_step_is_told(painter):
    steps = []
    picture = painter.draw(
        wrapped("chair"), seed=1, config=QUICK, on_step=lambda step, total: steps.append((step, total))
    )
    assert picture.shape == (3, SIDE_PX, SIDE_PX)
    assert 0 <= picture.min() < picture.max() <= 1
    assert steps == [(1, 2), (2, 2)]


def test_a_seed_draws_the_same_picture_whatever_was_drawn_before(painter):
    first = painter.draw(wrapped("chair"), seed=1, config=QUICK, on_step=ignore)
    other = painter.draw(wrapped("chair"), seed=2, config=QUICK, on_step=ignore)
    again = painter.draw(wrapped("chair"), seed=1, config=QUICK, on_step=ignore)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first - other).abs().max() > 0.01


def test_words_steps_guidance_and_size_all_reach_the_model(painter):
    def draw(words="chair", **changes):
        values = {"steps": 2, "guidance": 3.0} | changes
        return painter.draw(wrapped(words), seed=1, config=TextSampling(**values), on_step=ignore)

    usual = draw()
    for other in (draw("z"), draw(steps=3), draw(guidance=9.0), draw(guidance=0.0)):
        assert (usual - other).abs().max() > 1e-4
    assert draw(picture_px=64).shape == (3, 64, 64)


def test_layers_that_go_to_the_device_one_by_one_draw_the_same(folder, painter, tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    whole = painter.draw(wrapped("chair"), seed=1, config=QUICK, on_step=ignore)
    monkeypatch.setattr(text_to_image, "_is_too_large", lambda pipeline, device: True)
    parted = TextPainter(find_text_model(str(folder), tmp_path), CPU)
    for _ in range(2):
        picture = parted.draw(wrapped("chair"), seed=1, config=QUICK, on_step=ignore)
        torch.testing.assert_close(picture, whole, rtol=0, atol=0)


@pytest.mark.parametrize(("free_gib", "is_too_large"), [(1.9, True), (2.1, False)])
def test_a_card_is_too_small_when_networks_and_picture_do_not_fit(
    folder, tmp_path, monkeypatch, free_gib, is_too_large
):
    pipeline = text_to_image._loaded(find_text_model(str(folder), tmp_path), CPU)
    monkeypatch.setattr(text_to_image, "memory", lambda device: (int(free_gib * 2**30), 8 * 2**30))
    assert text_to_image._is_too_large(pipeline, torch.device("cuda")) is is_too_large
    assert not text_to_image._is_too_large(pipeline, CPU)


def test_a_step_may_stop_it(painter):
    def stop(step, total):
        raise ConfigError("enough")

    with pytest.raises(ConfigError, match="enough"):
        painter.draw(wrapped("chair"), seed=1, config=QUICK, on_step=stop)


@pytest.mark.parametrize("words", ["A red chair.", " a  red\nchair ", "the red chair", "red chair"])
def test_the_prompt_asks_for_one_object_on_a_plain_background(words):
    prompt = wrapped(words).prompt
    assert prompt.startswith("a single red chair, ")
    assert "plain white background" in prompt
    assert "scenery" in wrapped(words).unwanted


def test_the_named_models_say_their_licence_and_size():
    assert {model.name: model.repo for model in TEXT_MODELS} == {
        "sdxl-turbo": "stabilityai/sdxl-turbo",
        "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
    }
    for model in TEXT_MODELS:
        assert model.licence
        assert model.bytes > 10**9


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sdxl-turbo", "models download sdxl-turbo --accept-licence` fetches 6.9 GB under Stability"),
        ("sdxl", "models download sdxl` fetches 6.9 GB under CreativeML"),
        ("somebody/thing", "models download somebody/thing --accept-licence"),
        ("nonsense", "no text-to-image model nonsense; choose sdxl-turbo, sdxl, an id"),
    ],
)
def test_a_model_that_is_not_there_says_how_to_get_it(tmp_path, name, words):
    with pytest.raises(WeightsError, match=words):
        find_text_model(name, tmp_path)


def test_a_downloaded_model_is_found_by_name_and_by_id(tmp_path):
    write_stable_diffusion(place_of("sdxl", tmp_path))
    found = [find_text_model(name, tmp_path) for name in ("sdxl", "stabilityai/stable-diffusion-xl-base-1.0")]
    assert found[0] == found[1]
    assert (found[0].steps, found[0].guidance, found[0].picture_px) == (30, 7.0, 1024)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no model_index\.json"):
        find_text_model(str(tmp_path), tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "Zero123PlusPipeline"}))
    with pytest.raises(WeightsError, match="cannot be read as a text-to-image model"):
        TextPainter(find_text_model(str(tmp_path), tmp_path), CPU)


def test_pickled_tensors_are_not_read(folder, tmp_path):
    copy = write_stable_diffusion(tmp_path / "model")
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (copy / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(WeightsError, match="safetensors"):
        TextPainter(find_text_model(str(copy), tmp_path), CPU)


FILES = [
    "model_index.json",
    "README.md",
    "sd_xl_turbo_1.0_fp16.safetensors",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/model.onnx",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
]


def test_only_what_a_half_precision_pipeline_reads_is_fetched():
    assert hub.needed_files(FILES) == [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.fp16.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
    ]


@pytest.fixture
def server(monkeypatch):
    """A hub whose download writes the files that are asked for; gives what was asked for."""
    asked = []

    class Api:
        def list_repo_files(self, repo):
            return FILES

    def download(repo, *, local_dir, allow_patterns):
        asked.append(repo)
        for name in allow_patterns:
            (local_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (local_dir / name).write_text(repo)

    monkeypatch.setattr(hub, "HfApi", Api)
    monkeypatch.setattr(hub, "snapshot_download", download)
    return asked


def test_terms_are_accepted_before_anything_is_fetched(server, tmp_path):
    for name in ("sdxl-turbo", "somebody/thing"):
        with pytest.raises(ConfigError, match="--accept-licence"):
            hub.fetch_text_model(name, tmp_path, is_accepted=False)
    assert server == []
    hub.fetch_text_model("sdxl", tmp_path, is_accepted=False)
    assert server == [repo_of("sdxl")]


def test_a_fetched_model_gets_its_place_at_the_end(server, tmp_path, monkeypatch):
    whole = hub.snapshot_download

    def broken(repo, *, local_dir, allow_patterns):
        whole(repo, local_dir=local_dir, allow_patterns=allow_patterns[:2])
        raise hub.httpx2.ConnectError("gone")

    monkeypatch.setattr(hub, "snapshot_download", broken)
    with pytest.raises(NetworkError, match="run it again, it goes on"):
        hub.fetch_text_model("sdxl", tmp_path, is_accepted=False)
    assert not place_of("sdxl", tmp_path).exists()
    monkeypatch.setattr(hub, "snapshot_download", whole)
    folder = hub.fetch_text_model("sdxl", tmp_path, is_accepted=False)
    assert folder == place_of("sdxl", tmp_path)
    assert find_text_model("sdxl", tmp_path).folder == folder


def test_another_kind_of_repository_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(hub.HfApi, "list_repo_files", lambda self, repo: ["model.safetensors"])
    with pytest.raises(InstallError, match=r"no model_index\.json"):
        hub.fetch_text_model("somebody/thing", tmp_path, is_accepted=True)
