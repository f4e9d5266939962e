"""One message is one line of JSON in UTF-8 with a key `type`: writing, cutting and reading such lines.

Standard library only: Blender imports this module too, by a relative import.
"""

import json
from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from .records import ProtocolError, brief, from_data, parse_json, to_data

MAX_LINE_BYTES = 1 << 20
"""Longest message accepted or sent; anything longer belongs into a file."""


@runtime_checkable
class Tagged(Protocol):
    """A message of any kind: a dataclass that knows its own word."""

    TYPE: ClassVar[str]


def encode(message: Tagged) -> bytes:
    """A message as one line of ASCII JSON, ending in a newline."""
    data = {"type": message.TYPE, **to_data(message)}
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"a {message.TYPE} message cannot be written: {error}") from error
    line = text.encode("ascii") + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a {message.TYPE} message of {len(line)} bytes is too long")
    return line


class LineBuffer:
    """Cuts a stream of bytes into lines, for pipes that are read in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Lines completed by `data`, without their newlines; the rest waits for more."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest))) > MAX_LINE_BYTES:
            self._rest = b""
            raise ProtocolError(f"a line is longer than {MAX_LINE_BYTES} bytes")
        return lines


Message = TypeVar("Message")


def decode(line: bytes, classes: Mapping[str, type[Message]]) -> Message:
    """Read a message of one of these classes, which are known by their words.

    Raises:
        ProtocolError: it is none.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a line is longer than {MAX_LINE_BYTES} bytes")
    data = parse_json(line)
    if not isinstance(data, dict):
        raise ProtocolError(f"a message must be an object, got {brief(data)}")
    kind = data.pop("type", None)
    if not isinstance(kind, str) or kind not in classes:
        raise ProtocolError(f"unknown message type {brief(kind)}")
    return from_data(classes[kind], data)
