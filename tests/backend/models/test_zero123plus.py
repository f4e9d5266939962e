"""Zero123++: every detail of its published pipeline, on small random weights in the published layout."""

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from PIL import Image
from torch.testing import assert_close
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from backend.diffusion.views import ViewSampling
from backend.geometry.framing import crop_to_object
from backend.models import reference_attention
from backend.models.cache import NetworkCache
from backend.models.component_layout import load_component
from backend.models.zero123plus import GREY, on_grey
from backend.stages.canvas import ViewModel, sample_canvas
from backend.stages.views import generate_views, redraw_views
from tests.backend.models.opened import (
    CPU,
    QUICK,
    UNGUIDED,
    Passes,
    cut_out_picture,
    open_model,
    prepare,
    seeded,
)
from tests.backend.models.public_weights import (
    RAMP,
    REFERENCE_PX,
    TILE_PX,
    TOKENS,
    default_scheduler,
    edit_json,
    write_zero123plus,
)


@dataclass
class Naive:
    """The published networks, loaded plainly."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text: CLIPTextModel
    vision: CLIPVisionModelWithProjection


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_zero123plus(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def model(folder):
    return open_model(folder)


@pytest.fixture
def naive(folder):
    return Naive(
        load_component(UNet2DConditionModel, folder / "unet"),
        load_component(AutoencoderKL, folder / "vae"),
        load_component(CLIPTextModel, folder / "text_encoder"),
        load_component(CLIPVisionModelWithProjection, folder / "vision_encoder"),
    )


@pytest.fixture
def picture():
    return cut_out_picture()


def framed(model, picture):
    """The reference picture as the autoencoder gets it, by hand."""
    image = on_grey(crop_to_object(picture[None], size=64, fill=0.75)[0])
    resized = image.resize((REFERENCE_PX, REFERENCE_PX), Image.Resampling.BILINEAR)
    small = np.asarray(resized, dtype=np.float32) / 255
    return torch.from_numpy((small - 0.5) / 0.8).permute(2, 0, 1)[None], image


def test_it_is_a_model_of_six_views(model):
    assert isinstance(model, ViewModel)
    assert model.canvas == (4, 48, 32)
    assert model.background == GREY == 127 / 255


def test_same_seed_gives_identical_views_whatever_the_global_random_state(folder, picture):
    """The authors' pipeline draws the reference's noise from the global state; ours must not."""
    torch.manual_seed(1)
    one = generate_views(picture, open_model(folder), seed=5, config=QUICK)
    torch.manual_seed(2)
    assert torch.equal(one, generate_views(picture, open_model(folder), seed=5, config=QUICK))
    assert not torch.equal(one, generate_views(picture, open_model(folder), seed=6, config=QUICK))


# The reference picture (the notes on the method, 1.2 and 1.3).


def test_the_reference_stands_on_grey_and_spans_what_the_autoencoder_was_shown(model, picture):
    pixels, image = framed(model, picture)
    assert image.getpixel((0, 0)) == (127, 127, 127)
    assert_close(model.weights.vae([image]), pixels)
    white = model.weights.vae([Image.new("RGB", (40, 40), (255, 255, 255))])
    assert_close(white, torch.full_like(white, 0.625))


def test_the_object_takes_three_quarters_of_the_picture(model, picture):
    _, image = framed(model, picture)
    is_object = (np.asarray(image) != 127).any(axis=2)
    rows = np.flatnonzero(is_object.any(axis=1))
    assert rows[-1] - rows[0] + 1 == pytest.approx(0.75 * 64, abs=2)


def test_the_reference_is_an_unscaled_sample_of_the_posterior_after_that_of_zeros(model, naive, picture):
    """Neither multiplied by 0.18215 nor shifted like the canvas; noise from the caller's generator."""
    pixels, _ = framed(model, picture)
    denoiser = prepare(model, picture, seed=3)
    noise = torch.randn(2, 4, 8, 8, generator=seeded(3)[0])
    for index, seen in enumerate((torch.zeros_like(pixels), pixels)):
        found = naive.vae.encode(seen).latent_dist
        assert_close(denoiser.reference[index], (found.mean + found.std * noise[index])[0])


def test_without_guidance_there_is_no_empty_picture(model, picture):
    denoiser = prepare(model, picture, config=UNGUIDED)
    assert len(denoiser.reference) == len(denoiser.prompt) == 1


def test_the_reference_is_noised_at_the_step_of_the_canvas_as_the_sampler_does_it(
    model, picture, monkeypatch
):
    denoiser = prepare(model, picture)
    passes = Passes(denoiser, monkeypatch)
    scheduler = default_scheduler()
    scheduler.set_timesteps(3)
    timestep = scheduler.timesteps[1]
    noise = torch.randn(1, 2, 4, 8, 8)
    denoiser(torch.zeros(1, *model.canvas), noise, int(timestep))
    noised = scheduler.add_noise(denoiser.reference, noise[0], timestep.expand(2))
    # What scale_model_input does, without its state.
    sigma = scheduler.sigmas[scheduler.index_for_timestep(timestep)]
    assert_close(passes.calls[0][0], noised / (sigma**2 + 1).sqrt(), atol=1e-4, rtol=1e-4)
    assert passes.calls[0][1].tolist() == passes.calls[1][1].tolist() == [int(timestep)] * 2


def test_each_step_runs_the_reference_and_then_the_canvas(model, picture, monkeypatch):
    denoiser = prepare(model, picture)
    passes = Passes(denoiser, monkeypatch)
    canvas = torch.randn(1, *model.canvas)
    denoiser(canvas, torch.zeros(1, *denoiser.noise_shape), 500)
    assert [mode for *_, mode, _ in passes.calls] == ["record", "attend"]
    (reference, *_), (drawn, *_) = passes.calls
    assert reference.shape == (2, 4, 8, 8)
    assert_close(drawn, canvas.repeat(2, 1, 1, 1))
    # Text and global condition are the same in both passes.
    assert torch.equal(passes.calls[0][2], passes.calls[1][2])


def test_the_noise_of_the_reference_is_fresh_at_every_step_and_for_each_branch(model, picture, monkeypatch):
    denoiser = prepare(model, picture)
    passes = Passes(denoiser, monkeypatch)
    sample_canvas(
        denoiser,
        model.scheduler("euler_ancestral"),
        shape=model.canvas,
        device=CPU,
        generators=seeded(),
        steps=2,
    )
    first, second = (passes.calls[index][0] for index in (0, 2))
    between = torch.corrcoef(torch.stack([first[0], second[0], first[1]]).flatten(1))
    assert between.triu(1).abs().max() < 0.3


def test_every_self_attention_sees_the_reference_and_no_other_layer(model, picture):
    denoiser = prepare(model, picture)
    processors = denoiser.unet.attn_processors
    seeing = {name for name, processor in processors.items() if getattr(processor, "name", None)}
    assert seeing == {name for name in processors if name.endswith("attn1.processor")}
    assert len(seeing) == len(processors) / 2


@pytest.mark.parametrize("half", [0, 1])
def test_both_branches_look_at_their_own_reference(model, picture, half):
    denoiser = prepare(model, picture)
    canvas, noise = torch.randn(1, *model.canvas), torch.zeros(1, *denoiser.noise_shape)
    before = denoiser(canvas, noise, 500)
    denoiser.reference = denoiser.reference.clone()
    denoiser.reference[half] += 3
    assert not torch.allclose(before, denoiser(canvas, noise, 500), atol=1e-4)


# The global condition (1.4).


def test_the_prompt_is_the_empty_text_with_the_ramped_picture_in_the_positive_half(model, naive, picture):
    _, image = framed(model, picture)
    denoiser = prepare(model, picture)
    text = naive.text(torch.tensor([[10, 11, 0, 0, 0, 0]])).last_hidden_state[0]
    seen = naive.vision(pixel_values=model.weights.clip([image])).image_embeds[0]
    assert_close(denoiser.prompt[0], text)
    assert_close(denoiser.prompt[1], text + torch.tensor(RAMP)[:, None] * seen)


def test_the_ramp_comes_from_the_index(folder, tmp_path, picture):
    copy = shutil.copytree(folder, tmp_path / "copy")
    edit_json(copy / "model_index.json", ramping_coefficients=[0.0] * TOKENS)
    denoiser = prepare(open_model(copy), picture)
    assert torch.equal(denoiser.prompt[0], denoiser.prompt[1])


# Scalings (1.5) and schedule (1.6).


def test_a_canvas_is_decoded_in_the_published_order(model, naive):
    latents = torch.randn(1, *model.canvas)
    with torch.inference_mode():
        tiles = model.decode(latents)[0]
    code = (latents / 0.75 + 0.22) / 0.18215
    painted = naive.vae.decode(code).sample / 0.5 * 0.8
    sheet = (painted / 2 + 0.5).clamp(0, 1)[0]
    assert_close(tiles[1, :3], sheet[:, :TILE_PX, TILE_PX:], atol=1e-5, rtol=1e-4)
    assert_close(tiles[4, :3], sheet[:, 2 * TILE_PX :, :TILE_PX], atol=1e-5, rtol=1e-4)
    assert tiles[:, 3].min() == 1


def test_encoding_a_canvas_is_the_inverse_scaling(model, naive):
    tiles = torch.rand(6, 4, TILE_PX, TILE_PX)
    with torch.inference_mode():
        canvas = model.encode(tiles)
    rgb = tiles[:, :3] * tiles[:, 3:] + GREY * (1 - tiles[:, 3:])
    sheet = rgb.reshape(3, 2, 3, TILE_PX, TILE_PX).permute(2, 0, 3, 1, 4).reshape(1, 3, 96, 64)
    code = naive.vae.encode((2 * sheet - 1) * 0.5 / 0.8).latent_dist.mean
    assert_close(canvas, (code * 0.18215 - 0.22) * 0.75, atol=1e-4, rtol=1e-4)


def test_the_schedule_is_linear_with_velocities_and_trailing_steps(model):
    scheduler = model.scheduler("euler_ancestral")
    scheduler.set_timesteps(4)
    assert scheduler.timesteps.tolist() == [999, 749, 499, 249]
    assert scheduler.config["prediction_type"] == "v_prediction"
    assert float(scheduler.sigmas[0]) == pytest.approx(25.15, abs=0.01)
    published = {100: 0.867, 250: 0.569, 500: 0.161, 750: 0.0225, 900: 0.0049}
    for timestep, share in published.items():
        assert float(scheduler.alphas_cumprod[timestep]) == pytest.approx(share, rel=0.02)


def test_the_schedule_is_read_and_not_assumed(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    edit_json(copy / "scheduler" / "scheduler_config.json", beta_schedule="scaled_linear")
    scheduler = open_model(copy).scheduler("euler_ancestral")
    scheduler.set_timesteps(4)
    assert float(scheduler.sigmas[0]) == pytest.approx(14.61, abs=0.01)


@pytest.mark.parametrize("sampler", ["dpm_solver", "unipc"])
def test_other_samplers_take_the_same_schedule(model, picture, sampler):
    config = ViewSampling(steps=2, guidance=4.0, sampler=sampler)
    assert generate_views(picture, model, seed=0, config=config).shape == (6, 4, TILE_PX, TILE_PX)


class NaiveAttention:
    """Reference attention as a dictionary and diffusers' own attention."""

    def __init__(self, name, bank, state):
        self.name, self.bank, self.state, self.plain = name, bank, state, AttnProcessor2_0()

    def __call__(self, attn: Attention, hidden_states, encoder_hidden_states=None, attention_mask=None):
        if self.name.endswith("attn1.processor"):
            encoder_hidden_states = hidden_states
            if self.state["mode"] == "w":
                self.bank[self.name] = hidden_states
            else:
                encoder_hidden_states = torch.cat([hidden_states, self.bank[self.name]], dim=1)
        return self.plain(attn, hidden_states, encoder_hidden_states, attention_mask)


def test_the_whole_equals_an_obvious_loop(model, naive, picture):
    """The published pipeline step by step: one branch after the other, diffusers' attention and sampler."""
    denoiser = prepare(model, picture, seed=7)
    bank, state = {}, {}
    naive.unet.set_attn_processor(
        {name: NaiveAttention(name, bank, state) for name in naive.unet.attn_processors}
    )
    generator = seeded(8)[0]
    scheduler = default_scheduler()
    scheduler.set_timesteps(3)
    latents = torch.randn(1, *model.canvas, generator=generator) * scheduler.init_noise_sigma
    with torch.inference_mode():
        for timestep in scheduler.timesteps:
            noise = torch.randn(2, 4, 8, 8, generator=generator)
            canvas, found = scheduler.scale_model_input(latents, timestep), []
            for half in range(2):
                noised = scheduler.add_noise(denoiser.reference[[half]], noise[[half]], timestep[None])
                state["mode"] = "w"
                scaled = scheduler.scale_model_input(noised, timestep)
                naive.unet(scaled, timestep, denoiser.prompt[[half]])
                state["mode"] = "r"
                found.append(naive.unet(canvas, timestep, denoiser.prompt[[half]]).sample)
            guided = found[0] + 4.0 * (found[1] - found[0])
            latents = scheduler.step(guided, timestep, latents, generator=generator, return_dict=False)[0]
        ours = sample_canvas(
            denoiser,
            model.scheduler("euler_ancestral"),
            shape=model.canvas,
            device=CPU,
            generators=seeded(8),
            steps=3,
        )
    assert_close(ours, latents, atol=1e-3, rtol=1e-3)


# Around it.


def test_the_text_encoder_is_needed_once(folder, tmp_path, picture, monkeypatch):
    one = generate_views(picture, open_model(folder, prompts=tmp_path), seed=1, config=QUICK)
    monkeypatch.setattr(CLIPTextModel, "forward", lambda *_: pytest.fail("the text encoder ran again"))
    monkeypatch.setattr("backend.models.empty_prompt.load_component", lambda *_: pytest.fail("it was loaded"))
    assert torch.equal(
        one, generate_views(picture, open_model(folder, prompts=tmp_path), seed=1, config=QUICK)
    )


def test_one_component_is_in_memory_at_a_time(folder, picture, monkeypatch):
    held = []
    plain = NetworkCache.component

    def spy(self, net_class, place, *, dtype):
        held.append((place.name, len(self._networks)))
        return plain(self, net_class, place, dtype=dtype)

    monkeypatch.setattr(NetworkCache, "component", spy)
    generate_views(picture, open_model(folder), seed=1, config=QUICK)
    assert held == [("vae", 0), ("vision_encoder", 0), ("unet", 0), ("vae", 0)]


def test_kept_tiles_come_back_untouched_and_steer_the_rest(model, picture):
    views = torch.rand(6, 4, TILE_PX, TILE_PX, generator=seeded(2)[0])
    edited = views.clone()
    edited[0] = 1 - edited[0]
    one, two = (
        redraw_views(picture, sheet, model, tiles=[5], seed=1, config=QUICK) for sheet in (views, edited)
    )
    assert torch.equal(one[:5], views[:5])
    assert not torch.equal(one[5], two[5])


def test_attention_in_slices_is_attention(monkeypatch):
    """Devices without a kernel that avoids the matrix get the queries piece by piece."""
    query, key, value = (torch.randn(2, 3, tokens, 8) for tokens in (50, 70, 70))
    whole = reference_attention.attention(query, key, value)
    monkeypatch.setattr(reference_attention, "FUSED_DEVICES", ())
    monkeypatch.setattr(reference_attention, "MAX_SCORES", 2 * 3 * 70 * 16)
    assert_close(reference_attention.attention(query, key, value), whole)
