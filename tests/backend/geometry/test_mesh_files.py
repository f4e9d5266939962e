"""Users' own meshes: what is taken and how, and what is refused in one sentence."""

import base64
import json
import struct

import numpy as np
import pytest

from backend.errors import InputError
from backend.geometry.glb import encode_glb
from backend.geometry.mesh_files import read_mesh_file
from backend.geometry.meshes import TexturedMesh, make_mesh, signed_volume, smooth_normals
from backend.geometry.source_mesh import own_charts, own_layout
from tests.backend.geometry.bodies import body_mesh, cube

BODY = body_mesh(resolution=16)


def glb(tree: dict, binary: bytes) -> bytes:
    tree = {"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(binary)}], **tree}
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    return (
        head
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(binary), b"BIN\0")
        + binary
    )


def tree_and_binary(data: bytes) -> tuple[dict, bytes]:
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def changed(mesh, change) -> bytes:
    tree, binary = tree_and_binary(encode_glb(mesh, extras={}))
    change(tree)
    return glb(tree, binary)


def with_arrays(mesh, change, *arrays: np.ndarray) -> bytes:
    """The mesh's file with arrays more; `change` gets the tree and the numbers of their accessors."""
    tree, binary = tree_and_binary(encode_glb(mesh, extras={}))
    kinds = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
    codes = {"float32": 5126, "uint16": 5123, "uint8": 5121}
    first = len(tree["accessors"])
    for array in arrays:
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes}
        tree["bufferViews"].append(view)
        tree["accessors"].append(
            {
                "bufferView": len(tree["bufferViews"]) - 1,
                "componentType": codes[array.dtype.name],
                "count": len(array),
                "type": kinds[array.shape[1]],
            }
        )
        binary += array.tobytes() + bytes(-array.nbytes % 4)
    change(tree, range(first, first + len(arrays)))
    tree["buffers"] = [{"byteLength": len(binary)}]
    return glb(tree, binary)


def unwrapped(uv: np.ndarray, mesh=None) -> TexturedMesh:
    mesh = mesh or cube()
    pixels = np.full((8, 8, 3), 90, np.uint8)
    return TexturedMesh(mesh.vertices, mesh.faces, smooth_normals(mesh), uv.astype(np.float32), pixels)


def saved(folder, data: bytes, name="a.glb"):
    (folder / name).write_bytes(data)
    return folder / name


# What is taken.


def test_a_skinned_mesh_is_taken_in_its_rest_pose(tmp_path):
    """One joint moved by (1, 2, 3); the mesh's own node is elsewhere, which does not count."""
    count = len(cube().vertices)
    joints, weights = np.zeros((count, 4), np.uint8), np.zeros((count, 4), np.float32)
    weights[:, 0] = 1

    def skin(tree, new):
        attributes = tree["meshes"][0]["primitives"][0]["attributes"]
        attributes |= {"JOINTS_0": new[0], "WEIGHTS_0": new[1]}
        tree["nodes"] = [
            {"mesh": 0, "skin": 0, "translation": [50, 0, 0]},
            {"translation": [1, 2, 3]},
        ]
        tree["scenes"] = [{"nodes": [0, 1]}]
        tree["skins"] = [{"joints": [1]}]

    mesh = read_mesh_file(saved(tmp_path, with_arrays(cube(), skin, joints, weights))).mesh
    assert np.allclose(mesh.vertices, cube().vertices + np.array([1, -3, 2]), atol=1e-6)


def test_morph_targets_count_with_their_weights(tmp_path):
    shift = np.tile(np.array([0, 4, 0], np.float32), (len(cube().vertices), 1))

    def morph(tree, new):
        tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": new[0]}]
        tree["meshes"][0]["weights"] = [0.5]

    mesh = read_mesh_file(saved(tmp_path, with_arrays(cube(), morph, shift))).mesh
    assert np.allclose(mesh.vertices, cube().vertices + np.array([0, 0, 2]), atol=1e-6)


def test_an_animated_node_stands_where_the_file_puts_it(tmp_path):
    def animate(tree):
        tree["nodes"][0]["translation"] = [1, 0, 0]
        tree["animations"] = [{"channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]}]

    mesh = read_mesh_file(saved(tmp_path, changed(cube(), animate))).mesh
    assert np.allclose(mesh.vertices, cube().vertices + np.array([1, 0, 0]), atol=1e-6)


def test_negative_scales_keep_faces_outwards(tmp_path):
    data = changed(cube(), lambda tree: tree["nodes"][0].update(scale=[-2, -2, -2]))
    assert signed_volume(read_mesh_file(saved(tmp_path, data)).mesh) == pytest.approx(8 * 0.125)


def test_missing_normals_and_materials_are_no_matter(tmp_path):
    def bare(tree):
        (primitive,) = tree["meshes"][0]["primitives"]
        del primitive["attributes"]["NORMAL"], primitive["material"], tree["materials"]

    source = read_mesh_file(saved(tmp_path, changed(cube(), bare)))
    assert np.array_equal(source.mesh.vertices, cube().vertices)
    assert source.uv is None


def test_coordinates_that_are_not_finite_are_left_out(tmp_path, caplog):
    source = read_mesh_file(saved(tmp_path, encode_glb(unwrapped(np.full((8, 2), np.nan)), extras={})))
    assert source.uv is None
    assert np.array_equal(source.mesh.vertices, cube().vertices)
    assert "not finite" in caplog.text


def test_degenerate_and_non_manifold_faces_are_kept(tmp_path):
    faces = np.concatenate([cube().faces, cube().faces[:2], [[0, 0, 1], [2, 2, 2]]])
    odd = make_mesh(cube().vertices, faces)
    assert np.array_equal(read_mesh_file(saved(tmp_path, encode_glb(odd, extras={}))).mesh.faces, faces)


def test_a_gltf_with_its_data_beside_it_is_read(tmp_path):
    tree, binary = tree_and_binary(encode_glb(BODY, extras={}))
    tree["buffers"] = [{"byteLength": len(binary), "uri": "the%20data.bin"}]
    (tmp_path / "the data.bin").write_bytes(binary)
    source = read_mesh_file(saved(tmp_path, json.dumps(tree).encode(), "a.gltf"))
    assert np.array_equal(source.mesh.vertices, BODY.vertices)


def test_a_gltf_with_its_data_inside_is_read(tmp_path):
    tree, binary = tree_and_binary(encode_glb(BODY, extras={}))
    uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    tree["buffers"] = [{"byteLength": len(binary), "uri": uri}]
    source = read_mesh_file(saved(tmp_path, json.dumps(tree).encode(), "a.gltf"))
    assert np.array_equal(source.mesh.faces, BODY.faces)


def test_other_formats_stand_as_blender_writes_them(tmp_path):
    """OBJ with +Y up, PLY and STL with +Z up."""
    x, y, z = BODY.vertices.T
    lines = [f"v {a:.7f} {b:.7f} {c:.7f}" for a, b, c in zip(x, z, -y, strict=True)]
    lines += [f"f {a} {b} {c}" for a, b, c in BODY.faces + 1]
    (tmp_path / "a.obj").write_text("\n".join(lines))
    head = f"ply\nformat ascii 1.0\nelement vertex {len(x)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += f"element face {len(BODY.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [" ".join(map(str, row)) for row in BODY.vertices] + [f"3 {a} {b} {c}" for a, b, c in BODY.faces]
    (tmp_path / "a.ply").write_text(head + "\n".join(rows))
    triangles = np.zeros(len(BODY.faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    triangles["corners"] = BODY.vertices[BODY.faces]
    (tmp_path / "a.stl").write_bytes(bytes(80) + struct.pack("<I", len(triangles)) + triangles.tobytes())
    for suffix in ("obj", "ply", "stl"):
        mesh = read_mesh_file(tmp_path / f"a.{suffix}").mesh
        found = mesh.vertices[mesh.faces]
        assert np.allclose(found, BODY.vertices[BODY.faces], atol=1e-5), suffix


# What is refused.


def _nan(tree_binary):
    tree, binary = tree_binary
    return glb(tree, np.array([np.nan], np.float32).tobytes() + binary[4:])


def _points(tree):
    tree["meshes"][0]["primitives"][0]["mode"] = 0


def _far(tree):
    tree["nodes"][0]["translation"] = [0, 0, 3e7]


REFUSED = {
    "NaN positions": (lambda: _nan(tree_and_binary(encode_glb(cube(), extras={}))), "not finite"),
    "only points": (lambda: changed(cube(), _points), "only points or lines"),
    "no faces": (lambda: changed(cube(), lambda tree: tree.update(meshes=[], nodes=[])), "no triangles"),
    "far away": (lambda: changed(cube(), _far), "move it to the origin"),
    "meshopt": (
        lambda: changed(cube(), lambda tree: tree.update(extensionsRequired=["EXT_meshopt_compression"])),
        "without compression",
    ),
    "Draco, not required": (
        lambda: changed(
            cube(),
            lambda tree: (
                tree["accessors"][0].pop("bufferView"),
                tree["meshes"][0]["primitives"][0].update(extensions={"KHR_draco_mesh_compression": {}}),
            ),
        ),
        "without compression",
    ),
    "unknown extension": (
        lambda: changed(cube(), lambda tree: tree.update(extensionsRequired=["ACME_curved_faces"])),
        "ACME_curved_faces",
    ),
    "truncated": (lambda: encode_glb(cube(), extras={})[:-40], "export it again"),
    "data not beside it": (
        lambda: changed(cube(), lambda tree: tree.update(buffers=[{"byteLength": 9, "uri": "gone.bin"}])),
        "gone.bin, which is not beside it",
    ),
    "data from the net": (
        lambda: changed(
            cube(), lambda tree: tree.update(buffers=[{"byteLength": 9, "uri": "http://a/b.bin"}])
        ),
        "from elsewhere",
    ),
    "data from above": (
        lambda: changed(cube(), lambda tree: tree.update(buffers=[{"byteLength": 9, "uri": "../b.bin"}])),
        "from elsewhere",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence(tmp_path, how: str):
    make, words = REFUSED[how]
    with pytest.raises(InputError, match=words) as caught:
        read_mesh_file(saved(tmp_path, make(), "teapot.glb"))
    assert "teapot.glb" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.obj", ""),
        ("a.obj", "v 0 0 0\nf 1 2 9"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 9\nproperty float x\nend_header\n1"),
        ("a.stl", "solid"),
        ("a.fbx", "Kaydara"),
        ("a.gltf", '{"asset"'),
        ("a.gltf", "[]"),
    ],
)
def test_damaged_files_of_other_kinds_are_refused_in_one_sentence(tmp_path, name: str, text: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_mesh_file(tmp_path / name)
    assert name in str(caught.value)


# Texture coordinates that are kept.


def test_kept_coordinates_come_as_they_are(tmp_path):
    uv = np.random.default_rng(0).random((8, 2)) * 0.9 + 0.05
    source = read_mesh_file(saved(tmp_path, encode_glb(unwrapped(uv), extras={})))
    layout = own_layout(source, "a.glb")
    order = np.argsort(own_charts(source, "a.glb").vertex)
    assert np.allclose(layout.uv[order], uv, atol=1e-6)
    assert np.array_equal(layout.vertices[layout.faces], cube().vertices[cube().faces])


def test_faces_of_another_tile_come_into_the_first(tmp_path):
    corners = np.random.default_rng(1).random((36, 2)) * 0.8 + 0.1
    soup = make_mesh(cube().vertices[cube().faces].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    corners[18:] += [2, -1]
    source = read_mesh_file(saved(tmp_path, encode_glb(unwrapped(corners, soup), extras={})))
    charts = own_charts(source, "a.glb")
    assert np.allclose(charts.uv[charts.faces].reshape(-1, 2), corners % 1, atol=1e-5)


def two_materials(tree):
    (primitive,) = tree["meshes"][0]["primitives"]
    tree["meshes"][0]["primitives"] = [{**primitive, "material": 0}, {**primitive, "material": 1}]
    tree["materials"] = [{}, {}]


def test_materials_that_overlap_get_a_part_of_the_texture_each(tmp_path, caplog):
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    sheet = make_mesh(
        np.array([[0.0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]]), np.array([[0, 1, 2], [0, 2, 3]])
    )
    source = read_mesh_file(saved(tmp_path, changed(unwrapped(uv, sheet), two_materials)))
    charts = own_charts(source, "a.glb")
    first, second = charts.uv[charts.faces[:2]], charts.uv[charts.faces[2:]]
    assert first[..., 0].max() <= 0.5
    assert second[..., 0].min() >= 0.5
    assert "2 materials" in caplog.text


def test_parts_that_share_a_place_are_told_of(tmp_path, caplog):
    corners = np.tile(np.array([[0, 0], [1, 0], [0, 1]]), (12, 1))
    soup = make_mesh(cube().vertices[cube().faces].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    source = read_mesh_file(saved(tmp_path, encode_glb(unwrapped(corners, soup), extras={})))
    own_charts(source, "a.glb")
    assert "92 %" in caplog.text


@pytest.mark.parametrize(
    ("mesh", "words"),
    [
        (cube(), "no texture coordinates"),
        (unwrapped(np.full((8, 2), 0.5)), "without area"),
        (unwrapped(np.random.default_rng(0).random((8, 2)) * 7), "repeats its texture"),
    ],
    ids=["none", "a point", "repeated"],
)
def test_coordinates_that_cannot_be_kept_are_refused_in_one_sentence(tmp_path, mesh, words: str):
    source = read_mesh_file(saved(tmp_path, encode_glb(mesh, extras={})))
    with pytest.raises(InputError, match=words):
        own_charts(source, "a.glb")
