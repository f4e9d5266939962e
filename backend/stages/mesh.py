"""Stage mesh: from the sparse coloured distance field to a closed mesh with coloured vertices."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from backend.artifacts import SparseShape
from backend.errors import ArtifactError, OnStep, ignore_steps
from backend.geometry.cleanup import drop_specks, smooth
from backend.geometry.closing import NECKS, spanned_shell, with_cavities_filled, with_tunnels_filled
from backend.geometry.flat_base import base_height, cut_below, flattened, is_on_base
from backend.geometry.flips import turn_edges
from backend.geometry.marching import ShapeColours, zero_level
from backend.geometry.meshes import Mesh, with_colours
from backend.geometry.simplify import is_closed, simplify
from backend.geometry.tunnels import num_tunnels

NUM_STEPS = 4

TOLERANCE = 0.02
"""Share by which the number of faces may miss the budget."""

FILLINGS = (0, 1, 2, 3, 4)
"""Reach, in voxels, of filling tunnels: a body full of holes cannot have few faces and stay closed."""

MAX_TUNNELS = 40
"""Tunnels of a body from which on its walls count as porous and wider openings as holes in them."""

MAX_TRIES = 4
"""Simplifications with another budget, for what was dropped as specks."""


@dataclass(frozen=True, slots=True)
class FineMesh:
    """The surface of a shape before it is simplified.

    Attributes:
        mesh: Closed, in generation space, faces outwards, with the shape's colours.
        field: Its signed distances.
        base: Height of the plane that it stands on; None where it was not cut.
        colours: Those of the shape.
    """

    mesh: Mesh
    field: Float[Tensor, "x y z"]
    base: float | None
    colours: ShapeColours


def extract_mesh(
    shape: SparseShape,
    *,
    faces: int,
    is_standing: bool = False,
    fine: FineMesh | None = None,
    on_step: OnStep = ignore_steps,
) -> Mesh:
    """Close the shell, march cubes over it, drop specks, smooth and simplify to `faces` faces.

    Args:
        is_standing: Whether to cut the underside flat.
        fine: What `fine_mesh` says of the shape, where it is at hand.

    Returns:
        A closed mesh in generation space, faces outwards, with the shape's colours at its vertices.

    Raises:
        ArtifactError: when the shape is empty or encloses nothing.
    """
    fine = fine_mesh(shape, is_standing=is_standing) if fine is None else fine
    on_step(2, NUM_STEPS)
    simple = level_of_detail(fine, faces=faces)
    on_step(NUM_STEPS, NUM_STEPS)
    return simple


def fine_mesh(shape: SparseShape, *, is_standing: bool = False) -> FineMesh:
    """The whole surface of a shape; see `extract_mesh`.

    Contradicting views make porous walls around a hollow; such a body is filled through wider openings than
    one whose few openings may be meant.
    """
    if len(shape.coords) == 0:
        raise ArtifactError("The shape has no voxels; generate it again with another seed or picture")
    best = _best_closed(spanned_shell(shape), shape, is_standing)
    calm = _calmed(drop_specks(zero_level(best.field)), best.base)
    colours = ShapeColours(shape)
    return FineMesh(with_colours(calm, colours.at(calm.vertices)), best.field, best.base, colours)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A closed field, as in `FineMesh`, and the tunnels through what it encloses."""

    field: Float[Tensor, "x y z"]
    base: float | None
    tunnels: int


def _best_closed(spanned: Float[Tensor, "x y z"], shape: SparseShape, is_standing: bool) -> _Closed:
    """The first field with few tunnels, or else the one with the fewest."""
    best = _closed(spanned, shape, NECKS[0], is_standing)
    if best.tunnels <= MAX_TUNNELS:
        return best
    # What takes the time leaves Python's lock alone; most bodies that are porous need more than one.
    with ThreadPoolExecutor(max_workers=len(NECKS) - 1) as threads:
        others = list(threads.map(lambda neck: _closed(spanned, shape, neck, is_standing), NECKS[1:]))
    for wider in others:
        best = min(best, wider, key=lambda closed: closed.tunnels)
        if best.tunnels <= MAX_TUNNELS:
            break
    return best


def _closed(spanned: Float[Tensor, "x y z"], shape: SparseShape, neck: int, is_standing: bool) -> _Closed:
    """The field with hollows behind openings of twice `neck` voxels filled."""
    field = with_cavities_filled(spanned, shape, neck=neck)
    base = base_height(field) if is_standing else None
    if base is not None:
        field = cut_below(field, base)
    return _Closed(field, base, num_tunnels((field < 0).numpy()))


def level_of_detail(fine: FineMesh, *, faces: int) -> Mesh:
    """A surface with `faces` faces, or all of its own where it has fewer.

    Where it has too many holes for so few faces the narrow ones are filled.
    """
    best = None
    for reach in FILLINGS:
        mesh = fine.mesh if reach == 0 else _with_tunnels_filled(fine, reach)
        simple = _within_budget(mesh, faces)
        if best is None or len(simple.faces) < len(best.faces):
            best = simple
        if len(best.faces) <= (1 + TOLERANCE) * faces:
            break
    simple = fine.mesh if best is None else best
    if fine.base is not None:
        flat = flattened(simple, fine.base)
        simple = flat if is_closed(flat) else simple
    turned = turn_edges(simple)
    return with_colours(turned, fine.colours.at(turned.vertices))


def _with_tunnels_filled(fine: FineMesh, reach: int) -> Mesh:
    return _calmed(drop_specks(zero_level(with_tunnels_filled(fine.field, reach=reach))), fine.base)


def _calmed(rough: Mesh, base: float | None) -> Mesh:
    """The smoothed surface, flat where it stands."""
    calm = smooth(rough)
    return calm if base is None else flattened(calm, base, is_on_base(rough, base))


def _within_budget(mesh: Mesh, faces: int) -> Mesh:
    """Simplify, and again with more where specks were dropped."""
    budget = faces
    simple = drop_specks(simplify(mesh, faces=budget))
    for _ in range(MAX_TRIES):
        missing = faces - len(simple.faces)
        if missing <= TOLERANCE * faces or budget >= len(mesh.faces):
            break
        budget += missing
        simple = drop_specks(simplify(mesh, faces=budget))
    return simple
