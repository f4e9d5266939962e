"""Stage mesh: from the sparse coloured distance field to a closed mesh with coloured vertices."""

import numpy as np

from backend.artifacts import SparseShape
from backend.errors import ArtifactError, OnStep, ignore_steps
from backend.geometry.cleanup import drop_specks, smooth
from backend.geometry.closing import close_shell
from backend.geometry.marching import shape_colours, zero_level
from backend.geometry.meshes import Mesh, with_colours
from backend.geometry.simplify import simplify

NUM_STEPS = 4


def extract_mesh(shape: SparseShape, *, faces: int, on_step: OnStep = ignore_steps) -> Mesh:
    """Close the shell, march cubes over it, drop specks, smooth and simplify to `faces` faces.

    Returns:
        A closed mesh in generation space, faces outwards, with the shape's colours at its vertices.

    Raises:
        ArtifactError: when the shape is empty or encloses nothing.
    """
    if len(shape.coords) == 0:
        raise ArtifactError("The shape has no voxels; generate it again with another seed or picture")
    field = close_shell(shape)
    on_step(1, NUM_STEPS)
    surface = smooth(drop_specks(zero_level(field)))
    on_step(2, NUM_STEPS)
    simple = drop_specks(simplify(surface, faces=faces))
    on_step(3, NUM_STEPS)
    coloured = with_colours(simple, shape_colours(shape, simple.vertices).astype(np.float32))
    on_step(4, NUM_STEPS)
    return coloured
