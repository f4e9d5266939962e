"""Frame gaps and ticks while re-rolled views come back to a sheet that an Image Editor shows.

An animation plays in the view. A first job makes the sheet, then one view after the other is re-rolled.
Writes gaps between two drawings of the view in milliseconds, with a re-roll coming in and without, the
ticks that brought it in and what was not as it must be; ends by `REROLL done`. Run after `prepare.py` with a
picture in the panel and `tests/addon/fake_rework.py` as the backend.
"""

# Our operators and the parts of a 3D view are known to a running Blender only.
# pyright: reportAttributeAccessIssue=false

import statistics
import sys
import time

import bpy
import numpy as np

STILL_S, FPS, NUM_TILES = 3.0, 60, 6


def module(name):
    """A module of the add-on, whatever the repository it was installed in is called."""
    return sys.modules[next(key for key in sys.modules if key.endswith(f".addon.{name}"))]


ticking, jobs, views_sheet = module("ticking"), module("jobs"), module("views_sheet")
views_editing = module("views_editing")
usual_tick = ticking.tick

gaps: dict[str, list[float]] = {"nothing comes in": [], "a view comes in": []}
ticks: list[tuple[float, float]] = []
counts: list[int] = []
state = {"last": 0.0, "until": time.perf_counter() + STILL_S, "tile": 0, "before": None, "was_coming": False}


def tell(text):
    """Write a line."""
    sys.stdout.write(f"REROLL {text}\n")
    sys.stdout.flush()


def is_coming():
    """A re-rolled view is on its way into its sheet."""
    return state["tile"] > 0 and any(job.wants_import and not job.is_open for job in jobs.recent())


def tick():
    """Our timer's work, with a stopwatch."""
    was_coming = is_coming()
    begin, cpu = time.perf_counter(), time.thread_time()
    try:
        return usual_tick()
    finally:
        if was_coming:
            ticks.append((1000 * (time.perf_counter() - begin), 1000 * (time.thread_time() - cpu)))


def drawn():
    """Note when the view was drawn; the first gap after the end is still that of the new sheet."""
    now = time.perf_counter()
    if state["last"]:
        is_now = is_coming()
        kind = "a view comes in" if is_now or state["was_coming"] else "nothing comes in"
        state["was_coming"] = is_now
        gaps[kind].append(1000 * (now - state["last"]))
    state["last"] = now


def sheet_pixels():
    """The sheet as it is now, which takes longer than a tick: only while nothing is measured."""
    return views_sheet.pixels_of(views_editing.sheet_of(bpy.context))


def changed_tiles(before, after):
    """Numbers of the views that differ."""
    pairs = [(n, views_sheet.tile(before, n), views_sheet.tile(after, n)) for n in range(1, NUM_TILES + 1)]
    return [number for number, one, other in pairs if not np.array_equal(one, other)]


def go_on():
    """Do the next thing when the last one has ended."""
    now = time.perf_counter()
    if now < state["until"] or any(job.is_open or job.wants_import for job in jobs.recent()):
        return 0.2
    if state["tile"]:
        changed = changed_tiles(state["before"], sheet_pixels())
        if changed != [state["tile"]]:
            tell(f"WRONG: view {state['tile']} was re-rolled, {changed} have changed")
        counts.append(len(ticks) - sum(counts))
    if state["tile"] == NUM_TILES:
        finish()
        return None
    if not state["tile"]:
        bpy.ops.one2345.open_views()
    state["tile"] += 1
    state["before"] = sheet_pixels()
    bpy.ops.one2345.reroll_tiles(tiles=[n == state["tile"] for n in range(1, NUM_TILES + 1)])
    state["until"], state["last"] = now + STILL_S, 0.0
    return 0.2


def finish():
    """Say what was measured."""
    bpy.ops.screen.animation_cancel(restore_frame=True)
    bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
    ticking.tick = usual_tick
    tell(f"sheet of {tuple(views_editing.sheet_of(bpy.context).size)} pixels")
    for name, values in gaps.items():
        middle, longest = statistics.median(values), max(values)
        tell(f"{name}: {len(values)} gaps, median {middle:.1f}, longest {longest:.1f} ms")
    for name, index in (("wall", 0), ("processor", 1)):
        values = [item[index] for item in ticks]
        middle, longest = (
            statistics.median(values),
            ", ".join(f"{value:.2f}" for value in sorted(values)[-3:]),
        )
        tell(f"{len(values)} ticks, {name}: median {middle:.2f}, longest {longest} ms")
    tell(f"ticks of each view: {counts}")
    tell("done")


ticking.tick = tick
for area in bpy.context.window.screen.areas:
    if area.type == "PROPERTIES":
        area.type = "IMAGE_EDITOR"
    if area.type == "VIEW_3D":
        area.spaces.active.shading.type = "WIREFRAME"
        area.spaces.active.overlay.show_overlays = False
bpy.context.scene.render.fps = FPS
bpy.context.scene.sync_mode = "NONE"
handler = bpy.types.SpaceView3D.draw_handler_add(drawn, (), "WINDOW", "POST_PIXEL")
bpy.ops.one2345.generate()
bpy.ops.screen.animation_play()
bpy.app.timers.register(go_on, first_interval=0.2)
