"""The schedule, target, weighting and samplers of the six-view diffusion."""

import pytest
import torch
from torch.testing import assert_close

from backend.diffusion.views import (
    SAMPLERS,
    Sampler,
    ViewSchedule,
    add_noise,
    at_timesteps,
    clean_from_velocity,
    guide,
    make_scheduler,
    velocity,
    velocity_weight,
)


def test_linear_schedule_has_the_derived_noise_levels():
    """Values computed from betas 0.00085..0.012, linear in beta (not in its root)."""
    alpha_bar = ViewSchedule().alpha_bar()
    expected = torch.tensor([0.867, 0.569, 0.161, 0.0225, 0.0049])
    assert_close(alpha_bar[[100, 250, 500, 750, 900]], expected, atol=5e-4, rtol=0.01)


def test_largest_sigma_is_twenty_five():
    scheduler = make_scheduler(ViewSchedule(), "euler_ancestral")
    scheduler.set_timesteps(28)
    assert float(scheduler.init_noise_sigma) == pytest.approx(25.15, abs=0.01)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_timesteps_are_trailing_so_the_first_is_the_noisiest(sampler: Sampler):
    scheduler = make_scheduler(ViewSchedule(), sampler)
    scheduler.set_timesteps(4)
    assert [round(float(t)) for t in scheduler.timesteps] == [999, 749, 499, 249]


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_sampler_finds_the_only_image_of_a_known_velocity(sampler: Sampler):
    """With a perfect network for data that is one single image, sampling must end at that image."""
    target = torch.linspace(-1, 1, 16).reshape(1, 1, 4, 4)
    schedule = ViewSchedule()
    alpha_bar = schedule.alpha_bar()
    scheduler = make_scheduler(schedule, sampler)
    scheduler.set_timesteps(12)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(target.shape, generator=generator) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        level = at_timesteps(alpha_bar, timestep.long().reshape(1))
        scaled = scheduler.scale_model_input(x, timestep)
        noise = (scaled - level.sqrt() * target) / (1 - level).sqrt()
        x = scheduler.step(velocity(target, noise, level), timestep, x, return_dict=False)[0]
    assert_close(x, target, atol=0.05, rtol=0)


def test_noise_is_added_as_the_scheduler_does():
    """Reference latents are noised by the scheduler's add_noise and scale_model_input in Zero123++."""
    schedule = ViewSchedule()
    scheduler = make_scheduler(schedule, "euler_ancestral")
    scheduler.set_timesteps(7)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    timestep = scheduler.timesteps[3]
    # diffusers' annotation says integers, its code compares with its own floating-point timesteps.
    added = scheduler.add_noise(clean, noise, timestep[None])  # pyright: ignore[reportArgumentType]
    theirs = scheduler.scale_model_input(added, timestep)
    ours = add_noise(clean, noise, at_timesteps(schedule.alpha_bar(), timestep.long()[None]))
    assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_velocity_gives_the_clean_image_back():
    clean, noise = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(2))
    level = at_timesteps(ViewSchedule().alpha_bar(), torch.tensor([10, 500, 999]))
    noisy = add_noise(clean, noise, level)
    assert_close(
        clean_from_velocity(noisy, velocity(clean, noise, level), level), clean, atol=1e-5, rtol=1e-4
    )


def test_min_snr_weight_is_that_of_the_paper():
    """min(SNR, 5) / (SNR + 1): at alpha_bar 0.9 the ratio is 9, at 0.5 it is 1."""
    weight = velocity_weight(torch.tensor([0.9, 0.5]), gamma=5.0)
    assert_close(weight, torch.tensor([0.5, 0.5]))


def test_floor_and_unlimited_ratio_weigh_all_velocities_alike():
    weight = velocity_weight(torch.tensor([0.99, 0.5, 0.001]), gamma=float("inf"), floor=1.0)
    assert_close(weight, torch.ones(3))


def test_guidance_goes_from_negative_past_positive():
    negative, positive = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert_close(guide(negative, positive, guidance=4.0), torch.full((1, 1, 2, 2), 4.0))
    assert_close(guide(negative, positive, guidance=1.0), positive)


def test_full_rescale_restores_the_deviation_of_positive():
    generator = torch.Generator().manual_seed(3)
    negative, positive = torch.randn(2, 2, 4, 8, 8, generator=generator)
    guided = guide(negative, positive, guidance=7.0, rescale=1.0)
    assert_close(guided.std(dim=(1, 2, 3)), positive.std(dim=(1, 2, 3)))
