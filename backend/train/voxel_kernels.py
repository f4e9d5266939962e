"""Kernels of the voxeliser: nearest surface points, signs and colours of voxels.

Volumes are flat arrays of cubes of `side`^3 cells, one a scene, in C order of (scene, x, y, z).
"""

# Warp reads kernel arguments from annotations that are values, not types, and turns `int(0)` into a variable.
# pyright: reportInvalidTypeForm=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# ruff: noqa: ANN201, SIM102

from typing import no_type_check

import warp as wp

from backend.train.flood import OUTSIDE
from backend.train.shading import face_colour

wp.set_module_options({"enable_backward": False})

SEARCH = wp.constant(3)
"""Voxels searched in each direction for the outer shell behind an inner wall."""


@wp.func
@no_type_check
def cell_position(x: int, y: int, z: int, side: int):
    cell = 1.0 / float(side)
    return wp.vec3(
        (float(x) + 0.5) * cell - 0.5, (float(y) + 0.5) * cell - 0.5, (float(z) + 0.5) * cell - 0.5
    )


@wp.kernel
@no_type_check
def find_near(
    meshes: wp.array(dtype=wp.int64),
    side: int,
    reach: float,
    near: wp.array(dtype=wp.uint8),
):
    i = wp.tid()
    z = i % side
    y = (i // side) % side
    x = (i // (side * side)) % side
    scene = i // (side * side * side)
    hit = wp.mesh_query_point_no_sign(wp.uint64(meshes[scene]), cell_position(x, y, z, side), reach)
    if hit.result:
        near[i] = wp.uint8(1)


@wp.kernel
@no_type_check
def find_nearest(
    meshes: wp.array(dtype=wp.int64),
    first_face: wp.array(dtype=wp.int32),
    coords: wp.array(dtype=wp.int32, ndim=2),
    side: int,
    reach: float,
    face: wp.array(dtype=wp.int32),
    weights: wp.array(dtype=wp.vec2),
    nearest: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=float),
):
    """Nearest surface point of listed voxels."""
    i = wp.tid()
    mesh = wp.uint64(meshes[coords[i, 0]])
    point = cell_position(coords[i, 1], coords[i, 2], coords[i, 3], side)
    hit = wp.mesh_query_point_no_sign(mesh, point, reach)
    face[i] = -1
    distance[i] = 2.0 * reach
    if hit.result:
        found = wp.mesh_eval_position(mesh, hit.face, hit.u, hit.v)
        face[i] = first_face[coords[i, 0]] + hit.face
        weights[i] = wp.vec2(hit.u, hit.v)
        nearest[i] = found
        distance[i] = wp.length(found - point)


@wp.func
@no_type_check
def is_outer(
    mesh: wp.uint64,
    point: wp.vec3,
    cells: wp.array(dtype=wp.uint8),
    scene: int,
    side: int,
):
    """Whether an outside voxel around a surface point sees it."""
    x = int(wp.floor((point[0] + 0.5) * float(side)))
    y = int(wp.floor((point[1] + 0.5) * float(side)))
    z = int(wp.floor((point[2] + 0.5) * float(side)))
    for k in range(27):
        a = x + k % 3 - 1
        b = y + (k // 3) % 3 - 1
        c = z + k // 9 - 1
        if a >= 0 and b >= 0 and c >= 0 and a < side and b < side and c < side:
            if int(cells[((scene * side + a) * side + b) * side + c]) == OUTSIDE:
                eye = cell_position(a, b, c, side)
                way = point - eye
                length = wp.length(way)
                short = length - 0.02 / float(side)
                if short <= 0.0:
                    return 1
                hit = wp.mesh_query_ray(mesh, eye, way / length, short)
                if not hit.result:
                    return 1
    return 0


@wp.kernel
@no_type_check
def sign_distances(
    meshes: wp.array(dtype=wp.int64),
    coords: wp.array(dtype=wp.int32, ndim=2),
    side: int,
    reach: float,
    cells: wp.array(dtype=wp.uint8),
    lookup: wp.array(dtype=wp.int32),
    nearest: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=float),
    field: wp.array(dtype=float),
    source: wp.array(dtype=wp.int32),
):
    """Signed distance to the outer shell, and the voxel whose nearest point that is (mostly itself)."""
    i = wp.tid()
    scene = coords[i, 0]
    x = coords[i, 1]
    y = coords[i, 2]
    z = coords[i, 3]
    source[i] = i
    if int(cells[((scene * side + x) * side + y) * side + z]) == OUTSIDE:
        field[i] = distance[i]
        return
    field[i] = -distance[i]
    if distance[i] > reach:
        return
    if is_outer(wp.uint64(meshes[scene]), nearest[i], cells, scene, side) == 1:
        return
    # Behind an inner wall: the outer shell is where the nearest points of outside voxels lie.
    point = cell_position(x, y, z, side)
    best = 2.0 * reach
    width = 2 * SEARCH + 1
    for step in range(width * width * width):
        a = x + step % width - SEARCH
        b = y + (step // width) % width - SEARCH
        c = z + step // (width * width) - SEARCH
        if a >= 0 and b >= 0 and c >= 0 and a < side and b < side and c < side:
            there = ((scene * side + a) * side + b) * side + c
            k = lookup[there]
            if int(cells[there]) == OUTSIDE and k >= 0:
                if distance[k] < reach:
                    length = wp.length(nearest[k] - point)
                    if length < best:
                        best = length
                        source[i] = k
    field[i] = -best


@wp.kernel
@no_type_check
def colour_faces(
    face: wp.array(dtype=wp.int32),
    weights: wp.array(dtype=wp.vec2),
    faces: wp.array(dtype=wp.int32),
    uv: wp.array(dtype=wp.vec2),
    face_texture: wp.array(dtype=wp.int32),
    face_part: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec4, ndim=2),
    texels: wp.array(dtype=wp.int32),
    table: wp.array(dtype=wp.int32, ndim=2),
    rgb: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    if face[i] >= 0:
        rgb[i] = face_colour(
            faces,
            uv,
            face_texture,
            face_part,
            colours,
            texels,
            table,
            face[i],
            weights[i][0],
            weights[i][1],
        )
