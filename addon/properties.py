"""What the artist sets in the panel; kept in the scene."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import MAX_CANDIDATES, MAX_PROMPT, MAX_SEED, Engine
from . import quality
from .downloadable import FOLDER, STARTER, text_models, view_weights
from .errors import SetupError
from .placement import Topology
from .texts import tr

PLACES = (
    ("CURSOR", "3D Cursor", "Where the 3D cursor is when the object comes in"),
    ("ORIGIN", "World Origin", "In the middle of the world"),
)
TEXT_MODELS = (
    *((entry.name, entry.title, entry.licence) for entry in text_models()),
    (FOLDER, "Folder", "A model of your own"),
)
ENGINES = (
    (
        Engine.ONE2345_PLUS.name,
        "One-2-3-45++",
        "Six views at once, then a coarse and a fine shape by diffusion; all of them can be edited",
    ),
    (
        Engine.ONE2345.name,
        "One-2-3-45",
        "32 views one by one, then a shape straight from them; no six views or coarse shape to edit",
    ),
)
WEIGHTS = (
    (STARTER, "Starter", "Bundled, free for every use (Apache-2.0)"),
    *((entry.name, entry.title, entry.licence) for entry in view_weights()),
    (FOLDER, "Folder", "Weights of your own"),
)
TOPOLOGIES = (
    (Topology.TRIANGLES.name, "Triangles", "The mesh as it was made"),
    (Topology.PAIRS.name, "Joined Quads", "Join triangles to quads where form and texture allow it"),
    (
        Topology.EVEN.name,
        "Even Quads",
        "Remesh by QuadriFlow: Blender stands still for some seconds, and the texture follows",
    ),
)
NAME = "one2345"
"""Name of the settings in a scene."""
_ENGINE_TITLES = {Engine[name]: title for name, title, _ in ENGINES}
_WEIGHTS_TITLES = {name: title for name, title, _ in WEIGHTS}

MAX_FACES = 1_000_000
MAX_TEXTURE_PX = 8192
UNSAVED = {"SKIP_SAVE", "HIDDEN"}
"""Options of an operator's property that every call gives anew."""


class ONE2345_PG_settings(bpy.types.PropertyGroup):
    """Settings for the next object"""

    if TYPE_CHECKING:
        image: bpy.types.Image | None
        mask: bpy.types.Image | None
        prompt: str
        text_model: str
        text_folder: str
        candidates: int
        engine: str
        weights: str
        weights_folder: str
        preset: str
        seed: int
        lock_seed: bool
        place: str
        size: float
        collection: bpy.types.Collection | None
        faces: int
        texture_px: int
        use_photo: bool
        flat_base: bool
        topology: str
        pack: bool
        is_asset: bool
        catalogue: str
        tags: str
    else:
        image: bpy.props.PointerProperty(
            type=bpy.types.Image, name="Image", description="Picture of one object to make in 3D"
        )
        mask: bpy.props.PointerProperty(
            type=bpy.types.Image,
            name="Mask",
            description="Bright where the object is; empty: the object is found in the picture",
        )
        prompt: bpy.props.StringProperty(
            name="Words",
            description="What to make, in a few words, such as: a red armchair with wooden legs",
            maxlen=MAX_PROMPT,
        )
        text_model: bpy.props.EnumProperty(
            name="Model", description="What draws pictures from words", items=TEXT_MODELS
        )
        text_folder: bpy.props.StringProperty(
            name="Folder",
            description="Folder of a diffusers text-to-image model, or its id on the hub",
            subtype="DIR_PATH",
        )
        candidates: bpy.props.IntProperty(
            name="Pictures",
            description="How many pictures to choose from",
            default=4,
            min=1,
            max=MAX_CANDIDATES,
        )
        engine: bpy.props.EnumProperty(name="Engine", description="The method", items=ENGINES)
        weights: bpy.props.EnumProperty(
            name="Weights", description="The networks that draw the views", items=WEIGHTS
        )
        weights_folder: bpy.props.StringProperty(
            name="Folder", description="Folder of weights", subtype="DIR_PATH"
        )
        preset: bpy.props.EnumProperty(
            name="Quality", description="Time against quality", items=quality.items, default=quality.DEFAULT
        )
        seed: bpy.props.IntProperty(
            name="Seed",
            description="Same picture, settings and seed make the same mesh",
            min=0,
            max=MAX_SEED,
        )
        lock_seed: bpy.props.BoolProperty(
            name="Keep Seed",
            description="Keep the seed; else every Generate takes another one",
            default=True,
        )
        place: bpy.props.EnumProperty(
            name="Place",
            description="Where the object stands; a dropped picture's stands where it was dropped",
            items=PLACES,
        )
        size: bpy.props.FloatProperty(
            name="Size (m)",
            description="Longest side of the object in metres; the scene's unit scale is minded",
            default=1.0,
            min=0.001,
            soft_max=100.0,
        )
        collection: bpy.props.PointerProperty(
            type=bpy.types.Collection,
            name="Collection",
            description="Where the object goes; empty takes the active collection",
        )
        faces: bpy.props.IntProperty(
            name="Faces",
            description="Most triangles of the mesh; 0 takes the quality's own number",
            min=0,
            max=MAX_FACES,
        )
        texture_px: bpy.props.IntProperty(
            name="Texture",
            description="Side of the texture; 0 takes the quality's own size",
            min=0,
            max=MAX_TEXTURE_PX,
            subtype="PIXEL",
        )
        use_photo: bpy.props.BoolProperty(
            name="Paint from Picture",
            description="Paint what the picture shows from the picture itself, where the mesh fits it",
            default=True,
        )
        flat_base: bpy.props.BoolProperty(
            name="Flat Base", description="Cut the underside flat, so that the object stands"
        )
        topology: bpy.props.EnumProperty(
            name="Polygons", description="What the mesh consists of", items=TOPOLOGIES
        )
        pack: bpy.props.BoolProperty(
            name="Pack Texture",
            description="Keep the texture in the .blend file; else in the job's folder",
            default=True,
        )
        is_asset: bpy.props.BoolProperty(
            name="Mark as Asset", description="Offer the object in the asset browser"
        )
        catalogue: bpy.props.StringProperty(
            name="Catalog",
            description="Catalog of the asset browser, such as Props/Toys; "
            "a new one is listed beside the saved .blend file",
        )
        tags: bpy.props.StringProperty(name="Tags", description="Tags of the asset, separated by commas")

    def chosen_weights(self) -> str:
        """Name or folder of the weights; empty where a folder is wanted and none is named."""
        return bpy.path.abspath(self.weights_folder) if self.weights == FOLDER else self.weights

    def choose_weights(self, weights: str) -> None:
        """Say a name or folder of weights."""
        is_named = weights in {name for name, *_ in WEIGHTS} - {FOLDER}
        self.weights = weights if is_named else FOLDER
        if not is_named:
            self.weights_folder = weights


def method_title(engine: Engine, weights: str) -> str:
    """An engine and its weights in few words; weights of one's own go by the name of their folder."""
    title = _WEIGHTS_TITLES.get(weights)
    return f"{_ENGINE_TITLES[engine]}, {tr(title) if title else Path(weights).name or weights}"


def like_panel(name: str) -> object:
    """An operator's property of the same name, texts and limits as one of the panel's."""
    made = ONE2345_PG_settings.__annotations__[name]
    return made.function(**{**made.keywords, "options": UNSAVED})


def current_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene that the artist looks at.

    Raises:
        SetupError: there is none.
    """
    if context.scene is None:
        raise SetupError("No scene is open.")
    return context.scene


def scene_settings(context: bpy.types.Context) -> ONE2345_PG_settings:
    """The panel's settings in the current scene."""
    return getattr(current_scene(context), NAME)  # made by `register`


def register() -> None:
    """Add the settings to every scene; their class is registered by then."""
    setattr(bpy.types.Scene, NAME, bpy.props.PointerProperty(type=ONE2345_PG_settings))


def unregister() -> None:
    """Take the settings away again."""
    delattr(bpy.types.Scene, NAME)
