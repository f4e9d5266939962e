"""A job's colours on a sculpted copy of its mesh."""

import numpy as np
import pytest
import torch

from backend.errors import InputError
from backend.geometry.bake import fill_texture, texels
from backend.geometry.meshes import TexturedMesh, face_crosses, interpolate, make_mesh, smooth_normals
from backend.geometry.placement import Placement
from backend.geometry.registration import apply, shift_and_scale
from backend.geometry.render import sample_picture
from backend.geometry.unwrap import unwrap
from backend.models.colour_field import ColourField, ColourFieldConfig
from backend.stages.retexture import OldSurface, retexture
from tests.backend.geometry.bodies import body_mesh, cube

BODY = body_mesh(resolution=24)
PX = 256


def colours_at(points):
    """A soft pattern over space."""
    return (0.5 + 0.4 * np.sin(points * 9.0)).astype(np.float32)


def vertex_colours(mesh: TexturedMesh) -> np.ndarray:
    picture = torch.from_numpy(np.array(mesh.texture)).permute(2, 0, 1)[None].float() / 255
    return sample_picture(picture, torch.from_numpy(mesh.uv)).numpy()


def flat_field(place: Placement | None = None) -> ColourField:
    field = ColourField(ColourFieldConfig(resolution=4, rank=2, features=2, hidden=4)).requires_grad_(False)
    if place is not None:
        field.place = place
    return field


@pytest.fixture(scope="module")
def painted() -> TexturedMesh:
    """The body with the pattern as its texture."""
    charts = unwrap(BODY, texture_px=PX)
    found = texels(charts.faces, charts.uv, texture_px=PX)
    corners = BODY.faces[found.face.numpy()]
    points = interpolate(BODY.vertices, corners, found.barycentric.numpy())
    texture = fill_texture(found.index, torch.from_numpy(colours_at(points)), texture_px=PX)
    normals = smooth_normals(BODY)[charts.vertex]
    return TexturedMesh(BODY.vertices[charts.vertex], charts.faces, normals, charts.uv, texture)


def baked(painted, copy, *, field=None, node=None):
    old = OldSurface(painted, field or flat_field())
    frame = np.eye(4) if node is None else node
    return retexture(copy, old, unwrap(copy, texture_px=PX), node_frame=frame, texture_px=PX)


def test_untouched_places_keep_their_colours_wherever_the_copy_stands(painted):
    node = shift_and_scale(np.array([5.0, -3.0, 1.0]), 2.0)
    copy = make_mesh(apply(node, BODY.vertices.astype(np.float64)), BODY.faces)
    mesh = baked(painted, copy, node=node)
    where = apply(np.linalg.inv(node), mesh.vertices.astype(np.float64))
    assert np.abs(vertex_colours(mesh) - colours_at(where)).mean() < 0.02
    assert mesh.vertices.max() > 4


def test_a_pulled_place_takes_the_nearest_old_colour(painted):
    vertices = BODY.vertices.copy()
    top = np.argmax(vertices[:, 2])
    vertices[top, 2] += 0.3
    mesh = baked(painted, make_mesh(vertices, BODY.faces))
    tip = np.argmax(mesh.vertices[:, 2])
    assert np.abs(vertex_colours(mesh)[tip] - colours_at(BODY.vertices[top])).max() < 0.1


def test_a_field_finer_than_the_texture_is_asked(painted):
    """A texture of 8 pixels holds less than a field of 64 nodes."""
    coarse = TexturedMesh(
        painted.vertices, painted.faces, painted.normals, painted.uv, np.zeros((8, 8, 3), np.uint8)
    )
    field = ColourField(ColourFieldConfig(resolution=64, rank=2, features=2, hidden=4)).requires_grad_(False)
    torch.nn.init.constant_(field.last.bias, 9.0)
    assert OldSurface(coarse, field).is_field_finer
    assert baked(coarse, BODY, field=field).texture.min() > 200
    assert not OldSurface(painted, flat_field()).is_field_finer


def test_colours_do_not_come_through_a_thin_wall():
    """A plate 4 mm thick, white above and black below, its upper side pushed nearly to the lower one."""
    plate = make_mesh(cube().vertices * np.array([1, 1, 0.008]), cube().faces)
    charts = unwrap(plate, texture_px=PX)
    is_up = np.zeros((PX, PX, 3), np.uint8)
    found = texels(charts.faces, charts.uv, texture_px=PX)
    white = found.index[torch.from_numpy(face_crosses(plate)[:, 2] > 0)[found.face.long()]]
    is_up.reshape(-1, 3)[white.numpy()] = 255
    normals = smooth_normals(plate)[charts.vertex]
    old = OldSurface(
        TexturedMesh(plate.vertices[charts.vertex], charts.faces, normals, charts.uv, is_up), flat_field()
    )
    points = torch.tensor([[0.1, 0.05, -0.0019]])
    assert old.colours(points, torch.tensor([[0.0, 0.0, 1.0]])).min() > 0.9
    assert old.colours(points, torch.tensor([[0.0, 0.0, -1.0]])).max() < 0.1


def test_a_mesh_in_its_own_frame_is_found_through_the_fields_place(painted):
    """A user's mesh of 20 m far off, whose field lives in generation space."""
    far = shift_and_scale(np.array([100.0, 40.0, 3.0]), 20.0)
    moved = TexturedMesh(
        apply(far, painted.vertices.astype(np.float64)).astype(np.float32),
        painted.faces,
        painted.normals,
        painted.uv,
        painted.texture,
    )
    place = Placement(np.array([100.0, 40.0, 3.0]), 1 / 20)
    copy = make_mesh(apply(far, BODY.vertices.astype(np.float64)), BODY.faces)
    mesh = baked(moved, copy, field=flat_field(place))
    where = apply(np.linalg.inv(far), mesh.vertices.astype(np.float64))
    assert np.abs(vertex_colours(mesh) - colours_at(where)).mean() < 0.02


def test_another_mesh_is_refused(painted):
    plate = make_mesh(cube().vertices * np.array([1, 1, 0.01]), cube().faces)
    with pytest.raises(InputError, match="resemble"):
        baked(painted, plate)
