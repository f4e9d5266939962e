"""The view-conditioned network: sizes, the relative camera, what it is drawn from."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.diffusion.ddim import ZERO123_SCHEDULE, DdimSchedule
from backend.errors import ConfigError
from backend.geometry.anchors import STARTER_LAYOUT, Directions
from backend.models.view_unet import camera_rays
from backend.models.weights import load_network, save_weights
from backend.models.zero123 import (
    ZERO123,
    Zero123Condition,
    Zero123Config,
    Zero123Net,
    pose_vector,
)

TINY = Zero123Config(
    latent_px=8,
    channels=(16, 16),
    layers=(1, 1),
    attention=(False, True),
    heads=(1, 2),
    embedding=16,
    norm_groups=4,
    hint_channels=7,
)


def _net(config: Zero123Config = TINY) -> Zero123Net:
    torch.manual_seed(0)
    return Zero123Net(config).eval().requires_grad_(False)


def _condition(net: Zero123Net, batch: int = 2, views: int = 3) -> Zero123Condition:
    generator = torch.Generator().manual_seed(1)
    code, embedding = (torch.randn(batch, *shape, generator=generator) for shape in ((4, 8, 8), (16,)))
    toward = Directions(*torch.randn(2, batch, views, generator=generator))
    hint = torch.randn(batch, views, net.config.hint_channels, 8, 8, generator=generator)
    return net.condition(code, embedding, toward, elevation=torch.tensor([0.1, 0.5]), hint=hint)


def test_published_network_has_as_many_parameters():
    """Stable Diffusion 1's 859,520,964 and four more input channels; the projection is 772 x 768 + 768."""
    with torch.device("meta"):
        net = Zero123Net(ZERO123)
    assert sum(p.numel() for p in net.unet.parameters()) == 859_520_964 + 4 * 320 * 9
    assert sum(p.numel() for p in net.projection.parameters()) == 772 * 768 + 768


def test_starter_size_is_within_its_share_of_the_bundle():
    with torch.device("meta"):
        net = Zero123Net(Zero123Config())
    assert sum(p.numel() for p in net.parameters()) <= 5_000_000


def test_relative_camera_is_polar_angle_then_azimuth_then_distance():
    """10 degrees up is 10 degrees less from the pole; 90 degrees to the right is sine 1."""
    toward = Directions(torch.tensor([0.0, math.pi / 2]), torch.tensor([math.radians(10), 0.0]))
    assert_close(pose_vector(toward), torch.tensor([[-math.radians(10), 0, 1, 0], [0.0, 1, 0, 0]]))


def test_token_is_at_first_the_embedding_of_the_picture():
    embedding = torch.randn(3, 16)
    token = _net().token(embedding, Directions(torch.randn(3), torch.randn(3)))
    assert_close(token[:, 0], embedding)


def test_network_sees_noise_picture_hint_and_rays_in_this_order(monkeypatch: pytest.MonkeyPatch):
    net = _net()
    condition = _condition(net)
    seen = []
    monkeypatch.setattr(net.unet, "forward", lambda *args, **_: (seen.append(args), (args[0][:, :4],))[1])
    noisy = torch.randn(6, 4, 8, 8)
    net(noisy, torch.zeros(6).long(), condition)
    image, _, token = seen[0]
    assert_close(image, torch.cat([noisy, condition.picture, condition.hint, condition.rays], dim=1))
    assert_close(token, condition.token)


def test_views_of_one_picture_follow_one_another():
    net = _net()
    code = torch.arange(2.0)[:, None, None, None].expand(-1, 4, 8, 8)
    toward = Directions(torch.zeros(2, 3), torch.zeros(2, 3))
    hint = torch.arange(6.0).view(2, 3, 1, 1, 1).expand(-1, -1, 7, 8, 8)
    condition = net.condition(code, torch.zeros(2, 16), toward, elevation=torch.zeros(2), hint=hint)
    assert condition.picture[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert condition.hint[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_dropped_condition_is_zeros_but_for_the_rays():
    condition = _condition(_net())
    dropped = condition.kept(torch.tensor([True] * 5 + [False]))
    assert_close(dropped.token[:5], condition.token[:5])
    for part in (dropped.picture, dropped.hint, dropped.token):
        assert not part[5].any()
    assert_close(dropped.rays, condition.rays)


def test_rays_stand_at_the_absolute_camera():
    """From elevation 0.5, 0.25 higher: the middle ray looks at the origin from elevation 0.75."""
    toward = Directions(torch.full((1, 1), 2.0), torch.full((1, 1), 0.25))
    net = _net(replace(TINY, hint_channels=0))
    nothing = torch.zeros(1, 1, 0, 8, 8)
    rays = net.condition(
        torch.zeros(1, 4, 8, 8), torch.zeros(1, 16), toward, elevation=torch.tensor([0.5]), hint=nothing
    ).rays[0]
    middle = rays[:3, 3:5, 3:5].mean(dim=(1, 2))
    eye = STARTER_LAYOUT.place(Directions(torch.tensor(2.0), torch.tensor(0.75))).position
    assert_close(middle / middle.norm(), -eye / eye.norm(), atol=1e-4, rtol=0)


def test_rays_at_the_rim_of_the_tile_touch_the_sphere_of_the_object():
    cameras = STARTER_LAYOUT.cameras(torch.tensor(0.3))
    rim = camera_rays(cameras, 512)[:, 3:, 256, 0].norm(dim=1)
    assert_close(rim, torch.ones(32), atol=5e-3, rtol=0)


def test_batch_equals_one_by_one():
    net = _net()
    condition, noisy = _condition(net), torch.randn(6, 4, 8, 8)
    timesteps = torch.arange(6) * 100
    whole = net(noisy, timesteps, condition)
    for i in range(6):
        part = slice(i, i + 1)
        assert_close(net(noisy[part], timesteps[part], condition[part])[0], whole[i], atol=1e-5, rtol=1e-4)


def test_weights_round_trip(tmp_path: Path):
    net = _net()
    save_weights(net, tmp_path, "zero123", config=net.config, quantized=False)
    loaded = load_network(Zero123Net, Zero123Config, tmp_path, "zero123")
    assert loaded.config == net.config
    condition, noisy = _condition(net), torch.randn(6, 4, 8, 8)
    times = torch.zeros(6).long()
    assert_close(loaded(noisy, times, condition), net(noisy, times, condition), atol=2e-3, rtol=2e-3)


def test_a_configuration_needs_one_entry_a_level():
    with pytest.raises(ConfigError, match="one entry a level"):
        Zero123Config(heads=(1,))


@pytest.mark.parametrize("schedule", [DdimSchedule(), ZERO123_SCHEDULE])
def test_clean_image_comes_back_from_the_target(schedule: DdimSchedule):
    clean, noise = torch.randn(2, 3, 4, 8, 8)
    share = schedule.alpha_bar()[torch.tensor([10, 400, 900])][:, None, None, None]
    noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
    target = schedule.target(clean, noise, share)
    assert_close(schedule.clean(noisy, target, share), clean, atol=1e-3, rtol=1e-3)


def test_published_schedule_is_that_of_stable_diffusion_1():
    """Its alpha_bar ends at 0.00466, and steps stop short of the clean image."""
    assert float(ZERO123_SCHEDULE.alpha_bar()[-1]) == pytest.approx(0.00466, abs=1e-5)
    scheduler = ZERO123_SCHEDULE.scheduler()
    scheduler.set_timesteps(50)
    assert scheduler.timesteps[-1] == 1
    assert float(scheduler.final_alpha_cumprod) < 1
