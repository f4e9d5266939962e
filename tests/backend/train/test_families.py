"""Families of things: well-formed, whole, and with their fronts towards -Y."""

import math
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.train import families, objects
from backend.train.changes import SourceConfig
from backend.train.families import FAMILIES, part_solids, placements, random_families
from backend.train.objects import ObjectSource
from backend.train.primitives import grid_normals, section_table, swept_primitives
from backend.train.things.creatures import quadruped
from backend.train.things.furniture import chair, sofa
from backend.train.things.parts import BALL, CYLINDER, Family, Part, box, rope
from backend.train.things.vehicles import car

DRAWS = 8
KINDS = sorted(set(FAMILIES), key=lambda family: family.__name__)


def placed(parts: list[Part]) -> Tensor:
    """Vertices of parts in their thing (n r u 3)."""
    place = placements(parts)
    moved = torch.einsum("nij,nruj->nrui", place[:, :, :3], part_solids(parts).vertices)
    return moved + place[:, None, None, :, 3]


def middles(parts: list[Part], colour: str) -> Tensor:
    """Middles of the boxes of the parts of a colour (n 3)."""
    points = placed([part for part in parts if part.colour == colour]).flatten(1, 2)
    return (points.amin(dim=1) + points.amax(dim=1)) / 2


def things(family: Family) -> list[list[Part]]:
    return [family(Random(seed)) for seed in range(DRAWS)]


def test_the_same_seed_gives_the_same_things():
    first, again, other = (
        random_families(6, 11, torch.Generator().manual_seed(s), turned=0.6) for s in (1, 1, 2)
    )
    for name in ("scene", "world_from_part", "uv_scale", "pattern", "colours"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert torch.equal(first.primitives.vertices, again.primitives.vertices)
    assert len(other.scene) != len(first.scene)


@pytest.mark.parametrize("family", KINDS, ids=lambda family: family.__name__)
def test_parts_are_closed_and_have_areas(family: Family):
    """Tips of bent rods are points, so every edge belongs to an even number of faces."""
    parts = [part for thing in things(family)[:2] for part in thing]
    solids, points = part_solids(parts), placed(parts)
    assert bool(points.isfinite().all())
    assert bool(solids.normals.isfinite().all())
    for own, is_face in zip(points, solids.is_face, strict=True):
        flat = own.reshape(-1, 3)
        corners = flat[solids.faces[is_face]]
        sides = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert float(sides.norm(dim=1).sum()) > 1e-4
        _, index = (flat * 1e5).round().long().unique(dim=0, return_inverse=True)
        faces = index[solids.faces[is_face]]
        faces = faces[(faces != faces.roll(1, dims=1)).all(dim=1)]
        edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
        assert bool((edges.unique(dim=0, return_counts=True)[1] % 2 == 0).all())


@pytest.mark.parametrize("family", KINDS, ids=lambda family: family.__name__)
def test_no_part_floats_away_or_dwarfs_the_thing(family: Family):
    """Boxes of parts hang together, and no thing is more than 5 units long."""
    for thing in things(family):
        points = placed(thing).flatten(1, 2)
        low, high = points.amin(dim=1) - 0.01, points.amax(dim=1) + 0.01
        assert 0.5 < float((high.amax(dim=0) - low.amin(dim=0)).max()) < 5
        touches = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(dim=2)
        reached = torch.zeros(len(thing), dtype=torch.bool)
        reached[0] = True
        for _ in thing:
            reached = touches[reached].any(dim=0)
        assert [part for part, is_held in zip(thing, reached.tolist(), strict=True) if not is_held] == []


@pytest.mark.parametrize("family", [chair, sofa])
def test_the_back_of_a_seat_is_behind(family: Family):
    for thing in things(family):
        points = placed(thing).reshape(-1, 3)
        top = points[points[:, 2] > points[:, 2].max() - 0.05]
        assert float(top[:, 1].mean()) > 0.2


def test_a_car_has_white_lights_ahead_and_red_ones_behind():
    for thing in things(car):
        white, red = middles(thing, "lit"), middles(thing, "red")
        assert len(white) == len(red) == 2
        assert float(white[:, 1].max()) < -0.8
        assert float(red[:, 1].min()) > 0.8
        # The bonnet has no glass on it.
        glass = placed([part for part in thing if part.colour == "glass"])
        assert float(glass[..., 1].min()) > 0.7 * float(placed(thing)[..., 1].min())


def test_a_quadruped_looks_ahead():
    for thing in things(quadruped):
        points = placed(thing).reshape(-1, 3)
        eyes = middles(thing, "dark")
        highest = eyes[eyes[:, 2].argmax()]
        assert float(highest[1]) < float(points[:, 1].min()) / 2


@pytest.mark.parametrize(("turned", "low", "high"), [(0.0, 9.0, 15.0), (1.0, 85.0, 120.0)])
def test_fronts_are_turned_as_asked(turned: float, low: float, high: float, monkeypatch: pytest.MonkeyPatch):
    """The deviation of an even angle is 104 degrees."""
    cube = box((0, 0, 0), (1, 1, 1), "main")
    monkeypatch.setattr(families, "FAMILIES", (lambda _: [cube],))
    world = random_families(400, 3, torch.Generator().manual_seed(0), turned=turned).world_from_part
    angle = torch.atan2(world[:, 1, 0], world[:, 0, 0]) * 180 / math.pi
    assert low < float(angle.std()) < high


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_families_have_their_share(share: float, tiny_pack: Path, monkeypatch: pytest.MonkeyPatch):
    drawn = []

    def counted(count: int, patterns: int, generator: torch.Generator, *, turned: float) -> object:
        drawn.append(count)
        return random_families(count, patterns, generator, turned=turned)

    monkeypatch.setattr(objects, "random_families", counted)
    config = SourceConfig(patterns=11, procedural=1.0, families=share)
    soup = ObjectSource(tiny_pack, split="train", device="cpu", config=config).soup(60, seed=0)
    assert soup.scene.unique().tolist() == list(range(60))
    # Three deviations of a binomial of 60.
    assert abs(sum(drawn) - 60 * share) <= 3 * math.sqrt(60 * share * (1 - share))


def test_a_share_of_families_outside_its_range_is_refused():
    with pytest.raises(ConfigError, match="families"):
        SourceConfig(families=-0.1)


def test_swept_normals_are_those_of_the_grid():
    part = [Part(BALL, (0, 0, 0), (1, 1, 1), "main", section="lens")]
    solids = part_solids(part)
    inner = torch.nn.functional.normalize(solids.normals[:, 1:-1], dim=-1)
    assert_close(
        inner,
        torch.nn.functional.normalize(grid_normals(solids.vertices)[:, 1:-1], dim=-1),
        atol=1e-4,
        rtol=0,
    )


def test_a_rod_bent_by_half_a_turn_ends_a_diameter_apart():
    handle = Part(rope(0.05), (0, 0, 0), (1, 1, 1), "main", bend=math.pi)
    tips = part_solids([handle]).vertices[0, [0, -1], 0]
    radius = 2 / math.pi
    assert_close(tips, torch.tensor([[radius, 0, -radius], [radius, 0, radius]]), atol=1e-5, rtol=0)


def test_a_box_reaches_its_half_sizes_along_every_axis():
    for axis in ("x", "y", "z"):
        part = Part(CYLINDER, (1, 2, 3), (0.1, 0.2, 0.3), "main", section="square", axis=axis)
        points = placed([part]).reshape(-1, 3)
        assert_close(points.amin(dim=0), torch.tensor([0.9, 1.8, 2.7]), atol=1e-5, rtol=0)
        assert_close(points.amax(dim=0), torch.tensor([1.1, 2.2, 3.3]), atol=1e-5, rtol=0)


def test_cross_sections_differ():
    table = section_table()
    assert float((table[:, None] - table[None]).abs().amax(dim=2).fill_diagonal_(1).min()) > 0.05
    along = torch.tensor([[[0.5, -1.0]] * 22])
    assert swept_primitives(along, table[:1], torch.zeros(1)).vertices.shape == (1, 22, 49, 3)
