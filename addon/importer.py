"""Putting a finished mesh into the artist's scene, by the data API in short steps.

Never an import operator: those leave Edit Mode and change the selection behind the artist's back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from . import assets
from .errors import AddonError, MeshFileError
from .frames import Frame, frame_of, standing
from .glb import GlbMesh
from .kept import Kept
from .pairing import paired
from .placement import Placement, Topology, Treatment
from .steps import Steps, finish
from .surface import Surface, weld
from .units import metres_per_unit

__all__ = ["Placement", "Provenance", "Treatment", "build_mesh", "import_mesh", "import_steps"]

ROUGHNESS = 0.6
PROPERTY_PREFIX = "one2345_"
_TEXTURE_FILE, _NORMALS_FILE = "texture.png", "normals.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What made an object; kept on it as custom properties."""

    name: str
    folder: Path | None = None
    """The job's folder, where a texture goes that is not packed."""
    properties: Mapping[str, str | int | float] = field(default_factory=dict)


def import_mesh(
    glb: GlbMesh, *, placement: Placement, provenance: Provenance, treatment: Treatment | None = None
) -> bpy.types.Object:
    """Do all of `import_steps` at once.

    Raises:
        AddonError: no scene is open, or a texture that is not packed cannot be written.
    """
    return finish(import_steps(glb, placement=placement, provenance=provenance, treatment=treatment))


def import_steps(
    glb: GlbMesh,
    *,
    placement: Placement,
    provenance: Provenance,
    treatment: Treatment | None = None,
    change: Callable[[bpy.types.Object], None] = lambda obj: None,
) -> Steps[bpy.types.Object]:
    """Add the mesh to the scene as one undo step, with the artist's mode left as it is.

    In Object Mode the new object becomes the only selected and the active one, as after
    Add > Mesh; in any other mode selection and active object stay untouched. The
    scene changes in the last step alone; steps that are given up leave nothing behind. `change` is done to
    the object once it is in the scene, before the undo step is made.

    Raises:
        AddonError: no scene is open, or a texture that is not packed cannot be written.
    """
    treatment = treatment or Treatment()
    name = provenance.name
    surface = yield from weld(glb)
    yield
    if treatment.topology is Topology.PAIRS:
        surface = yield from paired(surface)
        yield
    # The frame is fixed here, by the object as it stands now and the scene's unit.
    frame = _frame(surface, placement)
    folder = None if treatment.pack else provenance.folder
    image = Kept("images", lambda: _image(name, glb.texture_png, folder and folder / _TEXTURE_FILE))
    normals = Kept("images", lambda: _normals(glb, name, folder)) if glb.normal_png else None
    material = Kept("materials", lambda: new_material(name, image.get(), normals and normals.get()))
    mesh = Kept("meshes", lambda: build_mesh(surface, name=name, frame=frame))
    try:
        for kept in filter(None, (image, normals, material)):
            kept.get()
            yield
        mesh.get()
        yield
        obj = _put_in(mesh.get(), material.get(), frame, placement, provenance)
        if treatment.is_asset:
            assets.mark(obj, treatment, folder=provenance.folder)
        change(obj)
        bpy.ops.ed.undo_push(message=f"Generate {name}")
        return obj
    finally:
        for kept in filter(None, (mesh, material, image, normals)):
            kept.drop_if_unused()


def _frame(surface: Surface, placement: Placement) -> Frame:
    other = _other(placement)
    return frame_of(other) or standing(
        surface.vertices, placement.size / metres_per_unit(_scene(placement.scene))
    )


def _other(placement: Placement) -> bpy.types.Object | None:
    return bpy.data.objects.get(placement.aligned_to) if placement.aligned_to else None


def _normals(glb: GlbMesh, name: str, folder: Path | None) -> bpy.types.Image:
    return _image(f"{name} normals", glb.normal_png or b"", folder and folder / _NORMALS_FILE)


def _put_in(
    mesh: bpy.types.Mesh,
    material: bpy.types.Material,
    frame: Frame,
    placement: Placement,
    provenance: Provenance,
) -> bpy.types.Object:
    """Make the object."""
    scene, other = _scene(placement.scene), _other(placement)
    mesh.materials.append(material)
    obj = bpy.data.objects.new(provenance.name, mesh)
    frame.put_on(obj)
    if other is not None:
        obj.matrix_world = other.matrix_world
    else:
        obj.location = placement.location or scene.cursor.location
    for key, value in provenance.properties.items():
        obj[PROPERTY_PREFIX + key] = value
    _collection(scene, placement.collection).objects.link(obj)
    if other is not None:
        hide(scene, other)
    _select(scene, obj)
    return obj


def build_mesh(surface: Surface, *, name: str, frame: Frame) -> bpy.types.Mesh:
    """Make the mesh datablock: smooth, in the coordinates that the frame gives.

    Attributes take arrays as they are; `vertices`, `edges` and `loops` would set one after the other.
    """
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(surface.vertices))
    mesh.edges.add(len(surface.edges))
    mesh.loops.add(len(surface.corners))
    mesh.polygons.add(len(surface.starts))
    mesh.attributes["position"].data.foreach_set("vector", frame.to_own(surface.vertices).ravel())
    mesh.attributes[".edge_verts"].data.foreach_set("value", surface.edges.ravel())
    mesh.attributes[".corner_vert"].data.foreach_set("value", surface.corners)
    mesh.attributes[".corner_edge"].data.foreach_set("value", surface.corner_edges)
    mesh.polygons.foreach_set("loop_start", surface.starts)
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.uv.foreach_set("vector", surface.uvs.ravel())
    mesh.update()
    return mesh


def _image(name: str, png: bytes, path: Path | None) -> bpy.types.Image:
    """A picture as a file, or without a path in the .blend file."""
    if path is None:
        return packed_image(name, png)
    try:
        path.write_bytes(png)
    except OSError as error:
        raise MeshFileError(f"Cannot write {path}: {error.strerror}. Pack the texture instead.") from error
    image = bpy.data.images.load(str(path))
    image.name = name
    return image


def packed_image(name: str, png: bytes) -> bpy.types.Image:
    """A picture that is kept in the .blend file alone."""
    # The size given here is replaced by the PNG's own when the packed data is first read.
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=png, data_len=len(png))
    image.source = "FILE"
    return image


def new_material(
    name: str, image: bpy.types.Image, normals: bpy.types.Image | None = None
) -> bpy.types.Material:
    """A rough material without metal that shows a picture, and fine form by a map of normals."""
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
    if normals is not None:
        _add_normals(material, shader, normals)
    return material


def _add_normals(material: bpy.types.Material, shader: bpy.types.Node, normals: bpy.types.Image) -> None:
    tree = material.node_tree
    normals.colorspace_settings.name = "Non-Color"
    texture, bumps = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeNormalMap")
    texture.image = normals
    texture.location = (shader.location.x - 500, shader.location.y - 300)
    bumps.location = (shader.location.x - 200, shader.location.y - 300)
    tree.links.new(texture.outputs["Color"], bumps.inputs["Color"])
    tree.links.new(bumps.outputs["Normal"], shader.inputs["Normal"])


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


def hide(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    """Hide what a result takes the place of, unless the artist works on it."""
    layer = _view_layer(scene)
    if obj.mode == "OBJECT" and obj.name in layer.objects:
        obj.hide_set(True, view_layer=layer)
        obj.hide_render = True


def _scene(name: str) -> bpy.types.Scene:
    scene = bpy.data.scenes.get(name) or bpy.context.scene
    if scene is None:
        raise AddonError("No scene is open.")
    return scene


def _view_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    current = bpy.context.view_layer
    return current if current is not None and scene == bpy.context.scene else scene.view_layers[0]
