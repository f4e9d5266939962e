"""Meshes as files: frame, exactness, strangers' files, and every way a file can be broken."""

import json
import struct

import numpy as np
import pytest

from backend.errors import InputError, StorageError
from backend.geometry.glb import encode_glb, gltf_from_z_up, read_glb, read_textured_glb, write_glb
from backend.geometry.glb_reader import z_up_from_gltf
from backend.geometry.meshes import TexturedMesh, signed_volume, smooth_normals, with_colours
from tests.backend.geometry.bodies import body_mesh, cube


def coloured():
    mesh = body_mesh(resolution=16)
    return with_colours(mesh, np.random.default_rng(0).random(mesh.vertices.shape))


def textured():
    mesh = cube()
    uv = np.random.default_rng(0).random((8, 2)).astype(np.float32)
    pixels = np.random.default_rng(1).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    return TexturedMesh(mesh.vertices, mesh.faces, smooth_normals(mesh), uv, pixels)


def tree_of(data: bytes) -> dict:
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length])


def repacked(data: bytes, change) -> bytes:
    """The same file after `change(tree)`."""
    length = struct.unpack_from("<I", data, 12)[0]
    tree, rest = tree_of(data), data[20 + length :]
    text = json.dumps(change(tree) or tree).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + rest


def test_coloured_mesh_comes_back_bit_by_bit(tmp_path):
    mesh = coloured()
    write_glb(mesh, tmp_path / "a.glb", extras={})
    back = read_glb(tmp_path / "a.glb")
    for name in ("vertices", "faces", "colours"):
        assert np.array_equal(getattr(back, name), getattr(mesh, name)), name


def test_equal_meshes_give_equal_bytes():
    assert encode_glb(textured(), extras={"seed": 1}) == encode_glb(textured(), extras={"seed": 1})
    assert encode_glb(coloured(), extras={}) == encode_glb(coloured(), extras={})


def test_front_and_top_are_gltfs():
    """Our front is -Y and our top +Z; glTF's are +Z and +Y."""
    front, top = np.array([[0.0, -1, 0], [0, 0, 1]])
    assert gltf_from_z_up(front[None]).tolist() == [[0, 0, 1]]
    assert gltf_from_z_up(top[None]).tolist() == [[0, 1, 0]]
    points = np.random.default_rng(0).random((5, 3))
    assert np.array_equal(z_up_from_gltf(gltf_from_z_up(points)), points)


def test_extras_stand_on_the_node():
    assert tree_of(encode_glb(cube(), extras={"seed": 7}))["nodes"][0]["extras"] == {"seed": 7}


def test_the_material_is_matt_and_not_metal():
    (material,) = tree_of(encode_glb(textured(), extras={}))["materials"]
    surface = material["pbrMetallicRoughness"]
    assert (surface["metallicFactor"], surface["roughnessFactor"]) == (0.0, 0.6)


def test_textured_mesh_keeps_its_texture_under_its_points(tmp_path):
    mesh = textured()
    write_glb(mesh, tmp_path / "a.glb", extras={})
    back = read_textured_glb(tmp_path / "a.glb")
    for name in ("vertices", "faces", "texture"):
        assert np.array_equal(getattr(back, name), getattr(mesh, name)), name
    assert np.allclose(back.uv, mesh.uv, atol=1e-6)
    assert np.allclose(back.normals, mesh.normals, atol=1e-6)


def test_coordinates_without_a_texture_are_kept(tmp_path):
    """An artist's unwrapped mesh has none yet."""

    def without_texture(tree):
        del tree["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]

    (tmp_path / "a.glb").write_bytes(repacked(encode_glb(textured(), extras={}), without_texture))
    assert np.allclose(read_textured_glb(tmp_path / "a.glb").uv, textured().uv, atol=1e-6)


def _texel(mesh):
    height, width = mesh.texture.shape[:2]
    pixel = np.floor(mesh.uv * [width, height] + 1e-4).astype(int)
    return mesh.texture[pixel[:, 1].clip(0, height - 1), pixel[:, 0].clip(0, width - 1)]


def test_node_transforms_are_applied_from_the_root_down(tmp_path):
    quarter = np.sqrt(0.5)

    def nested(tree):
        tree["nodes"] = [
            {"children": [1], "translation": [1, 0, 0]},
            {"mesh": 0, "rotation": [0, quarter, 0, quarter], "scale": [2, 2, 2]},
        ]

    (tmp_path / "a.glb").write_bytes(repacked(encode_glb(cube(), extras={}), nested))
    x, y, z = cube().vertices.T
    # A quarter turn about glTF's +Y takes its +Z (our -Y) to its +X (our +X).
    expected = np.stack([-2 * y + 1, 2 * x, 2 * z], axis=1)
    assert np.allclose(read_glb(tmp_path / "a.glb").vertices, expected, atol=1e-6)


def test_a_mirroring_node_keeps_faces_outwards(tmp_path):
    data = repacked(encode_glb(cube(), extras={}), lambda tree: tree["nodes"][0].update(scale=[-1, 1, 1]))
    (tmp_path / "a.glb").write_bytes(data)
    assert signed_volume(read_glb(tmp_path / "a.glb")) == pytest.approx(0.125)


def test_parts_and_materials_are_joined(tmp_path):
    def two(tree):
        (primitive,) = tree["meshes"][0]["primitives"]
        tree["meshes"][0]["primitives"] = [{**primitive, "material": 0}, {**primitive, "material": 1}]
        tree["materials"] = [
            {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}},
            {"pbrMetallicRoughness": {"baseColorFactor": [0, 0.5, 0, 1]}},
        ]

    (tmp_path / "a.glb").write_bytes(repacked(encode_glb(cube(), extras={}), two))
    mesh = read_glb(tmp_path / "a.glb")
    assert len(mesh.faces) == 24
    assert mesh.colours is not None
    # 0.5 in linear light is 188 of 255 in sRGB.
    assert np.round(mesh.colours[[0, 8]] * 255).tolist() == [[255, 0, 0], [0, 188, 0]]
    texels = _texel(read_textured_glb(tmp_path / "a.glb"))
    assert np.unique(texels, axis=0).tolist() == [[0, 188, 0], [255, 0, 0]]


def test_a_repeating_texture_is_unrolled(tmp_path):
    mesh = textured()
    stretched = TexturedMesh(mesh.vertices, mesh.faces, mesh.normals, mesh.uv * 3 - 1, mesh.texture)
    write_glb(stretched, tmp_path / "a.glb", extras={})
    back = read_textured_glb(tmp_path / "a.glb")
    assert back.uv.min() >= 0
    assert back.uv.max() <= 1
    inside = np.floor((stretched.uv % 1) * [16, 8]).astype(int)
    expected = {
        tuple(v): tuple(c)
        for v, c in zip(mesh.vertices, mesh.texture[inside[:, 1], inside[:, 0]], strict=True)
    }
    found = [expected[tuple(vertex)] for vertex in back.vertices]
    assert (_texel(back) == found).all(axis=1).mean() > 0.8


BROKEN = {
    "empty": lambda data: b"",
    "text": lambda data: b"solid teapot",
    "cut off": lambda data: data[:-200],
    "cut in the description": lambda data: data[:60],
    "not JSON": lambda data: data[:20] + b"{" * 40 + data[60:],
    "huge count": lambda data: repacked(data, lambda tree: tree["accessors"][0].update(count=10**12)),
    "huge empty accessor": lambda data: repacked(
        data,
        lambda tree: tree["accessors"].__setitem__(
            0, {"componentType": 5126, "type": "VEC3", "count": 10**12}
        ),
    ),
    "negative count": lambda data: repacked(data, lambda tree: tree["accessors"][0].update(count=-1)),
    "no such accessor": lambda data: repacked(
        data, lambda tree: tree["meshes"][0]["primitives"][0].update(indices=99)
    ),
    "index beyond the vertices": lambda data: repacked(
        data, lambda tree: tree["accessors"][0].update(count=3)
    ),
    "nodes in a circle": lambda data: repacked(
        data, lambda tree: tree.update(nodes=[{"children": [1]}, {"children": [0]}])
    ),
    "no meshes": lambda data: repacked(data, lambda tree: {"asset": {"version": "2.0"}}),
    "other files needed": lambda data: repacked(data, lambda tree: tree["buffers"][0].update(uri="a.bin")),
    "compressed": lambda data: repacked(
        data, lambda tree: tree.update(extensionsRequired=["KHR_draco_mesh_compression"])
    ),
    "a list": lambda data: repacked(data, lambda tree: [1]),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files_are_refused_in_one_sentence(tmp_path, how: str):
    path = tmp_path / "broken.glb"
    path.write_bytes(BROKEN[how](encode_glb(cube(), extras={})))
    for read in (read_glb, read_textured_glb):
        with pytest.raises(InputError) as caught:
            read(path)
        assert "broken.glb" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.glb"):
        read_glb(tmp_path / "none.glb")


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        write_glb(cube(), tmp_path / "nowhere" / "a.glb", extras={})
