"""The supply of training objects: packed meshes, changed at random, and procedural ones.

Everything depends on the seed alone. Legend: `p` parts, `v` vertices, `f` faces, `b` scenes.
"""

from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import ConfigError
from backend.train.bank import MeshBank, Textures, join_textures, mesh_bank, pack_textures, ranges
from backend.train.changes import Changes, SourceConfig, bent, random_changes, unchanged
from backend.train.families import random_families
from backend.train.pack import RADIUS, group_weight, read_pack, stable_share
from backend.train.patterns import pattern_bank
from backend.train.procedural import Compositions, random_compositions
from backend.train.scenes import Scenes
from backend.train.soup import Soup


@dataclass(frozen=True, slots=True)
class _Parts:
    """Geometry of some scenes before centring, vertices grouped by part."""

    vertices: Float[Tensor, "v 3"]
    normals: Float[Tensor, "v 3"]
    uv: Float[Tensor, "v 2"]
    scene: Int[Tensor, " v"]
    faces: Int[Tensor, "f 3"]
    face_texture: Int[Tensor, " f"]
    face_part: Int[Tensor, " f"]
    colours: Float[Tensor, "p 3 4"]


class ObjectSource:
    """Endless training objects, or the held-out ones in a fixed order."""

    def __init__(
        self,
        pack: Path,
        *,
        split: Literal["train", "val"],
        device: torch.device | str,
        config: SourceConfig | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.config = SourceConfig() if config is None else config
        self.split = split
        chosen = [item for item in read_pack(pack) if item.is_validation == (split == "val")]
        if not chosen:
            raise ConfigError(f"the pack {pack} has no objects for {split}")
        # Groups lie together in the pack; the fixed order must mix them.
        chosen.sort(key=lambda item: stable_share("order:" + item.name))
        self.names = [item.name for item in chosen]
        self._weights = torch.tensor([group_weight(item.group) for item in chosen])
        self._bank, textures = mesh_bank([item.mesh for item in chosen], self.device)
        self._first_pattern = len(textures.table)
        self._textures: Textures = join_textures(
            textures, pack_textures(pattern_bank(self.config.patterns), self.device)
        )

    def __len__(self) -> int:
        return len(self.names)

    def scenes(self, count: int, *, seed: int) -> Scenes:
        """The batch number `seed`; of held-out objects those from `seed * count` on, unchanged."""
        return Scenes(self.soup(count, seed=seed), self._textures, count=count)

    def soup(self, count: int, *, seed: int) -> Soup:
        """The triangles of `scenes`."""
        if self.split == "val":
            mesh = (torch.arange(count) + seed * count) % len(self)
            return mesh_soup(self._bank, mesh)
        generator = torch.Generator().manual_seed(seed)
        procedural = int((torch.rand(count, generator=generator) < self.config.procedural).sum())
        pieces = []
        if procedural < count:
            pieces.append(self._real(count - procedural, generator))
        if procedural > 0:
            pieces += self._procedural(procedural, count - procedural, generator)
        return _soup(_joined(pieces), count)

    def _real(self, count: int, generator: torch.Generator) -> _Parts:
        extra = torch.rand(count, generator=generator) < self.config.combined
        number = 1 + extra.long() * torch.randint(1, 3, (count,), generator=generator)
        scene = torch.repeat_interleave(torch.arange(count), number)
        mesh = torch.multinomial(self._weights, len(scene), replacement=True, generator=generator)
        changes = random_changes(scene, number, self.config, generator)
        first = int(torch.randint(self.config.patterns, (), generator=generator))
        return self._repainted(_mesh_parts(self._bank, mesh, scene, changes), changes, first)

    def _repainted(self, parts: _Parts, changes: Changes, first: int) -> _Parts:
        """Patterns instead of textures where the changes say so, another for each texture."""
        is_painted = changes.is_repainted.to(self.device)[parts.face_part]
        pattern = self._first_pattern + (parts.face_texture + first) % self.config.patterns
        return replace(parts, face_texture=torch.where(is_painted, pattern, parts.face_texture))

    def _procedural(self, count: int, first_scene: int, generator: torch.Generator) -> list[_Parts]:
        """Things of families, then compositions of no kind."""
        things = int((torch.rand(count, generator=generator) < self.config.families).sum())
        patterns, pieces = self.config.patterns, []
        if things > 0:
            made = random_families(things, patterns, generator, turned=self.config.turned)
            pieces.append(self._composed(made, first_scene))
        if things < count:
            made = random_compositions(count - things, patterns, generator)
            pieces.append(self._composed(made, first_scene + things))
        return pieces

    def _composed(self, made: Compositions, first_scene: int) -> _Parts:
        solids, parts = made.primitives, len(made.scene)
        size = solids.vertices.shape[1] * solids.vertices.shape[2]
        linear = made.world_from_part[:, :, :3]
        vertices = torch.einsum("pij,prcj->prci", linear, solids.vertices)
        vertices = vertices + made.world_from_part[:, None, None, :, 3]
        cofactor = torch.linalg.inv(linear).transpose(1, 2)
        normals = torch.einsum("pij,prcj->prci", cofactor, solids.normals)
        uv = solids.uv * made.uv_scale[:, None, None]
        faces = solids.faces + size * torch.arange(parts)[:, None, None]
        owner = torch.arange(parts)[:, None].expand(-1, len(solids.faces))[solids.is_face]
        found = _Parts(
            vertices.reshape(-1, 3),
            normals.reshape(-1, 3),
            uv.reshape(-1, 2),
            (made.scene + first_scene).repeat_interleave(size),
            faces[solids.is_face],
            (made.pattern + self._first_pattern)[owner],
            owner,
            made.colours,
        )
        return _Parts(*(getattr(found, name).to(self.device) for name in _Parts.__slots__))


def mesh_soup(bank: MeshBank, mesh: Int[Tensor, " b"], *, normalise: bool = True) -> Soup:
    """Meshes of a bank as they are, each in its own scene."""
    count = len(mesh)
    parts = _mesh_parts(bank, mesh, torch.arange(count), unchanged(count))
    return _soup(parts, count, normalise=normalise)


def scenes_of(
    bank: MeshBank, textures: Textures, mesh: Int[Tensor, " b"], *, normalise: bool = True
) -> Scenes:
    """Scenes of `mesh_soup`."""
    return Scenes(mesh_soup(bank, mesh, normalise=normalise), textures, count=len(mesh))


def _mesh_parts(
    bank: MeshBank, mesh: Int[Tensor, " p"], scene: Int[Tensor, " p"], changes: Changes
) -> _Parts:
    """Copies of meshes of the bank, placed and coloured."""
    device = bank.vertices.device
    mesh, scene = mesh.to(device), scene.to(device)
    world, flip = changes.world_from_mesh.to(device), changes.uv_flip.to(device)
    first, count = bank.vertex_range[mesh].unbind(dim=1)
    vertex, owner = ranges(first, count)
    linear = world[:, :, :3]
    cofactor = torch.linalg.inv(linear).transpose(1, 2)
    vertices, normals = bank.vertices[vertex], bank.normals[vertex]
    if bool(changes.bend.any()):
        vertices, normals = bent(vertices, normals, changes.bend.to(device)[owner])
    vertices = torch.einsum("vij,vj->vi", linear[owner], vertices) + world[owner, :, 3]
    normals = torch.einsum("vij,vj->vi", cofactor[owner], normals)
    face, face_owner = ranges(*bank.face_range[mesh].unbind(dim=1))
    shift = count.cumsum(0) - count - first
    return _Parts(
        vertices,
        normals,
        bank.uv[vertex] * flip[owner],
        scene[owner],
        bank.faces[face] + shift[face_owner][:, None],
        bank.texture[face].long(),
        face_owner,
        changes.colours.to(device),
    )


def _joined(pieces: list[_Parts]) -> _Parts:
    """Pieces with distinct scenes as one."""
    if len(pieces) == 1:
        return pieces[0]
    vertices = [0, *accumulate(len(piece.vertices) for piece in pieces)]
    parts = [0, *accumulate(len(piece.colours) for piece in pieces)]
    shifted = [
        replace(piece, faces=piece.faces + vertex, face_part=piece.face_part + part)
        for piece, vertex, part in zip(pieces, vertices, parts, strict=False)
    ]
    return _Parts(*(torch.cat([getattr(piece, name) for piece in shifted]) for name in _Parts.__slots__))


def _soup(parts: _Parts, count: int, *, normalise: bool = True) -> Soup:
    """Centre every scene on its box and scale it to the training radius."""
    return Soup(
        normalised(parts.vertices, parts.scene, count) if normalise else parts.vertices.contiguous(),
        parts.normals.contiguous(),
        parts.uv.contiguous(),
        parts.scene,
        parts.faces.to(torch.int32).contiguous(),
        parts.face_texture.to(torch.int32).contiguous(),
        parts.face_part.to(torch.int32).contiguous(),
        parts.colours.contiguous(),
    )


def normalised(vertices: Float[Tensor, "v 3"], scene: Int[Tensor, " v"], count: int) -> Float[Tensor, "v 3"]:
    """Every scene's box centred at the origin, its farthest vertex at `RADIUS`."""
    index = scene[:, None].expand(-1, 3)
    far = torch.full((count, 3), torch.inf, device=vertices.device)
    low = far.scatter_reduce(0, index, vertices, "amin")
    high = (-far).scatter_reduce(0, index, vertices, "amax")
    centred = vertices - ((low + high) / 2)[scene]
    radius = torch.zeros(count, device=vertices.device).scatter_reduce(0, scene, centred.norm(dim=1), "amax")
    return (centred * (RADIUS / radius.clamp_min(1e-6))[scene][:, None]).contiguous()
