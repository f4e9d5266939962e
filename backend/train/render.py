"""Pictures of a batch of scenes by ray casting: one thread a pixel, one launch for all.

Colours are averaged premultiplied over the rays of a pixel, so edges do not mix with what is behind.
"""

# Warp reads kernel arguments from annotations that are values, not types, and turns `int(0)` into a variable.
# pyright: reportInvalidTypeForm=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# ruff: noqa: ANN202, UP018

from typing import no_type_check

import torch
import warp as wp
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS, Cameras
from backend.train.lights import Light
from backend.train.shading import face_colour, face_normal
from backend.train.soup import Trees

wp.set_module_options({"enable_backward": False})

RADIUS_SQUARED = wp.constant(UNIT_RADIUS * UNIT_RADIUS)
SHINE = wp.constant(30.0)
"""Exponent of the mirrored lamps (Blinn-Phong)."""


@wp.func
@no_type_check
def _linear(x: float):
    if x <= 0.04045:
        return x / 12.92
    return wp.pow((x + 0.055) / 1.055, 2.4)


@wp.func
@no_type_check
def _srgb(x: float):
    if x <= 0.0031308:
        return 12.92 * wp.max(x, 0.0)
    return 1.055 * wp.pow(wp.min(x, 1.0), 1.0 / 2.4) - 0.055


@wp.func
@no_type_check
def _lit(
    colour: wp.vec3, normal: wp.vec3, toward_eye: wp.vec3, scene: int, lights: wp.array(dtype=wp.vec3, ndim=2)
):
    """sRGB under light; `lights` holds ambient, gloss, then direction and strength of each lamp."""
    base = wp.vec3(_linear(colour[0]), _linear(colour[1]), _linear(colour[2]))
    gloss = lights[scene, 1][0]
    total = wp.cw_mul(base, lights[scene, 0])
    for lamp in range((lights.shape[1] - 2) // 2):
        toward = lights[scene, 2 + 2 * lamp]
        power = lights[scene, 3 + 2 * lamp]
        facing = wp.dot(normal, toward)
        if facing > 0.0:
            half = wp.normalize(toward + toward_eye)
            shine = gloss * wp.pow(wp.max(wp.dot(normal, half), 0.0), SHINE)
            total = total + facing * wp.cw_mul(base, power) + shine * power
    return wp.vec3(_srgb(total[0]), _srgb(total[1]), _srgb(total[2]))


@wp.kernel
@no_type_check
def _render(
    meshes: wp.array(dtype=wp.int64),
    first_face: wp.array(dtype=wp.int32),
    cameras: wp.array(dtype=wp.vec3, ndim=2),
    reach: wp.array(dtype=float),
    lights: wp.array(dtype=wp.vec3, ndim=2),
    is_lit: int,
    views: int,
    size: int,
    supersample: int,
    faces: wp.array(dtype=wp.int32),
    uv: wp.array(dtype=wp.vec2),
    face_texture: wp.array(dtype=wp.int32),
    face_part: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec4, ndim=2),
    texels: wp.array(dtype=wp.int32),
    table: wp.array(dtype=wp.int32, ndim=2),
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    pixels: wp.array(dtype=float, ndim=2),
):
    i = wp.tid()
    column = i % size
    row = (i // size) % size
    camera = i // (size * size)
    scene = camera // views
    mesh = wp.uint64(meshes[scene])
    total = wp.vec3(0.0, 0.0, 0.0)
    hits = float(0.0)
    step = 1.0 / float(size * supersample)
    for sample in range(supersample * supersample):
        right = (float(column * supersample + sample % supersample) + 0.5) * step - 0.5
        down = (float(row * supersample + sample // supersample) + 0.5) * step - 0.5
        toward = wp.normalize(
            cameras[camera, 0] * (2.0 * right * reach[camera])
            - cameras[camera, 1] * (2.0 * down * reach[camera])
            - cameras[camera, 2]
        )
        # From where the ray enters the unit sphere, for precision.
        eye = cameras[camera, 3]
        nearest = -wp.dot(eye, toward)
        miss = wp.dot(eye, eye) - nearest * nearest
        depth = RADIUS_SQUARED - miss
        if depth > 0.0:
            start = nearest - wp.sqrt(depth)
            origin = eye + toward * start
            hit = wp.mesh_query_ray(mesh, origin, toward, 2.0 * wp.sqrt(depth))
            if hit.result:
                face = first_face[scene] + hit.face
                colour = face_colour(
                    faces, uv, face_texture, face_part, colours, texels, table, face, hit.u, hit.v
                )
                if is_lit == 1:
                    normal = face_normal(points, normals, faces, face, hit.u, hit.v, -toward)
                    colour = _lit(colour, normal, -toward, scene, lights)
                total = total + colour
                hits += 1.0
    if hits > 0.0:
        total = total / hits
    pixels[i, 0] = total[0]
    pixels[i, 1] = total[1]
    pixels[i, 2] = total[2]
    pixels[i, 3] = hits / float(supersample * supersample)


def render(
    trees: Trees, cameras: Cameras, size: int, *, light: Light | None, supersample: int
) -> Float[Tensor, "b v 4 h w"]:
    """Straight-alpha sRGB pictures of every scene from its cameras (b, v); see `Scenes.render`."""
    count, views = cameras.fov.shape
    columns = cameras.world_from_cam.reshape(-1, 4, 4)[:, :3].transpose(1, 2).contiguous()
    reach = torch.tan(cameras.fov.reshape(-1) / 2).contiguous()
    lights = torch.zeros(count, 2, 3, device=trees.device) if light is None else _light_rows(light)
    pixels = torch.empty(count * views * size * size, 4, device=trees.device)
    inputs = [
        wp.from_torch(trees.meshes),
        wp.from_torch(trees.first_face),
        wp.from_torch(columns, dtype=wp.vec3),
        wp.from_torch(reach),
        wp.from_torch(lights, dtype=wp.vec3),
        int(light is not None),
        views,
        size,
        supersample,
        *trees.surface,
        *trees.shape,
    ]
    trees.launch(_render, len(pixels), inputs, [wp.from_torch(pixels)])
    return rearrange(pixels, "(b v h w) c -> b v c h w", b=count, v=views, h=size).contiguous()


def _light_rows(light: Light) -> Float[Tensor, "b n 3"]:
    lamps = torch.stack([light.toward, light.lamps], dim=2).flatten(1, 2)
    gloss = light.gloss[:, None, None].expand(-1, 1, 3)
    return torch.cat([light.ambient[:, None], gloss, lamps], dim=1).contiguous()
