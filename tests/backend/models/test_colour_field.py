"""The colour field: the decomposition, refinement, files."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from backend.errors import ArtifactError, ConfigError
from backend.geometry.placement import Placement
from backend.models.colour_field import ColourField, ColourFieldConfig, load_field, save_field

CONFIG = ColourFieldConfig(resolution=8, rank=3, features=5, hidden=8, frequencies=1)


def make(config=CONFIG):
    return ColourField(config, generator=torch.Generator().manual_seed(0))


def points(count=50):
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) - 0.5


def up(count=50):
    return torch.tensor([0.0, 0, 1]).expand(count, 3)


def test_products_at_nodes_are_planes_times_lines():
    """At node (i, j, k) the first products are plane[i, j] * line[k], and so on (TensoRF, eq. 3)."""
    field = make()
    i, j, k = 2, 5, 7
    node = torch.tensor([[i, j, k]]) / 7 - 0.5
    planes, lines = field.planes, field.lines
    expected = [planes[0][i * 8 + j] * lines[0][k], planes[1][i * 8 + k] * lines[1][j]]
    expected.append(planes[2][j * 8 + k] * lines[2][i])
    assert_close(field._products(node)[0], torch.cat(expected), atol=1e-5, rtol=1e-4)


def test_refining_keeps_the_colours_at_shared_nodes():
    field = make()
    finer = field.resampled(15)
    assert finer.config.resolution == 15
    nodes = torch.randint(0, 8, (40, 3), generator=torch.Generator().manual_seed(2)) / 7 - 0.5
    assert_close(finer(nodes, up(40)), field(nodes, up(40)), atol=1e-4, rtol=0)


def test_points_outside_take_the_colour_of_the_border():
    field = make()
    assert_close(field(points() * 3, up()), field((points() * 3).clamp(-0.5, 0.5), up()))


def test_no_points_have_no_colours():
    assert make()(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0, 3)


def test_colours_depend_on_the_direction():
    field = make()
    assert not torch.allclose(field(points(), up()), field(points(), -up()))


def test_gradients_agree_with_finite_differences():
    field = make(ColourFieldConfig(resolution=3, rank=2, features=2, hidden=4, frequencies=1)).double()
    given = points(4).double()

    def loss(planes):
        state: dict[str, torch.Tensor] = {**dict(field.named_parameters()), "planes": planes}
        return torch.func.functional_call(field, state, (given, up(4).double())).sum()

    assert torch.autograd.gradcheck(loss, field.planes.detach().clone().requires_grad_())


def test_roughness_of_an_even_field_is_zero():
    field = make()
    torch.nn.init.constant_(field.planes, 0.3)
    assert field.roughness(2, 1).item() == 0


def test_a_field_comes_back_from_its_file(tmp_path):
    field = make()
    field.place = Placement(np.array([0.1, -2.0, 3e5]), 0.37)
    save_field(field, tmp_path / "field.safetensors")
    back = load_field(tmp_path / "field.safetensors")
    assert back.place.centre.tolist() == field.place.centre.tolist()
    assert back.place.scale == field.place.scale
    assert back.config == CONFIG
    assert_close(back(points(), up()), field(points(), up()), atol=2e-3, rtol=0)


def test_equal_fields_give_equal_files(tmp_path):
    for name in "ab":
        save_field(make(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "field.safetensors"
    save_field(make(), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match=r"field\.safetensors"):
        load_field(path)


def test_impossible_sizes_are_refused():
    with pytest.raises(ConfigError):
        ColourFieldConfig(resolution=1)


def test_same_seed_gives_the_same_field():
    assert all(
        np.array_equal(a.detach(), b.detach())
        for a, b in zip(make().parameters(), make().parameters(), strict=True)
    )
