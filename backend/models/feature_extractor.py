"""How public networks want their pictures: what a `preprocessor_config.json` says, applied with Pillow.

The class that reads these files in transformers needs torchvision in some versions and not in others; the few
numbers in them mean the same in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.errors import WeightsError
from backend.models.component_layout import read_config
from backend.protocol import Json

PREPROCESSOR_FILE = "preprocessor_config.json"
MAX_SIDE_PX = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureExtractor:
    """A `CLIPImageProcessor`: resize, crop the middle, normalise.

    Attributes:
        shortest_edge: Shorter side after resizing, 0 to leave the size.
        crop: Rows and columns of the middle that is kept, or None for everything.
        mean: Subtracted from colours in [0, 1].
        std: What they are divided by then.
        resample: Pillow's number of the filter.
    """

    shortest_edge: int
    crop: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int

    def __post_init__(self) -> None:
        sides = (self.shortest_edge, *(self.crop or ()))
        if not all(0 <= side <= MAX_SIDE_PX for side in sides) or 0 in (self.crop or ()):
            raise ValueError(f"sides of {sides}")
        if self.resample not in set(Image.Resampling) or 0 in self.std:
            raise ValueError(f"filter {self.resample}, divisors {self.std}")

    def __call__(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "b 3 h w"]:
        """RGB pictures of one size as the network's input."""
        mean, std = (np.array(values, dtype=np.float32) for values in (self.mean, self.std))
        cut = [np.asarray(self._cut(picture), dtype=np.float32) / 255 for picture in pictures]
        return torch.from_numpy(np.stack([(colours - mean) / std for colours in cut])).movedim(-1, 1)

    def _cut(self, picture: Image.Image) -> Image.Image:
        if self.shortest_edge:
            short = min(picture.size)
            width, height = (int(self.shortest_edge * side / short) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling(self.resample))
        if self.crop is None:
            return picture
        rows, columns = self.crop
        left, top = (picture.width - columns) // 2, (picture.height - rows) // 2
        return picture.crop((left, top, left + columns, top + rows))


def read_feature_extractor(folder: Path) -> FeatureExtractor:
    """What a component's file says.

    Raises:
        WeightsError: when it is missing or says something else.
    """
    values = read_config(folder, PREPROCESSOR_FILE)
    try:
        size, crop = values.get("size"), values.get("crop_size")
        return FeatureExtractor(
            shortest_edge=_shortest(size) if values.get("do_resize", True) else 0,
            crop=_rectangle(crop) if values.get("do_center_crop", True) else None,
            mean=_three(values["image_mean"]) if values.get("do_normalize", True) else (0.0, 0.0, 0.0),
            std=_three(values["image_std"]) if values.get("do_normalize", True) else (1.0, 1.0, 1.0),
            resample=int(_number(values.get("resample", int(Image.Resampling.BICUBIC)))),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WeightsError(
            f"The file {PREPROCESSOR_FILE} in {folder} does not say how pictures are prepared ({error});"
            " download the weights again"
        ) from error


def _shortest(size: Json) -> int:
    return int(_number(size.get("shortest_edge") if isinstance(size, dict) else size))


def _rectangle(size: Json) -> tuple[int, int]:
    if isinstance(size, dict):
        return int(_number(size.get("height"))), int(_number(size.get("width")))
    return int(_number(size)), int(_number(size))


def _three(values: Json) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError("it needs three numbers a colour")
    return tuple(float(_number(value)) for value in values)


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("it needs a number")
    return float(value)
