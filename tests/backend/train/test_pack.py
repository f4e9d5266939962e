"""Packs of training objects, and the GLB files they are made of."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trimesh import Scene, Trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from backend.errors import InputError
from backend.train import codec
from backend.train.__main__ import main
from backend.train.gltf import read_object
from backend.train.pack import RADIUS, is_held_out, read_pack, write_pack
from tests.backend.train.shapes import ball, box, named, quarters, tiny_objects


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=50))
def test_coded_integers_come_back(values: list[int]):
    array = np.array(values)
    assert np.array_equal(codec.decode(codec.encode(array)), array)
    column = (array // 4)[:, None]
    assert np.array_equal(codec.decode_differences(codec.encode_differences(column), 1), column)


def test_coded_faces_come_back():
    faces, old = codec.first_use_order(np.array([[7, 3, 5], [5, 3, 9], [3, 7, 1]]))
    assert np.array_equal(old[faces], [[7, 3, 5], [5, 3, 9], [3, 7, 1]])
    assert np.array_equal(codec.decode_faces(codec.encode_faces(faces)), faces)


def test_a_pack_round_trips(tiny_pack: Path):
    for item, back in zip(
        tiny_objects(), sorted(read_pack(tiny_pack), key=lambda item: item.name), strict=True
    ):
        assert (back.name, back.group, back.licence) == (item.name, item.group, item.licence)
        assert back.is_validation == item.is_validation
        assert np.array_equal(back.mesh.vertices, item.mesh.vertices)
        assert np.array_equal(back.mesh.uv, item.mesh.uv)
        assert np.array_equal(back.mesh.faces, item.mesh.faces)
        assert back.mesh.runs == item.mesh.runs
        for texture, original in zip(back.mesh.textures, item.mesh.textures, strict=True):
            # WebP is lossy in textures, not in single colours.
            assert np.abs(texture.astype(int) - original).mean() < (12 if original.size > 3 else 0.5)


def test_the_farthest_vertex_is_at_the_radius():
    item = named(box((2.0, 1.0, 0.5)), 0, held_out=False)
    assert np.linalg.norm(item.mesh.vertices, axis=1).max() == pytest.approx(RADIUS, abs=2e-4)


def test_faces_without_area_drop_out():
    mesh = ball()
    flat = np.concatenate([mesh.faces, [[3, 3, 9], [5, 6, 5]]])
    with_flat = type(mesh)(mesh.vertices, mesh.uv, flat, (len(flat),), mesh.textures)
    assert len(named(with_flat, 0, held_out=False).mesh.faces) == len(
        named(mesh, 0, held_out=False).mesh.faces
    )


def test_about_a_twentieth_is_held_out():
    assert np.mean([is_held_out(f"object-{index}") for index in range(4000)]) == pytest.approx(0.05, abs=0.01)


def test_the_least_important_group_goes_first(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    items = [
        named(ball(texture=noise), index, held_out=False, group=group)
        for index, group in enumerate(("gso", "quaternius", "sh3d"))
    ]
    size = write_pack(items, tmp_path / "all.pack") or (tmp_path / "all.pack").stat().st_size
    assert isinstance(size, int)
    dropped = write_pack(items, tmp_path / "less.pack", max_mib=0.8 * size / 2**20)
    assert dropped == ["quaternius"]
    assert {item.group for item in read_pack(tmp_path / "less.pack")} == {"gso", "sh3d"}


def test_other_files_are_no_packs(tmp_path: Path):
    (tmp_path / "no.pack").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no\.pack is not a pack"):
        read_pack(tmp_path / "no.pack")


def write_glb(path: Path) -> None:
    """A box in glTF's frame: 2 wide, 1 tall (Y), 0.5 deep (Z), its corner at the origin, with a texture."""
    vertices = np.array([[x, y, z] for x in (0, 2) for y in (0, 1) for z in (0, 0.5)])
    faces = np.array([[1, 5, 7], [1, 7, 3], [0, 2, 6], [0, 6, 4], [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]])
    # trimesh counts v upwards and writes glTF's downwards.
    uv = np.stack([vertices[:, 0] / 2, vertices[:, 1]], axis=1)
    material = PBRMaterial(baseColorTexture=Image.fromarray(quarters()), baseColorFactor=[255, 255, 255, 255])
    visual = TextureVisuals(uv=uv, material=material)
    mesh = Trimesh(vertices, faces, visual=visual, process=False)
    path.write_bytes(export_glb(Scene(mesh)))


def test_gltf_objects_come_upright_and_facing_the_front(tmp_path: Path):
    write_glb(tmp_path / "box.glb")
    mesh = read_object(tmp_path / "box.glb", texture_px=128)
    assert mesh is not None
    assert np.allclose(np.ptp(mesh.vertices, axis=0), [2, 0.5, 1])
    assert np.allclose(mesh.vertices.max(axis=0), -mesh.vertices.min(axis=0))
    # Seen from the front (-Y, X to the right), the picture's top left is at the top left.
    corner = np.argmin(np.abs(mesh.vertices - [-1, -0.25, 0.5]).sum(axis=1))
    assert np.allclose(mesh.uv[corner], [0, 0])
    assert np.array_equal(mesh.textures[0], quarters())


def test_textures_are_shrunk(tmp_path: Path):
    write_glb(tmp_path / "box.glb")
    mesh = read_object(tmp_path / "box.glb", texture_px=4)
    assert mesh is not None
    assert mesh.textures[0].shape == (4, 4, 3)


def test_the_pack_command_reads_what_the_manifest_names(tmp_path: Path):
    write_glb(tmp_path / "box.glb")
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "group", "licence"])
        writer.writeheader()
        writer.writerow({"id": "box", "group": "sh3d", "licence": "CC0-1.0"})
    assert main(["pack", str(tmp_path), "-o", str(tmp_path / "one.pack")]) == 0
    assert [item.name for item in read_pack(tmp_path / "one.pack")] == ["box"]


def test_a_broken_glb_is_named(tmp_path: Path):
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    with pytest.raises(InputError, match=r"broken\.glb is not a GLB"):
        read_object(tmp_path / "broken.glb", texture_px=8)
