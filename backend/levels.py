"""The body of a job before it was simplified, and its levels of detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from backend.artifact_files import read_shape
from backend.artifacts import SparseShape
from backend.geometry.glb import write_glb
from backend.geometry.meshes import Mesh, TexturedMesh, weld, with_colours
from backend.geometry.simplify import simplify
from backend.protocol import LEVEL_FILE, Stage
from backend.stages.mesh import FineMesh, fine_mesh, level_of_detail
from backend.storage import part_of, put_in_place, sha256_of, writing_errors
from backend.work import Work


@dataclass(frozen=True, slots=True)
class Body:
    """What a job's mesh was made from."""

    shape: SparseShape
    fine: FineMesh

    @classmethod
    def of(cls, work: Work) -> "Body | None":
        """The body of a job; None where its mesh is not that of its shape, as when the user brought it."""
        return cls.made(work) if has_body(work) else None

    @classmethod
    def made(cls, work: Work) -> "Body":
        """The body that a job's shape makes.

        Raises:
            ArtifactError: there is no shape, or it encloses nothing.
        """
        path = work.job.path(Stage.SHAPE)
        return _body(path, sha256_of(path), work.request.flat_base)


@lru_cache(maxsize=1)
def _body(path: Path, checksum: str, is_standing: bool) -> Body:
    """The stages mesh and texture ask for the same body one after the other, and it takes seconds.

    It follows from the file's bytes alone, so a resumed job cannot tell.
    """
    shape = read_shape(path)
    return Body(shape, fine_mesh(shape, is_standing=is_standing))


def has_body(work: Work) -> bool:
    """Whether the job's mesh is as it was made from the job's shape."""
    return work.job.was_made_from(Stage.MESH, Stage.SHAPE)


def further_levels(mesh: Mesh, body: Body | None, counts: Sequence[int]) -> list[Mesh]:
    """Meshes of the same body with `counts` faces."""
    if body is not None:
        return [level_of_detail(body.fine, faces=count) for count in counts]
    return [_simplified(mesh, count) for count in counts]


def write_levels(work: Work, levels: Sequence[TexturedMesh]) -> None:
    """Put levels of detail into the job's folder, and remove those of an earlier run."""
    for path in work.job.folder.glob(LEVEL_FILE.format("*")):
        path.unlink()
    for path, level in zip(work.job.levels(work.request), levels, strict=True):
        part = part_of(path)
        write_glb(level, part, extras=work.provenance(Stage.TEXTURE))
        with writing_errors(path):
            put_in_place(part, path)


def _simplified(mesh: Mesh, faces: int) -> Mesh:
    simple = simplify(weld(mesh), faces=faces)
    if mesh.colours is None:
        return simple
    _, nearest = KDTree(mesh.vertices).query(simple.vertices)
    return with_colours(simple, mesh.colours[np.asarray(nearest)])
