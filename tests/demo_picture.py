"""One Cycles picture of a result: the input, the six views, and the mesh from four sides."""

# pyright: reportAttributeAccessIssue=false
# A node, a socket or a light is known to the stubs of Blender only by its base class.

import math
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

WIDTH_PX, HEIGHT_PX = 1600, 860
UNITS_WIDE, UNITS_HIGH = 16.0, 8.6
"""The picture's plane: x right, z up, from its lower left corner; the camera looks along +Y."""

PAPER = (0.80, 0.81, 0.82)
CARD = (0.93, 0.93, 0.93)
INK = (0.05, 0.05, 0.06)
CENTRE_Z = 4.05
TOP_Z = 7.45
INPUT_SIDE, MATTE_SIDE = 4.0, 2.1
VIEWS_X, VIEW_SIDE, VIEW_GAP = 4.75, 2.2, 0.1
MESH_RADIUS, MESH_STEP = 1.95, 3.4
TILT = math.radians(15)
SAMPLES = 24


def render_result(obj, *, picture: Path, matte: Path, views: Path, target: Path) -> None:
    """Render the sheet of one object into a PNG; leaves a scene of its own behind."""
    scene = bpy.data.scenes.new("Sheet")
    _camera(scene)
    _light(scene)
    _card(scene, picture, centre=(0.4 + INPUT_SIDE / 2, TOP_Z - INPUT_SIDE / 2), side=INPUT_SIDE)
    _card(scene, matte, centre=(0.4 + MATTE_SIDE / 2, 0.65 + MATTE_SIDE / 2), side=MATTE_SIDE)
    _views(scene, views)
    _mesh_from_four_sides(scene, obj)
    for text, x in (("picture", 0.4), ("six views", VIEWS_X), ("mesh from four sides", 9.7)):
        _title(scene, text, at=(x, TOP_Z + 0.18))
    _title(scene, "cut out", at=(0.4, 0.65 + MATTE_SIDE + 0.18))
    scene.render.filepath = str(target)
    bpy.ops.render.render(write_still=True, scene=scene.name)


def _camera(scene):
    camera = bpy.data.cameras.new("Sheet")
    camera.type = "ORTHO"
    camera.ortho_scale = UNITS_WIDE
    obj = bpy.data.objects.new("Sheet", camera)
    obj.location = (UNITS_WIDE / 2, -20.0, UNITS_HIGH / 2)
    obj.rotation_euler = (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(obj)
    scene.camera = obj
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH_PX, HEIGHT_PX, 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "Standard"  # cards keep the colours of their files


def _light(scene):
    """Even light from everywhere and a soft sun; the camera itself sees the paper."""
    world = bpy.data.worlds.new("Sheet")
    scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    even = tree.nodes["Background"]
    even.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    even.inputs["Strength"].default_value = 0.55
    paper = tree.nodes.new("ShaderNodeBackground")
    paper.inputs["Color"].default_value = (*(channel**2.2 for channel in PAPER), 1.0)
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(tree.nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"], mix.inputs["Fac"])
    tree.links.new(even.outputs["Background"], mix.inputs[1])
    tree.links.new(paper.outputs["Background"], mix.inputs[2])
    tree.links.new(mix.outputs["Shader"], tree.nodes["World Output"].inputs["Surface"])
    sun = bpy.data.lights.new("Sheet", "SUN")
    sun.energy = 1.6
    sun.angle = math.radians(40)
    obj = bpy.data.objects.new("Sheet sun", sun)
    obj.rotation_euler = Vector((0.5, 1.0, -0.8)).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(obj)


def _views(scene, sheet):
    """The tiles as they lie in the sheet: three rows of two, in the rig's order."""
    for index in range(6):
        row, column = divmod(index, 2)
        step = VIEW_SIDE + VIEW_GAP
        centre = (VIEWS_X + VIEW_SIDE / 2 + column * step, CENTRE_Z + (1 - row) * step)
        region = (column / 2, 1 - (row + 1) / 3, column / 2 + 1 / 2, 1 - row / 3)
        _card(scene, sheet, centre=centre, side=VIEW_SIDE, region=region)


def _card(scene, path, *, centre, side, region=(0.0, 0.0, 1.0, 1.0)):
    """A rectangle that shows a part (u0, v0, u1, v1) of an image file on a light ground, within a square."""
    image = bpy.data.images.load(str(path), check_existing=True)
    u0, v0, u1, v1 = region
    size = Vector((image.size[0] * (u1 - u0), image.size[1] * (v1 - v0)))
    half = size * (side / 2 / max(size.x, size.y))
    x, z = centre
    corners = [(x + sx * half.x, 0.0, z + sz * half.y) for sx, sz in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    mesh = bpy.data.meshes.new("Card")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    for corner, uv in zip(layer.data, ((u0, v0), (u1, v0), (u1, v1), (u0, v1)), strict=True):
        corner.uv = uv
    mesh.materials.append(_shown(image))
    scene.collection.objects.link(bpy.data.objects.new("Card", mesh))


def _shown(image):
    """A material with the image's own colours, whatever the light."""
    material = bpy.data.materials.new("Card")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    mix = tree.nodes.new("ShaderNodeMixRGB")
    mix.inputs[1].default_value = (*(channel**2.2 for channel in CARD), 1.0)
    tree.links.new(texture.outputs["Alpha"], mix.inputs[0])
    tree.links.new(texture.outputs["Color"], mix.inputs[2])
    _glow(tree, mix.outputs[0])
    return material


def _glow(tree, colour=None):
    emission = tree.nodes.new("ShaderNodeEmission")
    if colour is None:
        emission.inputs["Color"].default_value = (*(channel**2.2 for channel in INK), 1.0)
    else:
        tree.links.new(colour, emission.inputs["Color"])
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])


def _mesh_from_four_sides(scene, obj):
    """Linked copies, each turned by a right angle and then tilted towards the camera; same scale for all."""
    corners = [Vector(corner) for corner in obj.bound_box]
    middle = sum(corners, Vector()) / 8
    radius = max((corner - middle).length for corner in corners)
    scale = Matrix.Scale(MESH_RADIUS / radius, 4)
    for index in range(4):
        row, column = divmod(index, 2)
        place = Vector((11.3 + column * MESH_STEP, -6.0, CENTRE_Z + (0.5 - row) * MESH_STEP))
        copy = bpy.data.objects.new("Side", obj.data)
        turn = Matrix.Rotation(TILT, 4, "X") @ Matrix.Rotation(-index * math.pi / 2, 4, "Z")
        copy.matrix_world = Matrix.Translation(place) @ scale @ turn @ Matrix.Translation(-middle)
        scene.collection.objects.link(copy)


def _title(scene, text, *, at):
    curve = bpy.data.curves.new("Title", "FONT")
    curve.body = text
    curve.size = 0.34
    material = bpy.data.materials.new("Title")
    material.use_nodes = True
    material.node_tree.nodes.clear()
    _glow(material.node_tree)
    curve.materials.append(material)
    obj = bpy.data.objects.new("Title", curve)
    obj.location = (at[0], 0.0, at[1])
    obj.rotation_euler = (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(obj)
