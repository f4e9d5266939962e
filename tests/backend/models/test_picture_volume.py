"""The volume that guesses the canvas is drawn with the rig's cameras."""

from dataclasses import replace

import torch
from torch.testing import assert_close

from backend.geometry.cameras import STARTER_RIG, views_from_sheet
from backend.models.image_encoder import PictureFeatures
from backend.models.picture_volume import PictureVolume, VolumeConfig
from tests.backend.picture_features import embedded

SIZE = 32
TINY = VolumeConfig(picture_channels=8, channels=(8, 8), features=2, depths=48, stride=1, norm_groups=4)


def _volume(size: int = SIZE) -> PictureVolume:
    torch.manual_seed(0)
    net = PictureVolume(TINY, rig=STARTER_RIG, size=size, latent_channels=4, embedding=6)
    return net.eval().requires_grad_(False)


def _cell(point: torch.Tensor) -> tuple[int, int, int]:
    """Index (y, -z, x) of the cell that holds a point."""
    x, y, z = ((point + 0.5) * SIZE).long().tolist()
    return y, SIZE - 1 - z, x


def test_matter_appears_where_the_cameras_see_it():
    """A dense blob away from every plane of symmetry, against `Cameras.project`."""
    point = torch.tensor([0.21, -0.12, 0.30])
    field = torch.zeros(1, 4 + 2 + 1, SIZE, SIZE, SIZE)
    field[:, 0] = -30
    y, down, x = _cell(point)
    field[:, 0, y - 1 : y + 2, down - 1 : down + 2, x - 1 : x + 2] = 30
    opacity = views_from_sheet(_volume().draw(field))[0, :, 4]
    uv, _ = STARTER_RIG.cameras().project(point.expand(6, 1, 3))
    grid = (torch.arange(SIZE) + 0.5) / SIZE
    for view in range(6):
        mass = opacity[view] / opacity[view].sum()
        seen = torch.stack([(mass.sum(0) * grid).sum(), (mass.sum(1) * grid).sum()])
        # A cell is one pixel wide: the blob's middle is off by half a cell at most.
        assert_close(seen, uv[view, 0], atol=0.03, rtol=0)


def test_near_matter_hides_far_matter():
    """Front half one colour, back half another: views from the front (30 and 330) see the first only."""
    field = torch.zeros(1, 7, SIZE, SIZE, SIZE)
    field[:, 0] = 30
    field[:, 1, : SIZE // 2] = 1.0
    views = views_from_sheet(_volume().draw(field))[0, :, 0, 12:20, 12:20]
    assert float(views[0].min()) > 0.95
    assert float(views[5].min()) > 0.95
    assert float(views[2].max()) < 0.05
    assert float(views[3].max()) < 0.05


def test_empty_space_shows_the_background():
    net = _volume()
    net.background.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    field = torch.zeros(1, 7, SIZE, SIZE, SIZE)
    field[:, 0] = -100
    drawn = net.draw(field)
    assert_close(drawn[0, :4, 5, 5], net.background.data)
    assert float(drawn[:, 4].max()) < 1e-6


def test_batch_equals_one_by_one():
    net = _volume(8)
    picture, embedding = torch.randn(3, 4, 8, 8), torch.randn(3, 6)
    whole = net(picture, embedded(embedding))
    assert whole.shape == (3, net.out_channels, 24, 16)
    for i in range(3):
        assert_close(
            net(picture[i : i + 1], embedded(embedding[i : i + 1]))[0], whole[i], atol=1e-5, rtol=1e-4
        )


def test_gradients_are_finite_and_reach_the_picture():
    net = _volume(8).requires_grad_(True)
    picture = torch.randn(2, 4, 8, 8, requires_grad=True)
    net(picture, embedded(torch.randn(2, 6))).square().sum().backward()
    assert picture.grad is not None
    assert bool(torch.isfinite(picture.grad).all())
    assert bool(picture.grad.abs().sum() > 0)


def test_map_of_the_picture_starts_as_nothing_and_then_counts():
    torch.manual_seed(0)
    config = replace(TINY, map_channels=5)
    net = PictureVolume(config, rig=STARTER_RIG, size=8, latent_channels=4, embedding=6).requires_grad_(False)
    picture, embedding = torch.randn(2, 4, 8, 8), torch.randn(2, 6)
    features = [PictureFeatures(embedding, torch.randn(2, 5, 3, 3)) for _ in range(2)]
    one, other = (net(picture, each) for each in features)
    assert torch.equal(one, other)
    assert net.map_in is not None
    torch.nn.init.normal_(net.map_in.weight)
    one, other = (net(picture, each) for each in features)
    assert float((one - other).abs().max()) > 1e-3
