"""The volumes' schedule ends in noise, and its samplers find what a perfect network knows."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from backend.diffusion.volume import (
    PURE_NOISE,
    VolumeSampler,
    VolumeSchedule,
    add_volume_noise,
    make_volume_scheduler,
    sample_volume,
)

SAMPLERS: list[VolumeSampler] = ["ddim", "dpm_solver"]


def test_schedule_falls_from_almost_clean_to_pure_noise():
    alpha_bar = VolumeSchedule().alpha_bar()
    assert (alpha_bar.diff() <= 0).all()
    assert alpha_bar[0] > 0.999
    assert alpha_bar[-1] == PURE_NOISE


def test_schedule_in_the_middle_is_that_of_las_diffusion():
    """Published: the logarithm of the signal-to-noise ratio is -log(expm1(1e-4 + 10 t^2)).

    Ending in pure noise takes 0.7 % of the amplitude there, which grows against what is left.
    """
    alpha_bar = VolumeSchedule().alpha_bar()
    index = torch.tensor([99, 249, 499])
    t = (index + 1) / 1000
    wanted = torch.sigmoid(-torch.log(torch.expm1(1e-4 + 10 * t.square())))
    assert_close(alpha_bar[index], wanted, rtol=0.05, atol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_scheduler_holds_our_schedule(sampler: VolumeSampler):
    schedule = VolumeSchedule()
    held = make_volume_scheduler(schedule, sampler).alphas_cumprod
    assert_close(held[:-1], schedule.alpha_bar()[:-1], rtol=1e-4, atol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 5])
def test_a_perfect_network_is_believed(sampler: VolumeSampler, steps: int):
    clean = torch.tensor([-1.0, 1.0, 0.25])
    seen: list[int] = []
    found = sample_volume(
        lambda noisy, timestep: clean,
        torch.randn(3, generator=torch.Generator().manual_seed(0)),
        schedule=VolumeSchedule(),
        sampler=sampler,
        steps=steps,
        on_step=lambda step, total: seen.append(step * 100 + total),
    )
    assert_close(found, clean, atol=1e-3, rtol=0)
    assert seen == [100 * (i + 1) + steps for i in range(steps)]


def test_first_step_sees_noise_alone():
    timesteps: list[int] = []

    def denoise(noisy: Tensor, timestep: int) -> Tensor:
        timesteps.append(timestep)
        return noisy

    sample_volume(denoise, torch.zeros(2), schedule=VolumeSchedule(), sampler="ddim", steps=4)
    assert timesteps == [999, 749, 499, 249]


def test_noise_keeps_the_variance():
    clean = torch.full((4,), 0.5)
    noisy = add_volume_noise(clean, torch.full((4,), 2.0), torch.tensor(0.36))
    assert_close(noisy, torch.full((4,), 0.6 * 0.5 + 0.8 * 2.0))
