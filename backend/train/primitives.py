"""Primitive solids as one family: a closed profile swept around an axis with a cross-section.

Ellipsoids, cylinders, cones, boxes, prisms, lathed vases and bowls, tori and lumps all have the same grid of
vertices, so a batch of mixed kinds is one tensor. Legend: `n` primitives, `u` columns around the axis,
`r` rows along the profile, `f` faces.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

COLUMNS, ROWS = 48, 22
"""Corners of 3-, 4-, 6-, 8- and 12-gons fall on columns, those of profiles of 4 and 8 points on rows."""

POLE = 1e-4
"""Radius below which a row is a point."""


@dataclass(frozen=True, slots=True)
class Primitives:
    """Solids in [-1, 1]^3 or so.

    Attributes:
        vertices: Rows along the profile, columns around; the last column repeats the first.
        normals: Not of unit length; of either side.
        uv: Once around and once along; to be scaled.
        faces: Of one primitive's own vertices, the same for all.
        is_face: Whether a face has an area.
    """

    vertices: Float[Tensor, "n r u 3"]
    normals: Float[Tensor, "n r u 3"]
    uv: Float[Tensor, "r u 2"]
    faces: Int[Tensor, "f 3"]
    is_face: Bool[Tensor, "n f"]


def grid_faces(device: torch.device | str) -> Int[Tensor, "f 3"]:
    """Two triangles for each quad of the grid; first all upper, then all lower ones."""
    row, column = torch.meshgrid(
        torch.arange(ROWS - 1, device=device), torch.arange(COLUMNS, device=device), indexing="ij"
    )
    width = COLUMNS + 1
    a = row * width + column
    b, c, d = a + 1, a + width + 1, a + width
    upper = torch.stack([a, b, c], dim=-1).reshape(-1, 3)
    lower = torch.stack([a, c, d], dim=-1).reshape(-1, 3)
    return torch.cat([upper, lower])


def _draw(count: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, " n"]:
    return low + (high - low) * torch.rand(count, generator=generator)


def _circle(steps: int) -> Float[Tensor, " steps"]:
    """Angles once around; the last is the first, to the bit."""
    return torch.cat([torch.linspace(0, 2 * math.pi, steps)[:-1], torch.zeros(1)])


def _stations(segments: int) -> tuple[Int[Tensor, " r"], Float[Tensor, "r 1"]]:
    """The segment of each row and the share of it that lies behind the row; every corner is on a row."""
    corner = torch.linspace(0, ROWS - 1, segments + 1).round().long()
    row = torch.arange(ROWS)
    first = (torch.searchsorted(corner, row, right=True) - 1).clamp(max=segments - 1)
    return first, ((row - corner[first]) / (corner[first + 1] - corner[first]))[:, None]


def polyline(points: Float[Tensor, "n k 2"]) -> Float[Tensor, "n r 2"]:
    """Rows along polylines of at most ROWS points."""
    first, share = _stations(points.shape[1] - 1)
    return points[:, first] * (1 - share) + points[:, first + 1] * share


def smooth_polyline(points: Float[Tensor, "n k 2"]) -> Float[Tensor, "n r 2"]:
    """Catmull-Rom splines through the points."""
    first, t = _stations(points.shape[1] - 1)
    padded = torch.cat([points[:, :1], points, points[:, -1:]], dim=1)
    p0, p1, p2, p3 = (padded[:, first + k] for k in range(4))
    return 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )


def _profiles(count: int, generator: torch.Generator) -> Float[Tensor, "k n r 2"]:
    """Every kind of profile (radius, height) for every primitive; see `PROFILES`."""
    zero, one = torch.zeros(count), torch.ones(count)
    taper = _draw(count, 0.05, 1.1, generator)
    cylinder = torch.stack([zero, -one, one, -one, one, one, zero, one], dim=1).view(count, 4, 2)
    cone = torch.stack([zero, -one, one, -one, taper, one, zero, one], dim=1).view(count, 4, 2)
    turn = torch.linspace(-math.pi / 2, math.pi / 2, ROWS).expand(count, -1)
    power = _draw(count, 0.25, 1.0, generator)[:, None]
    round_radius, round_height = turn.cos().clamp_min(0), turn.sin()
    round_radius[:, [0, -1]] = 0
    ellipsoid = torch.stack([round_radius, round_height], dim=2)
    rounded = torch.stack([round_radius**power, round_height.sign() * round_height.abs() ** power], dim=2)
    heights = torch.cat([-torch.ones(1), torch.linspace(-1, 1, 6), torch.ones(1)]).expand(count, 8)
    radii = torch.rand(count, 8, generator=generator) * 0.85 + 0.15
    radii[:, 0] = radii[:, -1] = 0
    lathe = torch.stack([radii, heights], dim=2)
    # A vessel goes up outside and comes back down inside.
    wall = _draw(count, 0.06, 0.15, generator)
    foot, belly, rim = (_draw(count, 0.4, 1.0, generator) for _ in range(3))
    inside = [rim - wall, one, belly - wall, zero, foot - wall, -1 + 2 * wall, zero, -1 + 2 * wall]
    vessel = torch.stack([zero, -one, foot, -one, belly, zero, rim, one, *inside], dim=1).view(count, 8, 2)
    around = _circle(ROWS).expand(count, -1)
    tube = _draw(count, 0.1, 0.45, generator)[:, None]
    torus = torch.stack([(1 - tube) + tube * around.cos(), tube * around.sin()], dim=2)
    profiles = [
        polyline(cylinder),
        polyline(cone),
        ellipsoid,
        rounded,
        polyline(lathe),
        smooth_polyline(lathe),
        polyline(vessel),
        torus,
    ]
    stacked = torch.stack(profiles)
    stacked[..., 0].clamp_(min=0)
    return stacked


PROFILES = ("cylinder", "cone", "ellipsoid", "rounded", "lathe", "smooth_lathe", "vessel", "torus")
PROFILE_WEIGHTS = torch.tensor([7.0, 1.5, 2.0, 2.5, 0.7, 0.8, 0.8, 0.8])


def _sections(count: int, generator: torch.Generator) -> Float[Tensor, "k n u"]:
    """Every kind of cross-section: its radius by angle."""
    angle = _circle(COLUMNS + 1)[None]
    circle = torch.ones(count, COLUMNS + 1)
    # Of half-width one, and turned so that its sides are parallel to the axes.
    square = (1 / torch.maximum(angle.cos().abs(), angle.sin().abs())).expand(count, -1)
    sides = torch.tensor([3, 6, 8, 12])[torch.randint(4, (count,), generator=generator)][:, None]
    wedge = 2 * math.pi / sides
    polygon = torch.cos(wedge / 2) / torch.cos(angle % wedge - wedge / 2)
    power = _draw(count, 2.5, 8.0, generator)[:, None]
    squircle = (angle.cos().abs() ** power + angle.sin().abs() ** power) ** (-1 / power)
    waves = torch.arange(1, 5)
    amplitude = torch.randn(count, 4, generator=generator) * 0.25 / waves
    phase = torch.rand(count, 4, generator=generator) * 2 * math.pi
    wavy = (amplitude[..., None] * torch.cos(waves[:, None] * angle[:, None] + phase[..., None])).sum(dim=1)
    lump = (1 + wavy).clamp(0.35, 1.6)
    lobes = torch.randint(3, 9, (count, 1), generator=generator)
    star = 0.8 + _draw(count, 0.1, 0.3, generator)[:, None] * torch.cos(lobes * angle)
    return torch.stack([circle, square, polygon, squircle, lump, star])


SECTION_WEIGHTS = torch.tensor([3.0, 5.0, 1.0, 1.5, 0.8, 0.4])


def random_primitives(
    count: int, generator: torch.Generator, *, boxes: Bool[Tensor, " n"] | None = None
) -> Primitives:
    """Solids of random kinds on the CPU; those marked in `boxes` are boxes."""
    profile = torch.multinomial(PROFILE_WEIGHTS, count, replacement=True, generator=generator)
    section = torch.multinomial(SECTION_WEIGHTS, count, replacement=True, generator=generator)
    if boxes is not None:
        profile = torch.where(boxes, 0, profile)
        section = torch.where(boxes, 1, section)
    rows = torch.arange(count)
    along = _profiles(count, generator)[profile, rows]
    around = _sections(count, generator)[section, rows]
    angle = _circle(COLUMNS + 1)
    radius = along[..., 0, None] * around[:, None]
    bumps = _bumps(count, generator)
    radius = radius * (1 + bumps)
    height = along[..., 1, None].expand_as(radius)
    vertices = torch.stack([radius * angle.cos(), radius * angle.sin(), height], dim=3)
    return _primitives(vertices, grid_normals(vertices), along)


def _primitives(
    vertices: Float[Tensor, "n r u 3"], normals: Float[Tensor, "n r u 3"], along: Float[Tensor, "n r 2"]
) -> Primitives:
    uv = torch.stack(
        torch.meshgrid(torch.linspace(0, 1, ROWS), torch.linspace(0, 1, COLUMNS + 1), indexing="ij")[::-1],
        dim=2,
    )
    is_pole = along[..., 0] < POLE
    is_face = torch.cat([~is_pole[:, :-1], ~is_pole[:, 1:]], dim=1).repeat_interleave(COLUMNS, dim=1)
    return Primitives(vertices, normals, uv, grid_faces("cpu"), is_face)


SECTIONS = ("circle", "square", "triangle", "hexagon", "soft", "lens", "flat", "ribs", "star")
"""Cross-sections that `section_table` has; the square and the soft one are of half-width one, the flat
one is thin along x."""


def section_table() -> Float[Tensor, "k u"]:
    """The radius by angle of each of `SECTIONS`; triangle and hexagon have a corner at angle zero."""
    angle = _circle(COLUMNS + 1)

    def polygon(sides: int) -> Tensor:
        wedge = 2 * math.pi / sides
        return math.cos(wedge / 2) / torch.cos(angle % wedge - wedge / 2)

    def superellipse(power: float) -> Tensor:
        return (angle.cos().abs() ** power + angle.sin().abs() ** power) ** (-1 / power)

    square = 1 / torch.maximum(angle.cos().abs(), angle.sin().abs())
    ribs, star = 0.9 + 0.1 * torch.cos(12 * angle), 0.7 + 0.3 * torch.cos(5 * angle)
    return torch.stack(
        [
            torch.ones_like(angle),
            square,
            polygon(3),
            polygon(6),
            superellipse(5.0),
            superellipse(1.4),
            ((angle.cos() / 0.12) ** 2 + angle.sin() ** 2) ** -0.5,
            ribs,
            star,
        ]
    )


def swept_primitives(
    along: Float[Tensor, "n r 2"], around: Float[Tensor, "n u"], bend: Float[Tensor, " n"]
) -> Primitives:
    """Solids of given profiles (radius, height) and cross-sections.

    Args:
        bend: Angle through which the axis from -1 to 1 turns towards +x; its middle stays where it is.
    """
    angle = _circle(COLUMNS + 1)
    flat = around[..., None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    turn = torch.cat([flat[:, 1:], flat[:, 1:2]], dim=1) - torch.cat([flat[:, -2:-1], flat[:, :-1]], dim=1)
    padded = torch.cat([along[:, :1], along, along[:, -1:]], dim=1)
    outwards, up = (padded[:, 2:] - padded[:, :-2])[..., None].unbind(dim=2)
    radius, height = along[..., None].unbind(dim=2)
    x, y = flat[:, None].unbind(dim=3)
    dx, dy = turn[:, None].unbind(dim=3)
    vertices = torch.empty(len(along), ROWS, COLUMNS + 1, 3)
    torch.mul(radius, x, out=vertices[..., 0])
    torch.mul(radius, y, out=vertices[..., 1])
    vertices[..., 2] = height
    # The cross product that `grid_normals` takes, without the factor that is zero at poles.
    normals = torch.empty_like(vertices)
    torch.mul(up, dy, out=normals[..., 0])
    torch.mul(up, -dx, out=normals[..., 1])
    torch.mul(outwards, dx * y - dy * x, out=normals[..., 2])
    curved = bend.nonzero().flatten()
    vertices[curved] = _curved(vertices[curved], bend[curved])
    normals[curved] = grid_normals(vertices[curved])
    return _primitives(vertices, normals, along)


def _curved(vertices: Float[Tensor, "n r u 3"], bend: Float[Tensor, " n"]) -> Float[Tensor, "n r u 3"]:
    """Wrap the vertical axis around a circle through the origin that lies at +x for positive bends."""
    x, y, z = vertices.unbind(dim=3)
    rate = (bend / 2)[:, None, None]
    reach = 1 / rate - x
    return torch.stack([1 / rate - reach * torch.cos(rate * z), y, reach * torch.sin(rate * z)], dim=3)


def _bumps(count: int, generator: torch.Generator) -> Float[Tensor, "n r u"]:
    """Height fields on a fifth of the solids: relative changes of the radius, periodic around."""
    strength = 0.12 * (torch.rand(count, 1, 1, generator=generator) < 0.2)
    angle = _circle(COLUMNS + 1)[None, None]
    row = _circle(ROWS)[None, :, None]
    total = torch.zeros(count, ROWS, COLUMNS + 1)
    for _ in range(3):
        wave = torch.randint(0, 4, (2, count, 1, 1), generator=generator)
        phase = torch.rand(count, 1, 1, generator=generator) * 2 * math.pi
        total = total + torch.cos(wave[0] * angle + wave[1] * row + phase)
    return strength * total


def grid_normals(vertices: Float[Tensor, "n r u 3"]) -> Float[Tensor, "n r u 3"]:
    """Normals of the grid from central differences, which wrap around the axis."""
    around = torch.cat([vertices[:, :, 1:], vertices[:, :, 1:2]], dim=2) - torch.cat(
        [vertices[:, :, -2:-1], vertices[:, :, :-1]], dim=2
    )
    padded = torch.cat([vertices[:, :1], vertices, vertices[:, -1:]], dim=1)
    along = padded[:, 2:] - padded[:, :-2]
    return torch.linalg.cross(around, along)
