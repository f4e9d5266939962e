"""Putting a finished mesh into the artist's scene, by the data API in one go.

Never an import operator: those leave Edit Mode and change the selection behind the artist's back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import bpy
import numpy as np

from .errors import AddonError
from .glb import GlbMesh

ROUGHNESS = 0.6
PROPERTY_PREFIX = "one2345_"


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
    """Longest side of the object in Blender units."""

    def __post_init__(self) -> None:
        if not 0 < self.size < float("inf"):
            raise AddonError(f"The size must be above zero, got {self.size:g}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What made an object; kept on it as custom properties."""

    name: str
    properties: Mapping[str, str | int | float] = field(default_factory=dict)


def import_mesh(glb: GlbMesh, *, placement: Placement, provenance: Provenance) -> bpy.types.Object:
    """Add the mesh to the scene as one undo step, with the artist's mode left as it is.

    In Object Mode the new object becomes the only selected and the active one, as after
    Add > Mesh; in any other mode selection and active object stay untouched.
    """
    scene = _scene(placement.scene)
    mesh = build_mesh(glb, name=provenance.name, size=placement.size)
    mesh.materials.append(_material(provenance.name, _packed_image(provenance.name, glb)))
    obj = bpy.data.objects.new(provenance.name, mesh)
    obj.location = placement.location or scene.cursor.location
    for key, value in provenance.properties.items():
        obj[PROPERTY_PREFIX + key] = value
    _collection(scene, placement.collection).objects.link(obj)
    _select(scene, obj)
    bpy.ops.ed.undo_push(message=f"Generate {provenance.name}")
    return obj


def build_mesh(glb: GlbMesh, *, name: str, size: float) -> bpy.types.Mesh:
    """Make the mesh datablock: smooth, seams welded, origin at the bottom centre.

    The file repeats a vertex on each side of a texture seam. Blender keeps texture coordinates
    by face corner, so the copies are joined and the artist gets a connected surface.
    """
    vertices, vertex_from_row = np.unique(glb.positions, axis=0, return_inverse=True)
    corners = vertex_from_row.reshape(-1)[glb.triangles]
    is_flat = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
    corners, rows = corners[~is_flat], glb.triangles[~is_flat]

    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(corners.size)
    mesh.polygons.add(len(corners))
    mesh.vertices.foreach_set("co", _standing(vertices, size).ravel())
    mesh.loops.foreach_set("vertex_index", corners.ravel().astype(np.int32))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(corners), dtype=bool))
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.uv.foreach_set("vector", glb.uvs[rows.ravel()].astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh


def _standing(vertices: np.ndarray, size: float) -> np.ndarray:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    longest = float((high - low).max())
    return ((vertices - base) * (size / longest if longest > 0 else 1.0)).astype(np.float32)


def _packed_image(name: str, glb: GlbMesh) -> bpy.types.Image:
    # The size given here is replaced by the PNG's own when the packed data is first read.
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=glb.texture_png, data_len=len(glb.texture_png))
    image.source = "FILE"
    return image


def _material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # always there from 5.0 on, where the switch is deprecated
        material.use_nodes = True
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Metallic"].default_value = 0.0
    shader.inputs["Roughness"].default_value = ROUGHNESS
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    texture.location = (shader.location.x - 300, shader.location.y)
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def _collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    if not name:
        active = _view_layer(scene).active_layer_collection
        return active.collection if active and active.collection.is_editable else scene.collection
    if name == scene.collection.name:
        return scene.collection
    collection = bpy.data.collections.get(name) or bpy.data.collections.new(name)
    if not collection.is_editable:  # linked from another file
        return scene.collection
    if collection not in scene.collection.children_recursive:
        scene.collection.children.link(collection)
    return collection


def _select(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    layer = _view_layer(scene)
    active = layer.objects.active
    if active is not None and active.mode != "OBJECT":
        return
    if obj.name not in layer.objects:  # its collection is excluded from this view layer
        return
    for other in layer.objects.selected:
        other.select_set(False, view_layer=layer)
    obj.select_set(True, view_layer=layer)
    layer.objects.active = obj


def _scene(name: str) -> bpy.types.Scene:
    scene = bpy.data.scenes.get(name) or bpy.context.scene
    if scene is None:
        raise AddonError("No scene is open.")
    return scene


def _view_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    current = bpy.context.view_layer
    return current if current is not None and scene == bpy.context.scene else scene.view_layers[0]
