"""Files of weights: safetensors with the network's configuration in the metadata.

Large tensors are stored as 8-bit integers with one scale an output channel (symmetric, round to
nearest), the rest as float16, so that the starter set stays small enough to travel with the code.
A network larger than one file is split into shards `NAME-00001-of-00002.safetensors`.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.errors import ConfigError, WeightsError

QUANTIZED_SUFFIX, SCALE_SUFFIX = "::int8", "::scale"
MIN_QUANTIZED_ELEMENTS = 4096
MAX_SHARD_BYTES = 14 * 2**20
_BLOCK = 2**22


ConfigT = TypeVar("ConfigT")
NetT = TypeVar("NetT", bound=nn.Module)


def config_to_json(config: object) -> str:
    """Serialise a configuration dataclass (nested ones too)."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)  # pyright: ignore[reportArgumentType]


def config_from_dict(cls: type[ConfigT], values: Mapping[str, object]) -> ConfigT:
    """Rebuild a configuration dataclass; nested dataclasses and tuples come back as such.

    Raises:
        ConfigError: on unknown keys or values that the dataclass refuses.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigError(f"{cls.__name__} has no setting {', '.join(unknown)}; use weights of this version")
    built = {}
    for name, value in values.items():
        kind = fields[name].type
        if isinstance(value, Mapping) and isinstance(kind, type) and dataclasses.is_dataclass(kind):
            built[name] = config_from_dict(kind, value)
        else:
            built[name] = _tuples(value)
    return cls(**built)


def _tuples(value: object) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def quantize(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Round to 8 bits with one scale for each slice along the first axis.

    Returns:
        int8 values of the same shape and float32 scales of shape (first axis,).
    """
    flat = tensor.detach().float().flatten(1)
    scale = flat.abs().amax(1).clamp_min(1e-12) / 127
    return (flat / scale[:, None]).round().to(torch.int8).reshape(tensor.shape), scale


def dequantize(values: Tensor, scale: Tensor) -> Tensor:
    """Float32 tensor that `quantize` stored."""
    return values.float() * scale.reshape(-1, *[1] * (values.dim() - 1))


def save_weights(
    state: nn.Module | Mapping[str, Tensor],
    folder: Path,
    name: str,
    *,
    config: object,
    quantized: bool = True,
) -> list[Path]:
    """Write a network's weights as `folder/name.safetensors` or as shards of it.

    Earlier files of the same name are replaced only after the new ones are complete.

    Returns:
        The files written, in order.
    """
    tensors = state.state_dict() if isinstance(state, nn.Module) else state
    stored = _stored_tensors(tensors, quantized=quantized)
    shards = list(_shards(stored))
    metadata = {"config": config_to_json(config), "format": "one2345"}
    folder.mkdir(parents=True, exist_ok=True)
    names = (
        [f"{name}.safetensors"]
        if len(shards) == 1
        else [f"{name}-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    )
    for file, shard in zip(names, shards, strict=True):
        save_file(shard, folder / f"{file}.part", metadata=metadata)
    for old in weight_files(folder, name, missing_ok=True):
        old.unlink()
    for file in names:
        (folder / f"{file}.part").rename(folder / file)
    return [folder / file for file in names]


def _stored_tensors(tensors: Mapping[str, Tensor], *, quantized: bool) -> dict[str, Tensor]:
    stored = {}
    for key, tensor in sorted(tensors.items()):
        value = tensor.detach().cpu()
        if quantized and value.dim() >= 2 and value.numel() >= MIN_QUANTIZED_ELEMENTS:
            integers, scale = quantize(value)
            stored[key + QUANTIZED_SUFFIX] = integers.contiguous()
            stored[key + SCALE_SUFFIX] = scale
        else:
            stored[key] = (value.half() if value.is_floating_point() else value).contiguous()
    return stored


def _shards(tensors: Mapping[str, Tensor]) -> Iterable[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for key, tensor in tensors.items():
        if shard and size + tensor.nbytes > MAX_SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[key] = tensor
        size += tensor.nbytes
    yield shard


def weight_files(folder: Path, name: str, *, missing_ok: bool = False) -> list[Path]:
    """The file or the complete row of shards that holds network `name`.

    Raises:
        WeightsError: when there is none, or a shard is missing.
    """
    single = folder / f"{name}.safetensors"
    shards = sorted(folder.glob(f"{name}-*-of-*.safetensors"))
    if missing_ok:
        return [*([single] if single.exists() else []), *shards]
    if single.exists() and not shards:
        return [single]
    if shards and not single.exists() and len(shards) == int(shards[0].stem.rsplit("-", 1)[1]):
        return shards
    raise WeightsError(
        f"The weights folder {folder} has no complete file {single.name}; restore it or choose another set"
    )


def read_weights(folder: Path, name: str) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Read a network's configuration and its float32 state from a weights folder.

    Raises:
        WeightsError: when a file is missing or cannot be read.
    """
    config: dict[str, object] = {}
    stored: dict[str, Tensor] = {}
    for file in weight_files(folder, name):
        try:
            with safe_open(file, framework="pt") as handle:
                config = json.loads(handle.metadata()["config"])
                stored.update({key: handle.get_tensor(key) for key in handle.keys()})  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise WeightsError(f"The weights file {file.name} is damaged; restore it ({error})") from error
    return config, _restored(stored)


def _restored(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    restored = {}
    for key, value in stored.items():
        if key.endswith(QUANTIZED_SUFFIX):
            plain = key.removesuffix(QUANTIZED_SUFFIX)
            if plain + SCALE_SUFFIX not in stored:
                raise WeightsError(f"The weights tensor {plain} has no scale; restore the file")
            restored[plain] = dequantize(value, stored[plain + SCALE_SUFFIX])
        elif not key.endswith(SCALE_SUFFIX):
            restored[key] = value.float() if value.is_floating_point() else value
    return restored


def load_state(net: nn.Module, state: Mapping[str, Tensor], *, name: str) -> None:
    """Copy `state` into `net`; every name and shape must agree.

    Raises:
        WeightsError: naming the first tensor that is missing, unknown or of another shape.
    """
    own = net.state_dict()
    for key in sorted(own.keys() ^ state.keys()):
        problem = "lack" if key in own else "have an unknown"
        raise WeightsError(f"The {name} weights {problem} tensor {key}; use weights made for this version")
    for key, tensor in own.items():
        if tensor.shape != state[key].shape:
            found, wanted = tuple(state[key].shape), tuple(tensor.shape)
            raise WeightsError(f"The {name} weights' tensor {key} has shape {found}, expected {wanted}")
    net.load_state_dict(cast("dict[str, Tensor]", state), strict=True)


def load_network(
    net_class: type[NetT],
    config_class: type[ConfigT],
    folder: Path,
    name: str,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> NetT:
    """Build network `name` from its stored configuration and weights, ready for inference.

    Raises:
        WeightsError: when a file or a tensor is missing, damaged or of the wrong shape.
    """
    values, state = read_weights(folder, name)
    try:
        net = net_class(config_from_dict(config_class, values))
    except (ConfigError, TypeError) as error:
        raise WeightsError(f"The {name} weights do not fit this version: {error}") from error
    load_state(net, state, name=name)
    return net.to(device=device, dtype=dtype).eval().requires_grad_(False)


def checksum(files: Iterable[Path]) -> str:
    """SHA-256 over the bytes of `files`, in the given order; read again only when a file has changed."""
    listed = tuple(files)
    stats = [file.stat() for file in listed]
    return _checksum(listed, tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@lru_cache(maxsize=64)
def _checksum(files: tuple[Path, ...], _state: tuple[tuple[int, int], ...]) -> str:
    """`_state` stands for the bytes, which may be gigabytes."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
