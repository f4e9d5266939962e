"""Files made wrong in the ways that files go wrong: cut, flipped, repeated, stuffed, emptied."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

INTERESTING = (
    b"\x00",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"-1",
    b"1e999",
    b"null",
)
VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 1, 2, 7, 255, 65_536, 2**31, 2**63, -(2**40), 0.5, -0.0, 1e308, "", "x", "../../x"),
    *([], {}, [1], [None], {"x": 1}, "9" * 400, [[[[]]]], "F16", "I64", "SCALAR", "MAT4", 5121, 5126, [0, 8]),
)
WORDS = (b"{}", b"[]", b'""', b"9999999999", b"-1", b"null", b'"../../x"', b"1e400", b"NaN", b"true")


def mutants(data: bytes, *, seed: int, count: int) -> Iterator[bytes]:
    """Broken copies of a file, the same ones for the same seed.

    Every other one is whole in its form, where that form is known (JSON, GLB, safetensors, NPZ), and wrong in
    what it says.
    """
    draw = random.Random(seed)
    for number in range(count):
        if number % 2 and (meant := _restated(data, draw)) is not None:
            yield meant
            continue
        mutant = data
        for _ in range(draw.randint(1, 4)):
            mutant = draw.choice(_WAYS)(mutant, draw)
        yield mutant


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randint(0, len(data))]


def _flip(data: bytes, draw: random.Random) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    # Headers and descriptions stand at the front, and that is where most of the meaning is.
    reach = min(len(data), draw.choice((32, 256, 2048, len(data))))
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(reach)] = draw.randrange(256)
    return bytes(changed)


def _splice(data: bytes, draw: random.Random) -> bytes:
    at = draw.randint(0, min(len(data), 4096))
    piece = draw.choice(INTERESTING)
    return data[:at] + piece + data[at + draw.choice((0, len(piece))) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + data[at : at + draw.randint(0, 4096)] * draw.randint(2, 4) + data[at:]


def _drop(data: bytes, draw: random.Random) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + data[at + draw.randint(1, 256) :]


def _reword(data: bytes, draw: random.Random) -> bytes:
    """Put another value in the place of a number of a JSON text, wherever one stands."""
    places = [
        at for at in range(min(len(data), 20_000) - 1) if data[at] in b":," and data[at + 1] in b" 0123456789"
    ]
    if not places:
        return data
    at = draw.choice(places) + 1
    end = at
    while end < len(data) and data[end] in b" 0123456789.-+eE":
        end += 1
    return data[:at] + draw.choice(WORDS) + data[end:]


def _stuff(data: bytes, draw: random.Random) -> bytes:
    return data + draw.randbytes(draw.randint(1, 2000))


_WAYS = (_cut, _flip, _flip, _flip, _splice, _repeat, _drop, _reword, _reword, _stuff)


def _restated(data: bytes, draw: random.Random) -> bytes | None:
    """The same form with other content; None for a form that is not known."""
    if data[:4] == b"glTF":
        length = struct.unpack_from("<I", data, 12)[0]
        text = _other_json(data[20 : 20 + length], draw)
        text += b" " * (-len(text) % 4)
        rest = data[20 + length :]
        head = struct.pack("<III", 0x46546C67, 2, 20 + len(text) + len(rest))
        return head + struct.pack("<II", len(text), 0x4E4F534A) + text + rest
    if data[8:9] == b"{":
        length = struct.unpack_from("<Q", data)[0]
        text = _other_json(data[8 : 8 + length], draw)
        return struct.pack("<Q", len(text)) + text + data[8 + length :]
    if data[:1] == b"{":
        return _other_json(data, draw)
    return _other_npz(data, draw) if data[:2] == b"PK" else None


def _other_json(data: bytes, draw: random.Random) -> bytes:
    tree = json.loads(data)
    for _ in range(draw.randint(1, 3)):
        tree = _other_tree(tree, draw)
    return json.dumps(tree).encode()


def _other_tree(tree: object, draw: random.Random) -> object:
    """A tree with one place changed; text that holds JSON is gone into."""
    if isinstance(tree, str) and tree[:1] == "{" and draw.random() < 0.9:
        return json.dumps(_other_tree(json.loads(tree), draw))
    if isinstance(tree, dict) and tree and draw.random() < 0.9:
        key = draw.choice(list(tree))
        if draw.random() < 0.1:
            return {name: value for name, value in tree.items() if name != key}
        return {**tree, key: _other_tree(tree[key], draw)}
    if isinstance(tree, list) and tree and draw.random() < 0.9:
        at = draw.randrange(len(tree))
        if draw.random() < 0.2:
            return tree[:at] + tree[at + 1 :] * draw.randint(0, 2)
        return [*tree[:at], _other_tree(tree[at], draw), *tree[at + 1 :]]
    return draw.choice(VALUES)


def _other_npz(data: bytes, draw: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    victim = draw.choice(list(members))
    shape = tuple(draw.choice((0, 1, 2, 3, 8, 64)) for _ in range(draw.randint(0, 3)))
    array = np.full(shape, draw.choice((0, 1, -1, 255, 1e9)), dtype=np.float64)
    with np.errstate(all="ignore"):
        array = array.astype(draw.choice(("u1", "i4", "i8", "f2", "f4", "f8", "?", "U3", "c8", "M8[s]")))
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    members[victim] = buffer.getvalue()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return made.getvalue()
