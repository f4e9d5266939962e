"""The supply of training objects: deterministic, separated into splits, well-formed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.train.__main__ import main
from backend.train.changes import MAX_BEND, SourceConfig, bent, random_changes
from backend.train.colours import colour_changes, linear_from_srgb, srgb_from_linear
from backend.train.objects import ObjectSource, normalised
from backend.train.pack import RADIUS, read_pack
from backend.train.patterns import pattern_bank, pattern_colours
from backend.train.primitives import random_primitives
from backend.train.procedural import random_compositions
from backend.train.rigs import starter_rigs

FEW = SourceConfig(patterns=11)


@pytest.fixture(scope="module")
def source(tiny_pack: Path) -> ObjectSource:
    return ObjectSource(tiny_pack, split="train", device="cpu", config=FEW)


def test_the_same_seed_gives_the_same_objects(source: ObjectSource, tiny_pack: Path):
    again = ObjectSource(tiny_pack, split="train", device="cpu", config=FEW)
    rig = starter_rigs(5, "cpu")
    first = source.scenes(5, seed=3).render(rig, 16)
    assert torch.equal(again.scenes(5, seed=3).render(rig, 16), first)
    assert not torch.equal(source.scenes(5, seed=4).render(rig, 16), first)


def test_held_out_objects_are_never_trained_on(source: ObjectSource, tiny_pack: Path):
    held_out = ObjectSource(tiny_pack, split="val", device="cpu", config=FEW)
    assert len(source) + len(held_out) == len(read_pack(tiny_pack))
    assert not set(source.names) & set(held_out.names)


def test_held_out_objects_come_in_a_fixed_order_unchanged(tiny_pack: Path):
    held_out = ObjectSource(tiny_pack, split="val", device="cpu", config=FEW)
    both = held_out.scenes(2, seed=0).render(starter_rigs(2, "cpu"), 24)
    second = held_out.scenes(1, seed=1).render(starter_rigs(1, "cpu"), 24)
    around = held_out.scenes(1, seed=2).render(starter_rigs(1, "cpu"), 24)
    assert float((both[1] - second[0]).abs().mean()) < 1e-3
    assert float((both[0] - around[0]).abs().mean()) < 1e-3


@pytest.mark.parametrize("procedural", [0.0, 0.5, 1.0])
def test_every_scene_is_centred_and_fills_the_sphere(tiny_pack: Path, procedural: float):
    source = ObjectSource(
        tiny_pack, split="train", device="cpu", config=SourceConfig(patterns=11, procedural=procedural)
    )
    soup = source.soup(12, seed=1)
    assert_close(normalised(soup.vertices, soup.scene, 12), soup.vertices, atol=1e-5, rtol=0)
    for scene in range(12):
        own = soup.vertices[soup.scene == scene]
        assert float(own.norm(dim=1).max()) == pytest.approx(RADIUS, abs=1e-5)
    assert int(soup.faces.max()) < len(soup.vertices)
    assert bool(
        (soup.scene[soup.faces.long()].amax(dim=1) == soup.scene[soup.faces.long()].amin(dim=1)).all()
    )


def bends(count: int) -> torch.Tensor:
    config = SourceConfig(bent=1.0)
    alone = torch.ones(count, dtype=torch.long)
    return random_changes(torch.arange(count), alone, config, torch.Generator().manual_seed(0)).bend


def test_a_bend_never_folds_a_mesh_over_itself():
    points = torch.randn(400, 3, generator=torch.Generator().manual_seed(1))
    points = RADIUS * points / points.norm(dim=1, keepdim=True)
    jacobian = torch.eye(3) + 2 * torch.einsum("bkij,pj->bpki", bends(50), points)
    assert float(torch.linalg.det(jacobian).min()) > 0
    assert 0.3 * MAX_BEND < float((jacobian - torch.eye(3)).norm(dim=(2, 3)).max()) <= MAX_BEND


def test_normals_of_a_bent_plane_stay_square_to_it():
    corner = torch.tensor([0.2, -0.1, 0.3])
    bend = bends(1)
    up = torch.tensor([[0.0, 0.0, 1.0]])
    _, normal = bent(corner[None], up, bend)
    along = torch.func.jacrev(lambda point: bent(point[None], up, bend)[0][0])(corner)
    assert_close(normal @ along[:, :2], torch.zeros(1, 2), atol=1e-6, rtol=0)


def test_repainted_meshes_show_patterns_alone(tiny_pack: Path):
    config = SourceConfig(patterns=11, procedural=0.0, repainted=1.0)
    source = ObjectSource(tiny_pack, split="train", device="cpu", config=config)
    painted = set(source.soup(8, seed=0).face_texture.tolist())
    own = ObjectSource(tiny_pack, split="train", device="cpu", config=replace(config, repainted=0.0))
    assert not painted & set(own.soup(8, seed=0).face_texture.tolist())
    assert len(painted) > 1


def test_colour_changes_keep_colours_when_neutral():
    zero, one = torch.zeros(2), torch.ones(2)
    maps = colour_changes(hue=zero, saturation=one, contrast=one, brightness=zero)
    assert_close(maps, torch.eye(3, 4).expand(2, -1, -1), atol=1e-6, rtol=0)


def test_a_third_of_a_turn_of_hue_makes_red_green():
    one = torch.ones(1)
    turn = torch.tensor([2 * torch.pi / 3])
    maps = colour_changes(hue=turn, saturation=one, contrast=one, brightness=0 * one)
    assert_close(maps[0] @ torch.tensor([1.0, 0, 0, 1]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)


def test_srgb_and_linear_are_inverse():
    values = np.linspace(0, 1, 50)
    assert np.allclose(srgb_from_linear(linear_from_srgb(values)), values)


def test_patterns_take_their_three_colours():
    base, first, second = torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([[0.9, 0.5, 0.4]]), torch.ones(1, 3)
    maps = pattern_colours(base, first, second, torch.zeros(1))[0]
    assert_close(maps @ torch.tensor([0.0, 0, 0.5, 1]), base[0])
    assert_close(maps @ torch.tensor([1.0, 0, 0.5, 1]), first[0])
    assert_close(maps @ torch.tensor([0.0, 1, 0.5, 1]), second[0])


def test_the_pattern_bank_is_the_same_every_time():
    for first, second in zip(pattern_bank(12), pattern_bank(12), strict=True):
        assert np.array_equal(first, second)


def test_primitives_are_closed():
    """Every edge belongs to two faces once vertices at the same place are one."""
    solids = random_primitives(40, torch.Generator().manual_seed(0))
    for vertices, is_face in zip(solids.vertices, solids.is_face, strict=True):
        points = (vertices.reshape(-1, 3) * 1e5).round().long()
        _, index = points.unique(dim=0, return_inverse=True)
        faces = index[solids.faces[is_face]]
        faces = faces[(faces != faces.roll(1, dims=1)).all(dim=1)]
        edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
        counts = edges.unique(dim=0, return_counts=True)[1]
        assert bool((counts % 2 == 0).all())


def test_twins_are_mirror_images():
    made = random_compositions(60, 5, torch.Generator().manual_seed(0))
    mirrored = torch.linalg.det(made.world_from_part[:, :, :3]) < 0
    assert mirrored.any()
    for index in mirrored.nonzero().flatten().tolist():
        twin, original = made.world_from_part[index], made.world_from_part[index - 1]
        assert_close(twin[0], -original[0])
        assert_close(twin[1:], original[1:])
        assert made.pattern[index] == made.pattern[index - 1]


def test_shares_outside_their_range_are_refused():
    with pytest.raises(ConfigError, match="share of procedural"):
        SourceConfig(procedural=1.5)


def test_the_sheet_command_draws_a_row_an_object(tiny_pack: Path, tmp_path: Path):
    out = tmp_path / "sheet.png"
    assert (
        main(["sheet", str(tiny_pack), "-o", str(out), "--count", "1", "--size", "16", "--device", "cpu"])
        == 0
    )
    with Image.open(out) as sheet:
        assert sheet.size == (9 * 16, 16)
