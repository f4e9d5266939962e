"""The add-on's reader of mesh files against the backend's writer."""

import json
import struct

import numpy as np
import pytest

from tests.addon.extension import errors, glb
from tests.addon.subjects import FACE_COLOURS, textured_tetrahedron


def edited(data, change):
    """A GLB with its JSON part changed."""
    length = struct.unpack_from("<I", data, 12)[0]
    tree = json.loads(data[20 : 20 + length])
    change(tree)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + rest


def test_what_the_backend_writes_comes_back_in_blenders_frame(subject):
    mesh, wanted = glb.read_glb(subject), textured_tetrahedron()
    np.testing.assert_allclose(mesh.positions, wanted.vertices, atol=1e-6)
    np.testing.assert_array_equal(mesh.triangles, wanted.faces)
    # Blender's texture coordinates start at the bottom, the backend's at the top.
    np.testing.assert_allclose(mesh.uvs, np.stack([wanted.uv[:, 0], 1 - wanted.uv[:, 1]], axis=1), atol=1e-6)
    assert mesh.texture_png.startswith(b"\x89PNG")
    assert len(FACE_COLOURS) == len(mesh.triangles)


def test_the_frame_agrees_with_gltf():
    """glTF: +X right, +Y up, +Z towards the viewer; Blender: the viewer stands at -Y."""
    axes = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(glb.z_up_from_gltf(axes), [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.mark.parametrize("part", [0.0, 0.2, 0.6, 0.999])
def test_a_cut_file_is_refused(subject, tmp_path, part):
    data = subject.read_bytes()
    cut = tmp_path / "cut.glb"
    cut.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(errors.MeshFileError, match=r"cut\.glb is not a mesh made by One2345"):
        glb.read_glb(cut)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["nodes"][0].update(scale=[2, 2, 2]),
        lambda tree: tree["accessors"][0].update(count=1_000_000),
        lambda tree: tree["meshes"].append(tree["meshes"][0]),
        lambda tree: tree["images"].clear(),
        lambda tree: tree["meshes"][0]["primitives"][0].update(mode=1),
    ],
)
def test_another_layout_is_refused(subject, tmp_path, change):
    other = tmp_path / "other.glb"
    other.write_bytes(edited(subject.read_bytes(), change))
    with pytest.raises(errors.MeshFileError):
        glb.read_glb(other)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.MeshFileError, match="Cannot read"):
        glb.read_glb(tmp_path / "none.glb")
