"""Every message there is, and everything that is none: property-based (hypothesis)."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend import installation, lines, protocol, records
from backend.install.reporter import parse_size
from backend.protocol import ProtocolError

QUICK = settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def spec(cls, **fields):
    """What builds a message. The test builds it: type checks at run time draw random numbers, which
    hypothesis does not allow while it makes examples."""
    return st.tuples(st.just(cls), st.fixed_dictionaries(fields))


def build(made):
    """The message of a specification, and those in it."""
    cls, fields = made
    return cls(**{name: build(value) if is_spec(value) else value for name, value in fields.items()})


def is_spec(value):
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], type)


texts = st.text(max_size=40)
numbers = st.integers(0, protocol.MAX_SEED)
seconds = st.floats(0, 1e9, allow_nan=False)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
paths = st.lists(texts, max_size=3).map(tuple)
stages = st.sampled_from(protocol.Stage)
requests = spec(
    protocol.Request,
    image=st.none() | texts,
    mask=st.none() | texts,
    seed=numbers,
    preset=st.sampled_from(protocol.Preset),
    faces=st.none() | st.integers(100, 1_000_000),
    texture_px=st.none() | st.integers(64, 8192),
    weights=texts,
    rig=st.none() | texts,
    device=st.sampled_from(protocol.Device),
    keep_uvs=st.booleans(),
)
commands = st.one_of(
    spec(protocol.Submit, job=texts, folder=texts, request=requests),
    spec(protocol.Cancel, job=texts),
    spec(protocol.AskMemory),
    spec(protocol.Shutdown),
)
failures = spec(protocol.Failed, job=st.none() | texts, code=texts, message=texts, action=texts)
cancellations = spec(protocol.Cancelled, job=texts)
events = st.one_of(
    spec(protocol.Hello, protocol=numbers, backend=texts, pid=numbers),
    spec(
        protocol.Ready,
        device=st.sampled_from(protocol.Device),
        device_name=texts,
        free_bytes=numbers,
        total_bytes=numbers,
        held_bytes=numbers,
    ),
    spec(protocol.Progress, job=texts, stage=stages, step=numbers, total=numbers, preview=st.none() | texts),
    spec(protocol.StageDone, job=texts, stage=stages, paths=paths, seconds=seconds, reused=st.booleans()),
    spec(protocol.Done, job=texts, paths=paths, report=st.dictionaries(texts, json_values, max_size=4)),
    spec(protocol.Log, level=texts, message=texts, job=st.none() | texts),
    failures,
    cancellations,
)
steps = spec(
    installation.Step, title=texts, number=numbers, count=numbers, done=numbers, total=numbers, text=texts
)
install_events = st.one_of(
    steps,
    spec(installation.Installed, text=texts, seconds=seconds),
    spec(installation.Damaged, problems=paths),
    failures,
    cancellations,
)


@QUICK
@given(commands)
def test_every_command_comes_back_as_it_was(made):
    message = build(made)
    assert protocol.decode_command(lines.encode(message)) == message


@QUICK
@given(events)
def test_every_event_comes_back_as_it_was(made):
    message = build(made)
    assert protocol.decode_event(lines.encode(message)) == message


@QUICK
@given(install_events)
def test_every_word_of_the_installer_comes_back_as_it_was(made):
    message = build(made)
    assert installation.decode_event(lines.encode(message)) == message


@pytest.mark.parametrize(
    "decode", [protocol.decode_command, protocol.decode_event, installation.decode_event], ids=range(3)
)
@QUICK
@given(data=st.one_of(st.binary(max_size=200), json_values.map(lambda value: json.dumps(value).encode())))
def test_what_is_no_message_is_a_protocol_error(decode, data):
    with pytest.raises(ProtocolError):
        decode(data)


@QUICK
@given(made=events, key=texts, value=json_values)
def test_a_message_with_one_wrong_field_is_refused_or_another_whole_message(made, key, value):
    """Whatever is accepted can be written again."""
    data = json.loads(lines.encode(build(made)))
    names = sorted(data)
    data[names[len(key) % len(names)]] = value
    try:
        found = protocol.decode_event(json.dumps(data).encode())
    except ProtocolError:
        return
    assert protocol.decode_event(lines.encode(found)) == found


@QUICK
@given(made=events, name=texts)
def test_an_unknown_field_is_refused(made, name):
    data = json.loads(lines.encode(build(made)))
    assume(name not in data)
    with pytest.raises(ProtocolError):
        protocol.decode_event(json.dumps(data | {name: 1}).encode())


@QUICK
@given(
    texts=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    size=st.integers(1, 40),
)
def test_lines_come_out_whole_however_they_are_cut(texts, size):
    data = b"".join(line + b"\n" for line in texts)
    buffer = lines.LineBuffer()
    found = [line for at in range(0, len(data), size) for line in buffer.feed(data[at : at + size])]
    assert found == texts


def test_a_line_without_end_is_refused_and_what_follows_is_read():
    buffer = lines.LineBuffer()
    buffer.feed(b"x" * lines.MAX_LINE_BYTES)
    with pytest.raises(ProtocolError):
        buffer.feed(b"x")
    buffer.feed(b"\n")
    assert buffer.feed(b"{}\n") == [b"{}"]


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "NaN", "[Infinity]", "1e999", "[" * 100_000, '"\\ud800'])
def test_json_that_others_accept_is_refused(text):
    with pytest.raises(ProtocolError):
        records.parse_json(text)


@QUICK
@given(st.text(max_size=20))
def test_any_text_has_a_size(text):
    assert parse_size(text) >= 0


@pytest.mark.parametrize(
    ("text", "size"), [("(13.1MiB)", 13_736_345), ("(2.0KiB)", 2048), ("(7B)", 7), ("()", 0)]
)
def test_sizes_as_uv_writes_them(text, size):
    assert parse_size(text) == size
