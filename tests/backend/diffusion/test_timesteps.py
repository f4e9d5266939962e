"""Which timesteps a training batch gets."""

import torch

from backend.diffusion.timesteps import spread_timesteps


def test_timesteps_of_a_batch_cover_the_schedule():
    timesteps = spread_timesteps(10, 1000, torch.Generator().manual_seed(0))
    assert (timesteps // 100).tolist() == list(range(10))


def test_part_of_a_batch_starts_from_noise_alone():
    timesteps = spread_timesteps(8, 1000, torch.Generator().manual_seed(0), from_noise=0.5)
    assert (timesteps // 250).tolist() == [0, 1, 2, 3, 3, 3, 3, 3]
    assert timesteps[4:].tolist() == [999] * 4
    everything = spread_timesteps(3, 1000, torch.Generator().manual_seed(0), from_noise=1.0)
    assert everything.tolist() == [999] * 3
