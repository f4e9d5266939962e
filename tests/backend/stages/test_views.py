"""Sampling six views: determinism, order of guidance, where the noise comes from."""

import pytest
import torch
from torch.testing import assert_close

from backend.errors import Cancelled, ConfigError
from backend.geometry.cameras import ViewRig
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet, ViewCondition
from backend.models.picture_volume import VolumeConfig
from backend.stages.views import (
    KeptTiles,
    ViewNetworks,
    ViewSampling,
    generate_views,
    redraw_views,
    resized,
    sample_latents,
)
from tests.backend.picture_features import embedded

QUICK = ViewSampling(steps=3)


def tiny_networks() -> ViewNetworks:
    """Random networks for tiles of 32 pixels."""
    torch.manual_seed(0)
    vae = AutoencoderConfig(fold=1, encoder_channels=(8, 8, 8), decoder_channels=(8, 8, 8), norm_groups=4)
    encoder = ImageEncoderConfig(
        image_px=16, patch_px=8, width=16, hidden_width=16, layers=1, heads=2, embedding=16
    )
    views = MultiviewConfig(
        rig=ViewRig(tile_px=32),
        latent_px=8,
        channels=(16, 16),
        layers=(1, 1),
        attention=(False, True),
        heads=(1, 2),
        num_tokens=4,
        token_channels=16,
        norm_groups=4,
        position_channels=2,
        volume=VolumeConfig(picture_channels=8, channels=(8, 8), features=2, depths=8, norm_groups=4),
    )
    nets = ViewAutoencoder(vae), ImageEncoder(encoder), MultiviewNet(views)
    for net in nets:
        net.eval().requires_grad_(False)
    return ViewNetworks(*nets)


@pytest.fixture(scope="module")
def networks() -> ViewNetworks:
    return tiny_networks()


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(4, 48, 48, generator=torch.Generator().manual_seed(1))


def test_same_seed_gives_identical_views(networks: ViewNetworks, picture: torch.Tensor):
    one, two = (generate_views(picture, networks, seed=5, config=QUICK) for _ in range(2))
    assert torch.equal(one, two)


def test_global_random_state_does_not_matter(networks: ViewNetworks, picture: torch.Tensor):
    """Zero123++'s own pipeline draws the reference noise from the global state; ours must not."""
    torch.manual_seed(1)
    one = generate_views(picture, networks, seed=5, config=QUICK)
    torch.manual_seed(2)
    assert torch.equal(one, generate_views(picture, networks, seed=5, config=QUICK))


def test_other_seed_gives_other_views(networks: ViewNetworks, picture: torch.Tensor):
    one, two = (generate_views(picture, networks, seed=seed, config=QUICK) for seed in (5, 6))
    assert not torch.equal(one, two)


def test_views_are_tiles_of_the_rig(networks: ViewNetworks, picture: torch.Tensor):
    views = generate_views(picture, networks, seed=0, config=QUICK)
    assert views.shape == (6, 4, 32, 32)
    assert views.dtype == torch.float32
    assert 0 <= float(views.min()) <= float(views.max()) <= 1


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpm_solver", "unipc"])
def test_every_step_is_reported(networks: ViewNetworks, picture: torch.Tensor, sampler: str):
    steps: list[tuple[int, int]] = []
    config = ViewSampling(steps=3, sampler=sampler)  # pyright: ignore[reportArgumentType] - parametrised
    generate_views(picture, networks, seed=0, config=config, on_step=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_report_may_cancel(networks: ViewNetworks, picture: torch.Tensor):
    def cancel(step: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        generate_views(picture, networks, seed=0, config=QUICK, on_step=cancel)


def test_guided_batch_is_negative_then_positive(networks: ViewNetworks, monkeypatch: pytest.MonkeyPatch):
    """The negative half sees an empty picture and no embedding, the positive half the condition."""
    condition = ViewCondition(torch.randn(1, 4, 8, 8), embedded(torch.randn(1, 16)))
    seen: list[tuple[torch.Tensor, ViewCondition]] = []

    def spy(
        noisy: torch.Tensor,
        reference: torch.Tensor,
        timesteps: torch.Tensor,
        given: ViewCondition,
        hint: torch.Tensor,
    ) -> torch.Tensor:
        seen.append((reference, given))
        return torch.zeros_like(noisy)

    monkeypatch.setattr(networks.views, "forward", spy)
    sample_latents(condition, networks, generators=[torch.Generator()], config=QUICK)
    reference, given = seen[0]
    assert_close(given.picture[1], condition.picture[0])
    assert_close(given.features.embedding[1], condition.features.embedding[0])
    assert_close(given.picture[:1], networks.vae.empty(32))
    assert float(given.features.embedding[0].abs().max()) == 0
    # Both halves carry the same noise, so their difference is that of the codes.
    level = networks.views.config.schedule.alpha_bar()[999]
    codes = networks.vae.config.scaling.code(given.picture)
    assert_close(reference[1] - reference[0], (codes[1] - codes[0]) * level.sqrt(), atol=1e-5, rtol=1e-4)


def test_guidance_of_one_runs_the_condition_alone(networks: ViewNetworks, monkeypatch: pytest.MonkeyPatch):
    batches: list[int] = []
    monkeypatch.setattr(
        networks.views, "forward", lambda noisy, *_: (batches.append(len(noisy)), torch.zeros_like(noisy))[1]
    )
    condition = ViewCondition(torch.randn(1, 4, 8, 8), embedded(torch.randn(1, 16)))
    config = ViewSampling(steps=2, guidance=1.0)
    sample_latents(condition, networks, generators=[torch.Generator()], config=config)
    assert batches == [1, 1]


def test_reference_noise_is_fresh_at_every_step(networks: ViewNetworks, monkeypatch: pytest.MonkeyPatch):
    references: list[torch.Tensor] = []
    monkeypatch.setattr(
        networks.views,
        "forward",
        lambda noisy, reference, *_: (references.append(reference), torch.zeros_like(noisy))[1],
    )
    condition = ViewCondition(torch.zeros(1, 4, 8, 8), embedded(torch.zeros(1, 16)))
    sample_latents(
        condition, networks, generators=[torch.Generator()], config=ViewSampling(steps=2, guidance=1.0)
    )
    correlation = torch.corrcoef(torch.stack(references).flatten(1))[0, 1]
    assert abs(float(correlation)) < 0.3


def test_batch_equals_one_by_one(networks: ViewNetworks):
    condition = ViewCondition(torch.randn(2, 4, 8, 8), embedded(torch.randn(2, 16)))
    both = sample_latents(
        condition,
        networks,
        generators=[torch.Generator().manual_seed(seed) for seed in (3, 4)],
        config=QUICK,
    )
    second = ViewCondition(condition.picture[1:], embedded(condition.features.embedding[1:]))
    alone = sample_latents(second, networks, generators=[torch.Generator().manual_seed(4)], config=QUICK)
    assert_close(both[1:], alone, atol=1e-4, rtol=1e-3)


def test_shrinking_lets_no_hidden_colour_in():
    picture = torch.zeros(1, 4, 64, 64)
    picture[:, :3] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    picture[:, :, 16:48, 16:48] = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None, None]
    small = resized(picture, 20)
    assert float(small[0, 1].max()) < 1e-4


def test_guidance_below_one_is_refused():
    with pytest.raises(ConfigError, match="guidance"):
        ViewSampling(guidance=0.5)


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpm_solver", "unipc"])
def test_known_tiles_enter_each_step_with_its_noise(
    networks: ViewNetworks, monkeypatch: pytest.MonkeyPatch, sampler: str
):
    """A network that says what it sees: its last input is nearly clean where tiles are known."""
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(
        networks.views, "forward", lambda noisy, *_: (seen.append(noisy), torch.zeros_like(noisy))[1]
    )
    known = torch.full((1, 4, 24, 16), 3.0)
    mask = torch.zeros(1, 24, 16, dtype=torch.bool)
    mask[:, :8] = True
    config = ViewSampling(steps=50, guidance=1.0, sampler=sampler)  # pyright: ignore[reportArgumentType]
    sample_latents(
        ViewCondition(torch.zeros(1, 4, 8, 8), embedded(torch.zeros(1, 16))),
        networks,
        generators=[torch.Generator().manual_seed(0)],
        config=config,
        kept=KeptTiles(known, mask),
    )
    first, last = (float(noisy[:, :, :8].mean()) for noisy in (seen[0], seen[-1]))
    assert abs(first) < 0.4
    assert last == pytest.approx(3.0, abs=0.2)


def test_redrawn_tiles_go_with_the_kept_ones(networks: ViewNetworks, picture: torch.Tensor):
    """Another kept tile gives another drawing of the rest, from the same noise."""
    views = torch.rand(6, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    edited = views.clone()
    edited[0] = 1 - edited[0]
    one, two = (
        redraw_views(picture, sheet, networks, tiles=[5], seed=1, config=QUICK) for sheet in (views, edited)
    )
    assert torch.equal(one[1:5], views[1:5])
    assert not torch.equal(one[5], views[5])
    assert not torch.equal(one[5], two[5])
