"""Options of operators that start a job, and the panel's values for those that are not given."""

from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Device, Engine, Preset
from .errors import SourceError
from .job import Settings
from .pictures import FILE_FILTER
from .placement import Placement, Topology, Treatment
from .placing import triple
from .preferences import preferences
from .properties import UNSAVED, ONE2345_PG_settings, current_scene, like_panel, scene_settings
from .quality import DEFAULT, PRESETS
from .texts import tr


class PictureFile:
    """Properties of operators that take a picture on disk."""

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(name="File", subtype="FILE_PATH", options=UNSAVED)
        filter_glob: bpy.props.StringProperty(default=FILE_FILTER, options={"HIDDEN"})


class JobOptions:
    """Properties of operators that start a job. What is not given comes from the scene's panel."""

    if TYPE_CHECKING:
        filepath: str
        image: str
        mask: str
        seed: int
        engine: str
        weights: str
        preset: str
        faces: int
        texture_px: int
        use_photo: bool
        flat_base: bool
        size: float
        collection: str
        location: tuple[float, float, float]
        wait: bool
        properties: bpy.types.OperatorProperties
    else:
        filepath: bpy.props.StringProperty(
            name="File", description="Picture on disk", subtype="FILE_PATH", options=UNSAVED
        )
        image: bpy.props.StringProperty(
            name="Image", description="Name of an image in this file", options=UNSAVED
        )
        mask: bpy.props.StringProperty(
            name="Mask",
            description="Image in this file that is bright where the object is",
            options=UNSAVED,
        )
        seed: like_panel("seed")
        engine: like_panel("engine")
        weights: bpy.props.StringProperty(
            name="Weights", description="Name or folder; empty: the panel's", options=UNSAVED
        )
        preset: bpy.props.EnumProperty(
            name="Quality", items=PRESETS, default=PRESETS[DEFAULT][0], options=UNSAVED
        )
        faces: like_panel("faces")
        texture_px: like_panel("texture_px")
        use_photo: like_panel("use_photo")
        flat_base: like_panel("flat_base")
        size: like_panel("size")
        collection: bpy.props.StringProperty(
            name="Collection",
            description="Name of the collection, made if missing; empty: the active one",
            options=UNSAVED,
        )
        location: bpy.props.FloatVectorProperty(
            name="Location",
            description="Bottom centre of the object; not set: the 3D cursor",
            size=3,
            subtype="TRANSLATION",
            options=UNSAVED,
        )
        wait: bpy.props.BoolProperty(
            name="Wait",
            description="Block until the object is in the scene; always so in background mode",
            options=UNSAVED,
        )

    def settings(self, context: bpy.types.Context) -> Settings:
        """What was given, else what the panel says."""
        panel = scene_settings(context)
        is_set = self.properties.is_property_set
        base = panel_placement(context)
        return Settings(
            seed=self.seed if is_set("seed") else panel.seed,
            preset=Preset[self.preset if is_set("preset") else panel.preset],
            engine=Engine[self.engine if is_set("engine") else panel.engine],
            weights=self.weights or _weights_of(panel),
            faces=(self.faces if is_set("faces") else panel.faces) or None,
            texture_px=(self.texture_px if is_set("texture_px") else panel.texture_px) or None,
            use_photo=self.use_photo if is_set("use_photo") else panel.use_photo,
            flat_base=self.flat_base if is_set("flat_base") else panel.flat_base,
            device=Device[preferences(context).device],
            placement=replace(
                base,
                collection=self.collection if is_set("collection") else base.collection,
                location=triple(self.location) if is_set("location") else base.location,
                size=self.size if is_set("size") else base.size,
            ),
            treatment=panel_treatment(context),
        )


def _weights_of(panel: ONE2345_PG_settings) -> str:
    if not (weights := panel.chosen_weights()):
        raise SourceError(tr("Choose the folder of the weights."))
    return weights


def panel_placement(context: bpy.types.Context) -> Placement:
    """Where the panel sends results."""
    panel = scene_settings(context)
    return Placement(
        scene=current_scene(context).name,
        collection=panel.collection.name if panel.collection else "",
        location=(0.0, 0.0, 0.0) if panel.place == "ORIGIN" else None,
        size=panel.size,
    )


def panel_treatment(context: bpy.types.Context) -> Treatment:
    """What the panel makes of results."""
    panel = scene_settings(context)
    tags = tuple(tag.strip() for tag in panel.tags.split(",") if tag.strip())
    return Treatment(
        pack=panel.pack,
        topology=Topology[panel.topology],
        is_asset=panel.is_asset,
        catalogue=panel.catalogue.strip(),
        tags=tags,
    )
