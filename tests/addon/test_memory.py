"""Not enough memory on the graphics card: the button says so, and what can be done about it."""

import time
from dataclasses import replace

import bpy
import pytest

from tests.addon.extension import (
    client,
    downloadable,
    jobs,
    memory,
    panel,
    panel_settings,
    protocol,
    readiness,
    ticking,
    timings,
)
from tests.addon.test_panel import choose_picture, drawn, poll_until, texts

pytestmark = pytest.mark.blender

Preset = protocol.Preset
CARD = "A card"
MIB = 1 << 20
MEASURED = downloadable.memory_mib(protocol.Engine.ONE2345_PLUS, "starter")["gpu"]


@pytest.fixture
def backend(enabled, make_python, session):
    """A backend that is idle, and a picture, so that nothing but memory can be missing."""
    choose_picture(enabled, make_python)
    bpy.ops.one2345.start_backend()
    poll_until(lambda: session.client.state is client.State.IDLE)
    return session.client


def tell(backend, free_mib, *, held_mib=0, device=protocol.Device.CUDA, total_mib=8192):
    """As if the backend had said so."""
    backend.ready = protocol.Ready(
        device=device,
        device_name=CARD,
        free_bytes=int(free_mib * MIB),
        total_bytes=total_mib * MIB,
        held_bytes=held_mib * MIB,
    )


def learn(preset, mib, tmp_path):
    timings.record(
        tmp_path / "data",
        device=CARD,
        kind=timings.Kind(preset=preset),
        seconds=dict.fromkeys(protocol.Stage, 1.0),
        memory_mib=mib,
    )


def cure():
    problem = readiness.problem(bpy.context)
    return problem.cure if problem else None


def test_a_card_without_room_turns_the_button_off_and_says_why(backend):
    tell(backend, MEASURED - 100)
    calls = drawn(panel.ONE2345_PT_generate)
    assert ("enabled", False) in calls
    said = " ".join(text for kind, text in calls if kind == "label" and isinstance(text, str))
    needed, free = f"{MEASURED / 1024:.1f}", f"{(MEASURED - 100) / 1024:.1f}"
    assert f"Standard takes {needed} GiB of GPU memory, {free} are free" in said


def test_where_a_lower_quality_fits_it_is_offered(backend, tmp_path):
    for preset, mib in ((Preset.DRAFT, 500), (Preset.STANDARD, 1000), (Preset.HIGH, 4000)):
        learn(preset, mib, tmp_path)
    bpy.context.scene.one2345.preset = "HIGH"
    tell(backend, 2000)
    assert ("operator", "one2345.choose_quality") in drawn(panel.ONE2345_PT_generate)
    assert readiness.missing_memory(bpy.context).fitting is Preset.STANDARD
    bpy.ops.one2345.choose_quality(preset="STANDARD")
    assert cure() is None
    tell(backend, 700)
    assert readiness.missing_memory(bpy.context).fitting is Preset.DRAFT


def test_where_nothing_fits_memory_can_be_freed(backend):
    tell(backend, 100)
    calls = drawn(panel.ONE2345_PT_generate)
    assert ("operator", "one2345.choose_quality") not in calls
    assert ("operator", "one2345.stop_backend") in calls
    bpy.ops.one2345.stop_backend()
    assert cure() is None  # what is free then, the next start tells


def test_a_job_that_runs_is_not_ended_for_its_memory(backend, picture, make_launch):
    jobs.submit(lambda folder: picture, jobs.Settings(), title="toy", launch=make_launch("works"))
    tell(backend, 100)
    assert cure() == readiness.MEMORY
    assert ("operator", "one2345.stop_backend") not in drawn(panel.ONE2345_PT_generate)


def test_what_the_backend_itself_holds_counts_as_free(backend):
    tell(backend, MEASURED - 500, held_mib=400)
    assert cure() == readiness.MEMORY
    tell(backend, MEASURED - 500, held_mib=600)
    assert cure() is None


@pytest.mark.parametrize(
    "change",
    [
        lambda backend, preferences: tell(backend, 1, device=protocol.Device.CPU),
        lambda backend, preferences: setattr(preferences, "device", "CPU"),
        lambda backend, preferences: tell(backend, 0, total_mib=0),
        lambda backend, preferences: setattr(backend, "ready", None),
        lambda backend, preferences: backend.stop(),
    ],
    ids=["on a processor", "a processor was chosen", "not told", "not ready", "stopped"],
)
def test_where_it_is_not_the_cards_memory_or_not_known_nothing_is_refused(backend, enabled, change):
    tell(backend, 1)
    assert cure() == readiness.MEMORY
    change(backend, enabled)
    assert cure() is None


def test_weights_that_were_never_measured_are_not_refused(backend):
    bpy.context.scene.one2345.weights = downloadable.FOLDER
    bpy.context.scene.one2345.weights_folder = "/some/folder"
    tell(backend, 1)
    assert cure() is None


def test_a_picture_is_missed_before_memory(backend):
    bpy.context.scene.one2345.image = None
    tell(backend, 1)
    assert cure() == readiness.PICTURE


def test_an_unknown_quality_is_refused(enabled):
    with pytest.raises(RuntimeError, match="There is no quality 'BEST'"):
        bpy.ops.one2345.choose_quality(preset="BEST")


@pytest.fixture
def clock(monkeypatch):
    """Time that goes by when told to."""
    now = [time.monotonic()]
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    return now


def test_free_memory_is_asked_again_while_somebody_looks(backend, session, clock, monkeypatch):
    monkeypatch.setattr(memory, "_looked_at", float("-inf"))
    sent = []
    monkeypatch.setattr(backend, "ask_memory", lambda: sent.append(clock[0]))
    ticking.tick()
    assert sent == []
    drawn(panel_settings.ONE2345_PT_backend)
    ticking.tick()
    clock[0] += memory.WANTED_S + 1
    ticking.tick()
    assert len(sent) == 1


def test_the_answer_is_shown_without_a_job(backend, session):
    assert "3.0 of 4.0 GiB free" in texts(panel_settings.ONE2345_PT_backend)
    backend.ask_memory()
    poll_until(lambda: backend.ready.free_bytes == 1 << 30)
    assert "1.0 of 4.0 GiB free" in texts(panel_settings.ONE2345_PT_backend)


def test_it_is_asked_no_more_often_than_every_few_seconds_and_only_when_idle(backend, session, clock):
    sent = []
    channel = backend._channel
    channel.send = lambda message: sent.append(message.TYPE)
    for _ in range(3):
        backend.ask_memory()
    clock[0] += client.MEMORY_S
    backend.ask_memory()
    backend.state = client.State.BUSY
    clock[0] += client.MEMORY_S
    backend.ask_memory()
    assert sent == ["ask_memory"] * 2
    backend.state = client.State.IDLE
    del channel.send


def test_a_tick_that_asks_takes_no_time(backend, session, monkeypatch):
    monkeypatch.setattr(client, "MEMORY_S", 0.0)
    longest = 0.0
    for _ in range(50):
        drawn(panel_settings.ONE2345_PT_backend)
        begun = time.thread_time()
        ticking.tick()
        longest = max(longest, time.thread_time() - begun)
    assert longest < client.POLL_BUDGET_S


def test_the_panel_is_drawn_anew_when_memory_has_changed(backend, session, monkeypatch):
    drawings = []
    monkeypatch.setattr(ticking, "redraw", lambda **kinds: drawings.append(kinds))
    ticking.tick()
    drawings.clear()
    ticking.tick()
    assert drawings == []

    def poll():
        backend.ready = replace(backend.ready, free_bytes=1)
        return []

    monkeypatch.setattr(jobs, "poll", poll)
    ticking.tick()
    assert drawings == [{}]
