"""Frame gaps that we cause: an animation plays in the view while jobs run, with our timer and without it.

Writes to standard output, for each state, the gaps between two drawings of the view in milliseconds, and the
ticks of our timer. Run after `prepare.py` with a picture in the panel; it takes about a minute and ends by
`FRAMES done`. The view is drawn as wires without overlays, so that the gaps are short.
"""

# Our operators and the parts of a 3D view are known to a running Blender only.
# pyright: reportAttributeAccessIssue=false

import gc
import statistics
import sys
import time

import bpy

PHASE_S, NUM_JOBS, FPS = 4.0, 4, 60
LONG_S = 0.004
ticking = sys.modules[next(name for name in sys.modules if name.endswith(".addon.ticking"))]
overlay = sys.modules[next(name for name in sys.modules if name.endswith(".addon.overlay"))]
jobs = sys.modules[next(name for name in sys.modules if name.endswith(".addon.jobs"))]

gaps: dict[str, list[float]] = {"no job": [], "job, our timer": [], "job, timer off": [], "import": []}
ticks: dict[str, list[tuple[float, float]]] = {}
state = {"phase": "no job", "last": 0.0, "until": time.perf_counter() + 2 * PHASE_S, "imports": 0}
usual_tick = ticking.tick


collections: list[tuple[float, float]] = []


def collected(phase, _facts):
    """Note when Python's garbage collection begins and ends."""
    now = time.perf_counter()
    if phase == "start":
        collections.append((now, now))
    elif collections:
        collections[-1] = (collections[-1][0], now)


def tick():
    """Our timer's work, with a stopwatch."""
    before = overlay.shown()
    kind = "import" if ticking._importing else "plain"
    begin, cpu = time.perf_counter(), time.thread_time()
    try:
        return usual_tick()
    finally:
        took = (time.perf_counter() - begin, time.thread_time() - cpu)
        kind = "coarse shape" if len(overlay.shown()) > len(before) else kind
        ticks.setdefault(kind, []).append(took)
        if took[1] > LONG_S:
            pause = 1000 * sum(end - start for start, end in collections if start > begin)
            tell(f"a tick of {1000 * took[1]:.1f} ms, {pause:.1f} of them Python's garbage collection")


def drawn():
    """Note when the view was drawn."""
    now = time.perf_counter()
    if state["last"]:
        num_imported = sum(bool(job.object_name) for job in jobs.recent())
        is_import = num_imported != state["imports"] or bool(ticking._importing)
        state["imports"] = num_imported
        gaps["import" if is_import else state["phase"]].append(1000 * (now - state["last"]))
    state["last"] = now


def switch():
    """Go to the next state when its time has come."""
    now = time.perf_counter()
    if now < state["until"]:
        return 0.05
    if state["phase"] == "no job":
        for _ in range(NUM_JOBS):
            bpy.ops.one2345.generate()
        state["phase"] = "job, our timer"
        state["last"] = 0.0  # the gap of these four clicks is not the timer's
    elif not any(job.is_open or job.wants_import for job in jobs.recent()):
        finish()
        return None
    elif state["phase"] == "job, our timer":
        bpy.app.timers.unregister(ticking._tick)
        state["phase"] = "job, timer off"
    else:
        ticking.start()
        state["phase"] = "job, our timer"
    state["until"] = now + PHASE_S
    return 0.05


def tell(text):
    """Write a line."""
    sys.stdout.write(f"FRAMES {text}\n")
    sys.stdout.flush()


def finish():
    """Say what was measured."""
    bpy.ops.screen.animation_cancel(restore_frame=True)
    bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
    ticking.tick = usual_tick
    gc.callbacks.remove(collected)
    for name, values in gaps.items():
        ordered = sorted(values) or [0.0]
        p99 = ordered[int(0.99 * (len(ordered) - 1))]
        tell(
            f"{name}: {len(values)} gaps, median {statistics.median(ordered):.1f}, "
            f"99 % {p99:.1f}, longest {ordered[-1]:.1f} ms"
        )
    for kind, taken in ticks.items():
        for name, index in (("wall", 0), ("processor", 1)):
            ordered = sorted(1000 * item[index] for item in taken)
            middle = statistics.median(ordered)
            tell(f"{len(taken)} ticks ({kind}), {name}: median {middle:.2f}, longest {ordered[-1]:.2f} ms")
    tell("done")


ticking.tick = tick
gc.callbacks.append(collected)
for area in bpy.context.window.screen.areas:
    if area.type == "VIEW_3D":
        area.spaces.active.shading.type = "WIREFRAME"
        area.spaces.active.overlay.show_overlays = False
bpy.context.scene.render.fps = FPS
bpy.context.scene.sync_mode = "NONE"
handler = bpy.types.SpaceView3D.draw_handler_add(drawn, (), "WINDOW", "POST_PIXEL")
bpy.ops.screen.animation_play()
bpy.app.timers.register(switch, first_interval=0.05)
