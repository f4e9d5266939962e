"""The triangles of a glTF scene: nodes, skins, morph targets and materials flattened into placed parts.

Still in glTF's frame and in linear light. A skinned or morphed mesh is taken in the pose that the file shows
without its animations.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from backend.errors import InputError
from backend.geometry.gltf import Gltf, Tree, as_index, refuse_compressed

log = logging.getLogger(__name__)

_TRIANGLES, _STRIP, _FAN = 4, 5, 6

Matrix = Float[np.ndarray, "4 4"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One triangle primitive, placed in the scene.

    Attributes:
        positions: Vertices in glTF's frame.
        faces: Counter-clockwise seen from outside, also under a mirroring transform.
        uv: Texture coordinates of the base colour, without a texture the first ones; top left origin.
        colours: COLOR_0 in linear light.
        factor: Base colour in linear light.
        texture: sRGB pixels of the base colour.
        material: Index of the material in the file; -1 where there is none.
        world: Transform of the node, which the positions have been through unless they are skinned.
    """

    positions: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float[np.ndarray, "v 2"] | None
    colours: Float[np.ndarray, "v 3"] | None
    factor: Float[np.ndarray, " 3"]
    texture: UInt8[np.ndarray, "h w 3"] | None
    material: int
    world: Matrix


def parts(gltf: Gltf) -> Iterator[Part]:
    """All triangle primitives of the file's scene.

    Raises:
        InputError: there is none, or they are compressed.
        ValueError: the file is damaged; other errors of the same meaning pass too.
    """
    found, others = 0, 0
    for node, world, worlds in _placed_nodes(gltf.tree):
        for primitive in gltf.tree["meshes"][as_index(node["mesh"])]["primitives"]:
            if primitive.get("mode", _TRIANGLES) not in (_TRIANGLES, _STRIP, _FAN):
                others += 1
                continue
            part = _part(gltf, node, primitive, world, worlds)
            if len(part.faces):
                found += 1
                yield part
    if not found:
        what = "only points or lines" if others else "no triangles"
        raise InputError(f"it has {what}; choose a mesh of faces")
    if any("skin" in node for node in gltf.tree.get("nodes", [])):
        log.warning("the mesh is taken in its rest pose; its skeleton and animations are left out")


def _part(gltf: Gltf, node: Tree, primitive: Tree, world: Matrix, worlds: dict[int, Matrix]) -> Part:
    if "bufferView" not in gltf.tree["accessors"][as_index(primitive["attributes"]["POSITION"])]:
        refuse_compressed(primitive.get("extensions", {}))
    positions, is_mirrored = _positions(gltf, node, primitive, world, worlds)
    if "indices" in primitive:
        flat = gltf.accessor(primitive["indices"]).reshape(-1).astype(np.int64)
    else:
        flat = np.arange(len(positions))
    faces = _triangles(flat, primitive.get("mode", _TRIANGLES))
    if faces.size and not 0 <= faces.min() <= faces.max() < len(positions):
        raise ValueError("indices beyond the vertices")
    if is_mirrored:
        faces = faces[:, ::-1]
    attributes = primitive["attributes"]
    factor, texture, uv = _surface(gltf, primitive)
    colours = (
        gltf.accessor(attributes["COLOR_0"])[:, :3].astype(np.float64) if "COLOR_0" in attributes else None
    )
    for values, width in ((uv, 2), (colours, 3)):
        if values is None:
            continue
        if values.shape != (len(positions), width) or not np.isfinite(values).all():
            raise ValueError("attributes that do not fit the vertices")
    material = as_index(primitive["material"]) if "material" in primitive else -1
    return Part(positions, np.ascontiguousarray(faces), uv, colours, factor, texture, material, world)


def _positions(
    gltf: Gltf, node: Tree, primitive: Tree, world: Matrix, worlds: dict[int, Matrix]
) -> tuple[Float[np.ndarray, "v 3"], bool]:
    """Positions in the scene, and whether they are mirrored."""
    positions = gltf.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
    if positions.shape[1] != 3 or not np.isfinite(positions).all():
        raise ValueError("positions that are not finite")
    weights = node.get("weights", gltf.tree["meshes"][node["mesh"]].get("weights", ()))
    for target, weight in zip(primitive.get("targets", ()), weights, strict=False):
        if weight and "POSITION" in target:
            positions = positions + float(weight) * gltf.accessor(target["POSITION"])
    if "skin" in node and "JOINTS_0" in primitive["attributes"]:
        return _skinned(gltf, node, primitive, positions, worlds)
    if not np.array_equal(world, np.eye(4)):
        positions = positions @ world[:3, :3].T + world[:3, 3]
    return positions, bool(np.linalg.det(world[:3, :3]) < 0)


def _skinned(
    gltf: Gltf, node: Tree, primitive: Tree, positions: Float[np.ndarray, "v 3"], worlds: dict[int, Matrix]
) -> tuple[Float[np.ndarray, "v 3"], bool]:
    """Positions moved by their joints; the node's own transform does not count (glTF 2.0, 3.7.3.3)."""
    skin = gltf.tree["skins"][as_index(node["skin"])]
    moves = np.stack([worlds[as_index(joint)] for joint in skin["joints"]])
    if "inverseBindMatrices" in skin:
        inverse = gltf.accessor(skin["inverseBindMatrices"]).astype(np.float64)
        moves = moves @ inverse[: len(moves)].reshape(-1, 4, 4).transpose(0, 2, 1)
    attributes = primitive["attributes"]
    total, weight = np.zeros_like(positions), np.zeros(len(positions))
    for index in range(len([name for name in attributes if name.startswith("JOINTS_")])):
        joints = gltf.accessor(attributes[f"JOINTS_{index}"]).astype(np.int64)
        shares = gltf.accessor(attributes[f"WEIGHTS_{index}"]).astype(np.float64)
        for joint, share in zip(joints.T, shares.T, strict=True):
            rows = moves[joint, :3]
            total += share[:, None] * (np.einsum("nij,nj->ni", rows[:, :, :3], positions) + rows[:, :, 3])
            weight += share
    if not (np.isfinite(total).all() and (weight > 1e-6).all()):
        raise ValueError("vertices that no joint holds")
    return total / weight[:, None], bool(np.linalg.det(moves[0, :3, :3]) < 0)


def _surface(
    gltf: Gltf, primitive: Tree
) -> tuple[Float[np.ndarray, " 3"], UInt8[np.ndarray, "h w 3"] | None, Float[np.ndarray, "v 2"] | None]:
    """Base colour factor, texture and its coordinates."""
    material = gltf.tree["materials"][as_index(primitive["material"])] if "material" in primitive else {}
    surface = material.get("pbrMetallicRoughness", {})
    old = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness", {})
    factor = np.array(surface.get("baseColorFactor", old.get("diffuseFactor", [1, 1, 1, 1]))[:3], np.float64)
    info = surface.get("baseColorTexture", old.get("diffuseTexture")) or {}
    name = f"TEXCOORD_{as_index(info.get('texCoord', 0))}"
    if name not in primitive["attributes"]:
        return factor, None, None
    uv = gltf.accessor(primitive["attributes"][name])[:, :2].astype(np.float64)
    if not np.isfinite(uv).all():
        log.warning("texture coordinates of the mesh are not finite and are left out")
        return factor, None, None
    source = _picture_of(gltf.tree["textures"][as_index(info["index"])]) if info else None
    if source is None:
        return factor, None, uv
    moved = _moved(uv, info.get("extensions", {}).get("KHR_texture_transform", {}))
    return factor, gltf.picture(source), moved


def _picture_of(texture: Tree) -> int | None:
    """Index of a texture's picture; None where it is of a kind that cannot be read."""
    if "source" in texture:
        return texture["source"]
    extensions = texture.get("extensions", {})
    if "EXT_texture_webp" in extensions:
        return extensions["EXT_texture_webp"]["source"]
    log.warning("a texture of the mesh is of a kind that cannot be read and is left out")
    return None


def _placed_nodes(tree: Tree) -> list[tuple[Tree, Matrix, dict[int, Matrix]]]:
    """Nodes that show a mesh, with their transforms, and the transforms of all nodes of the scene."""
    nodes = tree.get("nodes", [])
    if not nodes:
        return [({"mesh": index}, np.eye(4), {}) for index in range(len(tree.get("meshes", [])))]
    scenes = tree.get("scenes", [])
    inner = {child for node in nodes for child in node.get("children", [])}
    roots = [index for index in range(len(nodes)) if index not in inner]
    if scenes:
        roots = scenes[as_index(tree.get("scene", 0))].get("nodes", [])
    worlds: dict[int, Matrix] = {}
    waiting = [(as_index(index), np.eye(4)) for index in reversed(roots)]
    while waiting:
        index, parent = waiting.pop()
        if index in worlds:  # a node has one parent at most
            raise ValueError("nodes that contain each other")
        worlds[index] = parent @ _local(nodes[index])
        children = nodes[index].get("children", [])
        waiting.extend((as_index(child), worlds[index]) for child in reversed(children))
    return [(nodes[index], world, worlds) for index, world in worlds.items() if "mesh" in nodes[index]]


def _triangles(flat: Int[np.ndarray, " n"], mode: int) -> Int[np.ndarray, "f 3"]:
    if mode == _TRIANGLES:
        return flat[: len(flat) // 3 * 3].reshape(-1, 3)
    if len(flat) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    if mode == _FAN:
        return np.stack([np.broadcast_to(flat[0], len(flat) - 2), flat[1:-1], flat[2:]], axis=1)
    faces = np.stack([flat[:-2], flat[1:-1], flat[2:]], axis=1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces


def _local(node: Tree) -> Matrix:
    """A node's own transform, column vectors."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    local = np.eye(4)
    local[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)), np.float64)
    local[:3, 3] = node.get("translation", (0, 0, 0))
    return local


def _moved(uv: Float[np.ndarray, "v 2"], transform: Tree) -> Float[np.ndarray, "v 2"]:
    """Texture coordinates under KHR_texture_transform."""
    if not transform:
        return uv
    angle = float(transform.get("rotation", 0))
    scaled = uv * np.array(transform.get("scale", (1, 1)), np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    return scaled @ np.array([[cos, -sin], [sin, cos]]) + np.array(
        transform.get("offset", (0, 0)), np.float64
    )
