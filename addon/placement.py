"""Where a result goes and what is made of it, in plain values that outlive an undo."""

import enum
from dataclasses import dataclass

from .errors import AddonError


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where a result goes. Names instead of Blender's objects, which do not outlive an undo."""

    scene: str = ""
    """Name of the scene; empty or gone means the current one."""
    collection: str = ""
    """Name of the collection, made when missing; empty means the active one, as for Add > Mesh."""
    location: tuple[float, float, float] | None = None
    """Bottom centre of the object in the world; None means the 3D cursor."""
    size: float = 1.0
    """Longest side of the object in metres; the scene's unit scale makes Blender units of it."""

    aligned_to: str = ""
    """Name of an object made from an earlier state of the same thing: its place, turn and scale are taken,
    and it is hidden. Empty or gone means the location and size above."""

    def __post_init__(self) -> None:
        if not 0 < self.size < float("inf"):
            raise AddonError(f"The size must be above zero, got {self.size:g}.")


class Topology(enum.StrEnum):
    """What polygons a result has."""

    TRIANGLES = "triangles"
    PAIRS = "pairs"
    """Triangles joined to quads where form and texture allow it."""
    EVEN = "even"
    """QuadriFlow's quads, unwrapped and painted anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Treatment:
    """What is made of a result on its way into the scene."""

    pack: bool = True
    """Keep the texture in the .blend file; else in the job's folder."""
    topology: Topology = Topology.TRIANGLES
    is_asset: bool = False
    catalogue: str = ""
    """Name of a catalogue of the asset library; empty: none."""
    tags: tuple[str, ...] = ()
