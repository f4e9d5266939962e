"""How each engine makes its stages, and what each follows from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.artifact_files import (
    read_matte,
    read_occupancy,
    write_occupancy,
    write_rgba,
    write_shape,
    write_tile,
    write_views,
)
from backend.errors import ArtifactError, OnStep, share_of
from backend.geometry.framing import object_frames
from backend.geometry.glb import write_glb
from backend.geometry.glb_reader import read_glb, read_source_glb
from backend.geometry.meshes import Mesh, weld
from backend.geometry.source_mesh import own_layout
from backend.images import read_picture
from backend.levels import Body, further_levels, has_body, write_levels
from backend.models.colour_field import save_field
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.shape import ShapeConfig, ShapeNet
from backend.one2345 import make_neural_shape, make_view_set, neural_shape_settings, view_set_settings
from backend.protocol import NORMALS_FILE, REROLLED_FILE, Engine, Json, Stage
from backend.stages.matte import framed, isolate
from backend.stages.mesh import extract_mesh
from backend.stages.occupancy import generate_occupancy
from backend.stages.photo import PhotoTexture
from backend.stages.shape import generate_shape
from backend.stages.texture import texture_levels
from backend.stages.views import generate_views, redraw_views
from backend.storage import part_of, put_in_place, sha256_of
from backend.view_models import normals_model, view_model
from backend.work import Work

MATTE_PX, MAX_MATTE_PX = 512, 2048
"""Least and largest side of the cut-out picture; the networks scale it, the texture takes it as it is."""


def _make_matte(work: Work, paths: Sequence[Path], on_step: OnStep) -> dict[str, Json]:
    request = work.request
    if request.image is None:
        raise ArtifactError(f"The job {work.job.folder} has no matte.png and names no picture; name one")
    image = read_picture(Path(request.image))
    mask = read_picture(Path(request.mask)) if request.mask else None
    cut = isolate(image, mask, model=work.resources.matting_model)
    on_step(1, 1)
    write_rgba(framed(cut, size=MATTE_PX, max_size=MAX_MATTE_PX), paths[0])
    centre, side = object_frames(cut[None])
    return {"frame": {"centre_px": centre[0].tolist(), "side_px": float(side[0])}}


def _make_views(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    picture = read_matte(work.job.path(Stage.MATTE))
    seed, config = work.seed(Stage.VIEWS), work.settings.views
    has_normals = work.request.normals
    if has_normals:
        work.weights.control("normals")  # Said now rather than after the views.
    steps = share_of(on_step, 0, 1 + has_normals)
    if work.is_edit(Stage.VIEWS):
        tiles = [number - 1 for number in work.request.reroll]
        views = redraw_views(
            picture, work.views(), view_model(work), tiles=tiles, seed=seed, config=config, on_step=steps
        )
        for tile in tiles:
            write_tile(views[tile], work.job.folder / REROLLED_FILE.format(tile + 1))
    else:
        views = generate_views(picture, view_model(work), seed=seed, config=config, on_step=steps)
    write_views(views, paths[0])
    target = work.job.folder / NORMALS_FILE
    target.unlink(missing_ok=True)
    if has_normals:
        model = normals_model(work, paths[0])
        normals = generate_views(picture, model, seed=seed, config=config, on_step=share_of(on_step, 1, 2))
        write_views(normals, part_of(target))
        put_in_place(part_of(target), target)


def _make_occupancy(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    net = work.resources.networks.get(
        OccupancyNet, OccupancyConfig, work.weights.place("occupancy"), "occupancy"
    )
    occupancy = generate_occupancy(
        work.views(),
        work.cameras(),
        net,
        seed=work.seed(Stage.OCCUPANCY),
        config=work.settings.occupancy,
        on_step=on_step,
    )
    write_occupancy(occupancy, paths[0])


def _make_shape(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    net = work.resources.networks.get(ShapeNet, ShapeConfig, work.weights.place("shape"), "shape")
    shape = generate_shape(
        work.views(),
        work.cameras(),
        read_occupancy(work.job.path(Stage.OCCUPANCY)),
        net,
        seed=work.seed(Stage.SHAPE),
        config=work.settings.shape,
        on_step=on_step,
    )
    write_shape(shape, paths[0])


def _make_mesh(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    body = Body.made(work)
    mesh = extract_mesh(body.shape, faces=work.settings.faces, fine=body.fine, on_step=on_step)
    write_glb(mesh, paths[0], extras=work.provenance(Stage.MESH))


def _make_texture(work: Work, paths: Sequence[Path], on_step: OnStep) -> dict[str, Json]:
    path = work.job.path(Stage.MESH)
    mesh = own_layout(read_source_glb(path), path.name) if work.request.keep_uvs else read_glb(path)
    texture_px = work.settings.texture.texture_px
    photo = None if work.photo is None else PhotoTexture(read_matte(work.photo), texture_px=texture_px)
    body = Body.of(work)
    base = mesh if isinstance(mesh, Mesh) else weld(mesh)
    (textured, *levels), field = texture_levels(
        [mesh, *further_levels(base, body, work.request.lods)],
        work.views(),
        work.cameras(),
        seed=work.seed(Stage.TEXTURE),
        config=work.settings.texture,
        fine=None if body is None else body.fine.mesh,
        extra=photo,
        processes=work.resources.unwrap,
        device=work.resources.device,
        on_step=on_step,
    )
    write_glb(textured, paths[0], extras=work.provenance(Stage.TEXTURE))
    save_field(field, paths[1])
    write_levels(work, levels)
    return {"photo": {"used": False} if photo is None else photo.facts()}


@dataclass(frozen=True, slots=True)
class StageRule:
    """How a stage is made, and from what.

    Attributes:
        make: Writes its files, and may return facts for the report.
        inputs: The stages whose artifacts it reads.
        networks: The networks it uses.
        settings: The settings that its result depends on.
        is_random: Whether it draws from its seed.
    """

    make: Callable[[Work, Sequence[Path], OnStep], dict[str, Json] | None]
    inputs: tuple[Stage, ...]
    networks: tuple[str, ...]
    settings: Callable[[Work], Mapping[str, object]]
    is_random: bool = True


def _matte_settings(work: Work) -> dict[str, object]:
    pictures = {"image": work.request.image, "mask": work.request.mask}
    found = {name: sha256_of(Path(path)) for name, path in pictures.items() if path and Path(path).is_file()}
    return {"size": [MATTE_PX, MAX_MATTE_PX], **found}


def _views_settings(work: Work) -> Mapping[str, object]:
    depth = work.request.depth
    steering = {"depth": sha256_of(Path(depth))} if depth and Path(depth).is_file() else {}
    return asdict(work.settings.views) | steering


def _texture_settings(work: Work) -> dict[str, object]:
    texture = asdict(work.settings.texture) | {"keep_uvs": work.request.keep_uvs}
    photo = None if work.photo is None else sha256_of(work.photo)
    return texture | {
        **work.viewpoint(),
        "photo": photo,
        "lods": work.request.lods,
        "is_fine": has_body(work),
        "provenance": work.provenance(Stage.TEXTURE),
    }


_DIFFUSION_RULES: Mapping[Stage, StageRule] = {
    Stage.MATTE: StageRule(_make_matte, (), (), _matte_settings, is_random=False),
    Stage.VIEWS: StageRule(
        _make_views,
        (Stage.MATTE,),
        ("vae", "image_encoder", "views"),
        _views_settings,
    ),
    Stage.OCCUPANCY: StageRule(
        _make_occupancy,
        (Stage.VIEWS,),
        ("occupancy",),
        lambda work: asdict(work.settings.occupancy) | {"rig": asdict(work.rig)},
    ),
    Stage.SHAPE: StageRule(
        _make_shape,
        (Stage.VIEWS, Stage.OCCUPANCY),
        ("shape",),
        lambda work: asdict(work.settings.shape) | {"rig": asdict(work.rig)},
    ),
    Stage.MESH: StageRule(
        _make_mesh,
        (Stage.SHAPE,),
        (),
        lambda work: {
            "faces": work.settings.faces,
            "flat_base": work.request.flat_base,
            "provenance": work.provenance(Stage.MESH),
        },
        is_random=False,
    ),
    Stage.TEXTURE: StageRule(_make_texture, (Stage.MESH, Stage.VIEWS), (), _texture_settings),
}

RULES: Mapping[Engine, Mapping[Stage, StageRule]] = {
    Engine.ONE2345_PLUS: _DIFFUSION_RULES,
    Engine.ONE2345: {
        **{stage: _DIFFUSION_RULES[stage] for stage in (Stage.MATTE, Stage.MESH, Stage.TEXTURE)},
        Stage.VIEWS: StageRule(
            make_view_set,
            (Stage.MATTE,),
            ("vae", "image_encoder", "views", "zero123"),
            view_set_settings,
        ),
        Stage.SHAPE: StageRule(
            make_neural_shape,
            (Stage.VIEWS,),
            ("neural_sdf",),
            neural_shape_settings,
            is_random=False,
        ),
    },
}
