"""What is written is valid glTF: by the rules that matter here, and by the Khronos validator if present."""

import io
import json
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.geometry.glb import encode_glb
from backend.geometry.meshes import TexturedMesh, smooth_normals, with_colours
from backend.geometry.unwrap import quick_unwrap
from tests.backend.geometry.bodies import body_mesh

BODY = body_mesh(resolution=16)
EXTRAS = {
    "generated": True,
    "seeds": {"views": 1},
    "settings": {"guidance": 2.5},
    "weights_sha256": {"vae": "ab"},
}
BYTES = {5125: 4, 5126: 4}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
VALIDATOR = """
const {validateBytes} = require("gltf-validator");
const bytes = new Uint8Array(require("fs").readFileSync(process.argv[1]));
validateBytes(bytes).then(report => console.log(JSON.stringify(report.issues)));
"""


def textured() -> TexturedMesh:
    charts = quick_unwrap(BODY, texture_px=64)
    normals = smooth_normals(BODY)[charts.vertex]
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return TexturedMesh(BODY.vertices[charts.vertex], charts.faces, normals, charts.uv, pixels)


MADE = {
    "bare": BODY,
    "coloured": with_colours(BODY, np.random.default_rng(0).random(BODY.vertices.shape)),
    "textured": textured(),
    "with a normal map": replace(textured(), normal_map=np.full((64, 64, 3), (128, 128, 255), np.uint8)),
}


def opened(data: bytes) -> tuple[dict, bytes]:
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    assert size % 4 == 0
    binary_size, binary_kind = struct.unpack_from("<I4s", data, 20 + size)
    assert binary_kind == b"BIN\0"
    assert binary_size % 4 == 0
    assert 28 + size + binary_size == len(data)
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def values(tree: dict, binary: bytes, index: int) -> np.ndarray:
    accessor = tree["accessors"][index]
    view = tree["bufferViews"][accessor["bufferView"]]
    dtype = {5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
    flat = np.frombuffer(binary, dtype, accessor["count"] * WIDTH[accessor["type"]], view["byteOffset"])
    return flat.reshape(accessor["count"], -1)


@pytest.fixture(params=MADE)
def file(request) -> tuple[dict, bytes]:
    return opened(encode_glb(MADE[request.param], extras=EXTRAS))


def test_accessors_lie_in_their_views_and_views_in_the_buffer(file):
    tree, binary = file
    (buffer,) = tree["buffers"]
    assert buffer["byteLength"] == len(binary)
    for accessor in tree["accessors"]:
        view = tree["bufferViews"][accessor["bufferView"]]
        size = accessor["count"] * WIDTH[accessor["type"]] * BYTES[accessor["componentType"]]
        assert size == view["byteLength"]
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= len(binary)


def test_least_and_largest_positions_are_exact(file):
    tree, binary = file
    index = tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]
    found, accessor = values(tree, binary, index), tree["accessors"][index]
    assert np.array_equal(np.float32(accessor["min"]), found.min(axis=0))
    assert np.array_equal(np.float32(accessor["max"]), found.max(axis=0))


def test_views_are_marked_for_what_they_hold(file):
    tree, _ = file
    (primitive,) = tree["meshes"][0]["primitives"]
    targets = [tree["bufferViews"][item["bufferView"]]["target"] for item in tree["accessors"]]
    assert targets[primitive["indices"]] == 34963
    assert {targets[index] for index in primitive["attributes"].values()} == {34962}
    assert all("target" not in tree["bufferViews"][image["bufferView"]] for image in tree.get("images", []))


def test_nothing_stands_in_the_file_that_nobody_uses(file):
    tree, binary = file
    (primitive,) = tree["meshes"][0]["primitives"]
    assert {*primitive["attributes"].values(), primitive["indices"]} == set(range(len(tree["accessors"])))
    used = {item["bufferView"] for item in [*tree["accessors"], *tree.get("images", [])]}
    assert used == set(range(len(tree["bufferViews"])))
    end = max(view["byteOffset"] + view["byteLength"] for view in tree["bufferViews"])
    assert len(binary) - end < 4
    (material,) = tree["materials"]
    shown = [material["pbrMetallicRoughness"].get("baseColorTexture"), material.get("normalTexture")]
    assert [item["index"] for item in shown if item] == list(range(len(tree.get("textures", []))))


def test_indices_name_vertices_and_normals_and_tangents_are_unit(file):
    tree, binary = file
    (primitive,) = tree["meshes"][0]["primitives"]
    counts = {tree["accessors"][index]["count"] for index in primitive["attributes"].values()}
    assert len(counts) == 1
    assert values(tree, binary, primitive["indices"]).max() < min(counts)
    for name in {"NORMAL", "TANGENT"} & set(primitive["attributes"]):
        vectors = values(tree, binary, primitive["attributes"][name])
        assert np.allclose(np.linalg.norm(vectors[:, :3], axis=1), 1, atol=5e-4)
        assert set(np.unique(vectors[:, 3:])) <= {-1.0, 1.0}


def test_pictures_are_what_they_say(file):
    tree, binary = file
    for image in tree.get("images", []):
        view = tree["bufferViews"][image["bufferView"]]
        data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        with Image.open(io.BytesIO(data)) as picture:
            assert Image.MIME[picture.format or ""] == image["mimeType"]


def validator_folder() -> Path | None:
    """Where `gltf-validator` is installed: ONE2345_NODE_MODULES, or node_modules in the repository."""
    chosen = os.environ.get("ONE2345_NODE_MODULES")
    folder = Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "node_modules"
    return folder if shutil.which("node") and (folder / "gltf-validator").is_dir() else None


@pytest.mark.skipif(validator_folder() is None, reason="needs node and the npm package gltf-validator")
@pytest.mark.parametrize("name", MADE)
def test_the_khronos_validator_finds_nothing(tmp_path, name: str):
    path, folder = tmp_path / "a.glb", validator_folder()
    path.write_bytes(encode_glb(MADE[name], extras=EXTRAS))
    done = subprocess.run(
        ["node", "-e", VALIDATOR, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NODE_PATH": str(folder)},
    )
    issues = json.loads(done.stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
