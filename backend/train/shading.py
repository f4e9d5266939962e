"""Device functions of both the renderer and the voxeliser: the colour and normal of a point on a face.

Faces carry a texture and a part; parts carry an affine change of colour. Legend: `v` vertices, `f` faces.
"""

# Warp reads kernel arguments from annotations that are values, not types, and turns `int(0)` into a variable.
# pyright: reportInvalidTypeForm=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# ruff: noqa: ANN201

from collections.abc import Iterator
from contextlib import contextmanager
from typing import no_type_check

import torch
import warp as wp

CREASE = wp.constant(0.7)
"""Cosine above which a face is shaded with the smooth normal (45 degrees)."""

POOLED_BYTES = 1 << 30

MARGIN = wp.constant(0.75)
"""Texels by which a point is moved towards the middle of its face before its colour is looked up."""


@wp.func
@no_type_check
def texel(texels: wp.array(dtype=wp.int32), start: int, width: int, height: int, column: int, row: int):
    """sRGB of one texel; textures repeat."""
    x = column % width
    y = row % height
    if x < 0:
        x += width
    if y < 0:
        y += height
    packed = texels[start + y * width + x]
    return wp.vec3(
        float(packed & 255) / 255.0, float((packed >> 8) & 255) / 255.0, float((packed >> 16) & 255) / 255.0
    )


@wp.func
@no_type_check
def texture_colour(
    texels: wp.array(dtype=wp.int32), table: wp.array(dtype=wp.int32, ndim=2), texture: int, at: wp.vec2
):
    """sRGB between four texels; `at` is (0, 0) at the top left corner."""
    start = table[texture, 0]
    width = table[texture, 1]
    height = table[texture, 2]
    x = at[0] * float(width) - 0.5
    y = at[1] * float(height) - 0.5
    left = wp.floor(x)
    top = wp.floor(y)
    column = int(left)
    row = int(top)
    right = x - left
    down = y - top
    upper = texel(texels, start, width, height, column, row) * (1.0 - right) + right * texel(
        texels, start, width, height, column + 1, row
    )
    lower = texel(texels, start, width, height, column, row + 1) * (1.0 - right) + right * texel(
        texels, start, width, height, column + 1, row + 1
    )
    return upper * (1.0 - down) + lower * down


@wp.func
@no_type_check
def face_colour(
    faces: wp.array(dtype=wp.int32),
    uv: wp.array(dtype=wp.vec2),
    face_texture: wp.array(dtype=wp.int32),
    face_part: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec4, ndim=2),
    texels: wp.array(dtype=wp.int32),
    table: wp.array(dtype=wp.int32, ndim=2),
    face: int,
    u: float,
    v: float,
):
    """sRGB of a point of a face, given by the weights of its first two corners."""
    a = uv[faces[3 * face]]
    b = uv[faces[3 * face + 1]]
    c = uv[faces[3 * face + 2]]
    at = u * a + v * b + (1.0 - u - v) * c
    # Along the seams of an unwrap, filtering would bring in what lies beside the face in the picture.
    texture = face_texture[face]
    inwards = (a + b + c) / 3.0 - at
    texels_away = wp.length(
        wp.vec2(inwards[0] * float(table[texture, 1]), inwards[1] * float(table[texture, 2]))
    )
    at = at + inwards * wp.min(MARGIN / wp.max(texels_away, 1.0e-6), 1.0)
    plain = texture_colour(texels, table, texture, at)
    part = face_part[face]
    known = wp.vec4(plain[0], plain[1], plain[2], 1.0)
    return wp.vec3(
        wp.clamp(wp.dot(colours[part, 0], known), 0.0, 1.0),
        wp.clamp(wp.dot(colours[part, 1], known), 0.0, 1.0),
        wp.clamp(wp.dot(colours[part, 2], known), 0.0, 1.0),
    )


@wp.func
@no_type_check
def face_normal(
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=wp.int32),
    face: int,
    u: float,
    v: float,
    toward: wp.vec3,
):
    """Unit normal of a point of a face on the side of `toward`, smooth where the face is no sharp edge's."""
    a = faces[3 * face]
    b = faces[3 * face + 1]
    c = faces[3 * face + 2]
    flat = wp.normalize(wp.cross(points[b] - points[a], points[c] - points[a]))
    if wp.dot(flat, toward) < 0.0:
        flat = -flat
    smooth = wp.normalize(u * normals[a] + v * normals[b] + (1.0 - u - v) * normals[c])
    if wp.dot(smooth, flat) < 0.0:
        smooth = -smooth
    if wp.dot(smooth, flat) > CREASE:
        return smooth
    return flat


@contextmanager
def torch_stream(device: torch.device) -> Iterator[None]:
    """Run warp in torch's stream: each sees the other's results without waiting for the device."""
    if device.type != "cuda":
        yield
        return
    with wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device))):
        yield


def start_warp(device: torch.device) -> None:
    """Start warp without its greeting, which would stand in the output of commands.

    On a GPU, memory of trees stays with warp from one batch to the next instead of going back and forth.
    """
    if hasattr(wp, "LOG_ERROR"):  # a machine without a graphics card is worth no warning
        wp.config.log_level = wp.LOG_ERROR
    else:  # before warp 1.10
        wp.config.quiet = True
    wp.init()
    if device.type == "cuda" and wp.is_mempool_supported(str(device)):
        wp.set_mempool_release_threshold(str(device), POOLED_BYTES)
