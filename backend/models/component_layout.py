"""Public weights in the layout of diffusers' pipelines: a folder for each component.

`model_index.json` names the pipeline and each component's class; a component's folder holds its configuration
and its tensors. Classes are mapped to ours by name; nothing in the folder is ever run, so only safetensors
are read. Tensors may have any precision: they are cast as they are read, one at a time, so that a network
never lies in memory twice.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import ConfigMixin
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel

from backend.errors import WeightsError
from backend.protocol import Json

INDEX_FILE, CONFIG_FILE = "model_index.json", "config.json"
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_STEMS = ("diffusion_pytorch_model", "model")
_VARIANTS = ("", ".fp16")
_RENAMED = (
    ("text_model.", ""),
    (".attention.attention.query.", ".attention.q_proj."),
    (".attention.attention.key.", ".attention.k_proj."),
    (".attention.attention.value.", ".attention.v_proj."),
    (".attention.output.dense.", ".attention.o_proj."),
    (".attentions.0.query.", ".attentions.0.to_q."),
    (".attentions.0.key.", ".attentions.0.to_k."),
    (".attentions.0.value.", ".attentions.0.to_v."),
    (".attentions.0.proj_attn.", ".attentions.0.to_out.0."),
)
"""Names of tensors in published files and what versions since call them (CLIP, DINOv2, autoencoders)."""
NONSENSE = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, AssertionError),
    *(ImportError, MemoryError, StrictDataclassError),
)
"""What the libraries answer a configuration that describes nothing with."""
_POSITION_IDS = "position_ids"
"""Old files store these counting numbers; networks make them by themselves."""

NetT = TypeVar("NetT", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Layout:
    """A folder of public weights.

    Attributes:
        index: What `model_index.json` says.
    """

    folder: Path
    index: Mapping[str, Json]

    @property
    def pipeline(self) -> str:
        """The class that the weights were published for."""
        return str(self.index["_class_name"])

    def component(self, name: str, *class_names: str) -> Path:
        """The folder of a component of one of these classes.

        Raises:
            WeightsError: when it is missing or of another class.
        """
        entry = self.index.get(name)
        folder = self.folder / name
        if not isinstance(entry, list) or len(entry) != 2 or entry[1] is None or not folder.is_dir():
            raise WeightsError(f"The weights in {self.folder} lack the component {name}; download them again")
        if entry[1] not in class_names:
            raise WeightsError(
                f"The component {name} in {self.folder} is a {entry[1]}, needed is a"
                f" {' or '.join(class_names)}; choose other weights"
            )
        return folder


def has_layout(folder: Path) -> bool:
    """Whether a folder claims to be of this layout."""
    return (folder / INDEX_FILE).is_file()


def read_layout(folder: Path, pipelines: Collection[str]) -> Layout:
    """Open a folder that holds one of these pipelines.

    Raises:
        WeightsError: when it is no such folder.
    """
    if not has_layout(folder):
        raise WeightsError(f"The folder {folder} has no {INDEX_FILE}; choose the folder that holds it")
    layout = Layout(folder, read_config(folder, INDEX_FILE))
    name = layout.index.get("_class_name")
    if name not in pipelines:
        raise WeightsError(
            f"The weights in {folder} are those of a {name}, needed is a {' or '.join(pipelines)};"
            " choose other weights"
        )
    return layout


def read_config(folder: Path, file: str = CONFIG_FILE) -> dict[str, Json]:
    """A configuration file.

    Raises:
        WeightsError: when it is missing or no JSON object.
    """
    path = folder / file
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"The weights file {path} is missing; download the weights again") from error
    except ValueError as error:
        raise WeightsError(f"The weights file {path} is damaged; download the weights again") from error
    if not isinstance(values, dict):
        raise WeightsError(f"The weights file {path} is no JSON object; download the weights again")
    return values


def tensor_files(folder: Path) -> list[Path]:
    """The safetensors of a component: one file, or the shards that its index lists.

    Raises:
        WeightsError: when there are none, or only pickles.
    """
    for variant in _VARIANTS:
        for stem in _STEMS:
            name = f"{stem}{variant}.safetensors"
            index = folder / f"{stem}.safetensors.index{variant}.json"
            if (folder / name).is_file():
                return [folder / name]
            if index.is_file():
                return _shards(index)
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLES)
    if pickles:
        raise WeightsError(
            f"{folder / pickles[0]} is a pickle, which could run code; get the weights as safetensors"
        )
    raise WeightsError(f"The weights folder {folder} has no safetensors; download the weights again")


def _shards(index: Path) -> list[Path]:
    names = read_config(index.parent, index.name).get("weight_map")
    files = sorted({str(name) for name in names.values()}) if isinstance(names, dict) else []
    for name in files:
        if Path(name).name != name or not (index.parent / name).is_file():
            raise WeightsError(f"The weights file {index.parent / name} is missing; download them again")
    return [index.parent / name for name in files]


def load_component(
    net_class: type[NetT],
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> NetT:
    """Build a network from its configuration and its tensors, ready for inference.

    Raises:
        WeightsError: when the configuration is that of another class, or a tensor is missing, unknown or
            of another shape.
    """
    net = build_empty(net_class, read_config(folder), folder)
    fill(net, tensor_files(folder), name=str(folder), device=device, dtype=dtype)
    return net.eval().requires_grad_(False)


def build_empty(net_class: type[NetT], config: Mapping[str, Json], folder: Path) -> NetT:
    """A network without memory for its tensors (on torch's device `meta`).

    Raises:
        WeightsError: when the configuration is that of another class or of none.
    """
    named = config.get("_class_name") or config.get("architectures")
    found = named[0] if isinstance(named, list) and named else named
    if found and found != net_class.__name__:
        raise WeightsError(
            f"The weights in {folder} are those of a {found}, needed is a {net_class.__name__};"
            " choose other weights"
        )
    try:
        with torch.device("meta"):
            return _maker(net_class)(dict(config))
    except NONSENSE as error:
        raise WeightsError(
            f"The configuration in {folder} describes no {net_class.__name__} ({first_line(error)});"
            " choose other weights"
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, for a sentence of ours."""
    return " ".join(str(error).split("\n")[0].split())[:200]


def _maker(net_class: type[NetT]) -> Callable[[dict[str, Json]], NetT]:
    if issubclass(net_class, ConfigMixin):
        return net_class.from_config  # pyright: ignore[reportReturnType] - or with unused settings, if asked
    if issubclass(net_class, PreTrainedModel):
        config_class = net_class.config_class
        if config_class is None:
            raise TypeError(f"{net_class.__name__} has no configuration")
        return lambda config: net_class(config_class.from_dict(config))
    return lambda config: net_class(**config)


def fill(
    net: nn.Module, files: Sequence[Path], *, name: str, device: torch.device | str, dtype: torch.dtype
) -> None:
    """Give a network of `build_empty` its tensors.

    Raises:
        WeightsError: naming the first tensor that is missing, unknown or of another shape.
    """
    wanted = {key: tensor.shape for key, tensor in net.state_dict().items()}
    check_tensors({key: tuple(shape) for key, shape in wanted.items()}, stored_shapes(files), name=name)
    state: dict[str, Tensor] = {}
    for key, tensor in _tensors(files):
        own = own_name(key, wanted)
        if own is not None:
            state[own] = tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)
    net.load_state_dict(state, strict=True, assign=True)
    for key, buffer in list(net.named_buffers()):
        if buffer.is_meta:
            _count(net, key, buffer, device)


def _count(net: nn.Module, key: str, buffer: Tensor, device: torch.device | str) -> None:
    """Make the one kind of buffer that is not stored: counting numbers."""
    owner, _, attribute = key.rpartition(".")
    if attribute != _POSITION_IDS:
        raise TypeError(f"the buffer {key} is neither stored nor known")
    numbers = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
    net.get_submodule(owner).register_buffer(attribute, numbers, persistent=False)


def own_name(key: str, wanted: Collection[str]) -> str | None:
    """What this version calls a stored tensor, or None when it knows no such tensor."""
    if key in wanted:
        return key
    for old, new in _RENAMED:
        key = key.replace(old, new)
    return key if key in wanted else None


def check_tensors(
    wanted: Mapping[str, tuple[int, ...]], stored: Mapping[str, tuple[int, ...]], *, name: str
) -> None:
    """Compare names and shapes of tensors.

    Raises:
        WeightsError: naming the first tensor that is missing, unknown or of another shape.
    """
    found = {own_name(key, wanted) or key: shape for key, shape in stored.items()}
    for key in sorted(wanted.keys() ^ found.keys()):
        if key in wanted:
            raise WeightsError(f"The weights in {name} lack the tensor {key}; download them again")
        if not key.endswith(_POSITION_IDS):
            raise WeightsError(f"The weights in {name} have an unknown tensor {key}; choose other weights")
    for key, shape in wanted.items():
        if found[key] != shape:
            raise WeightsError(
                f"The tensor {key} in {name} has shape {found[key]}, expected {shape}; choose other weights"
            )


def stored_shapes(files: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in files, by name; reads their headers only.

    Raises:
        WeightsError: when a file is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        with _opened(file) as handle:
            shapes |= {key: tuple(handle.get_slice(key).get_shape()) for key in handle.keys()}  # noqa: SIM118
    return shapes


def _tensors(files: Sequence[Path]) -> Iterator[tuple[str, Tensor]]:
    for file in files:
        with _opened(file) as handle:
            for key in handle.keys():  # noqa: SIM118 - it is no mapping
                yield key, handle.get_tensor(key)


def _opened(file: Path) -> safe_open:
    try:
        return safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The weights file {file} is damaged; download the weights again") from error
