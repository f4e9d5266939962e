"""Data classes as JSON and back: strict in names, presence and types.

Standard library only, and imported by relative names, because Blender reads it too (`protocol`).
"""

import json
import math
import types
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeVar, Union, get_args, get_origin

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
    """What a JSON document may hold."""
else:
    # Checks at run time cannot follow a type that names itself.
    Json = None | bool | int | float | str | list | dict


class ProtocolError(ValueError):
    """A message, or a file in a message's form, that breaks the rules of `protocol`."""

    code: ClassVar[str] = "protocol"


def to_data(value: object) -> dict[str, Json]:
    """A data class as JSON data; a message's `type` is not among its fields."""
    return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]


Record = TypeVar("Record")


def from_data(cls: type[Record], data: object) -> Record:
    """Build a data class from JSON data.

    Raises:
        ProtocolError: a name is unknown, a value is missing or of another type.
    """
    if not isinstance(data, dict):
        raise ProtocolError(f"{cls.__name__} must be an object, got {brief(data)}")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(map(str, set(data) - set(known))):
        raise ProtocolError(f"{cls.__name__} has no field {brief(unknown[0])}")
    required = {name for name, f in known.items() if f.default is MISSING}
    if missing := sorted(required - set(data)):
        raise ProtocolError(f"{cls.__name__} needs the field {missing[0]!r}")
    values = {name: _checked(item, known[name].type, f"{cls.__name__}.{name}") for name, item in data.items()}
    return cls(**values)


def parse_json(text: str | bytes) -> Json:
    """Parse strictly: no NaN, no doubled keys, no endless nesting."""
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {error}") from error


def _plain(value: object) -> Json:
    """Dataclasses and enums as JSON values."""
    if is_dataclass(value):
        return to_data(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value  # type: ignore[return-value]  # json.dumps is the judge of what is left


def _checked(value: object, kind: object, where: str) -> object:
    """`value` as the field type `kind`, or ProtocolError."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (kind,) = (arg for arg in args if arg is not type(None))
        return _checked(value, kind, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list, got {brief(value)}")
        return tuple(_checked(item, args[0], where) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object, got {brief(value)}")
        return value
    if isinstance(kind, type) and is_dataclass(kind):
        return from_data(kind, value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in set(kind):
            choices = ", ".join(kind)
            raise ProtocolError(f"{where} must be one of {choices}; got {brief(value)}")
        return kind(value)
    return _checked_scalar(value, kind, where)


def _checked_scalar(value: object, kind: object, where: str) -> object:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise ProtocolError(f"{where} is too large") from error
    if type(value) is not kind:
        name = getattr(kind, "__name__", kind)
        raise ProtocolError(f"{where} must be {name}, got {brief(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ProtocolError(f"{where} must be finite")
    return value


def brief(value: object) -> str:
    """A value as it is shown in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse_constant(text: str) -> Json:
    raise ProtocolError(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError(f"{brief(text)} is too large")
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ProtocolError("an object has the same key twice")
    return data
