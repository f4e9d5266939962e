"""A stand-in for `python -m backend worker` that behaves as told: well, or badly in one way.

    python fake_backend.py BEHAVIOUR GLB [--pace SECONDS] [--assets FOLDER] [whatever the add-on passes]

It writes its messages by hand, so that it is also a second opinion on the protocol. Standard library only.
"""

import argparse
import json
import os
import shutil
import signal
import struct
import sys
import time
import zlib
from pathlib import Path

STAGES = {
    "matte": ["matte.png"],
    "views": ["views.png"],
    "occupancy": ["occupancy.npz"],
    "shape": ["shape.npz"],
    "mesh": ["mesh.glb"],
    "texture": ["textured.glb", "field.safetensors"],
}
STEPS = 4
FLOOD = 20_000


def send(kind, **values):
    line = json.dumps({"type": kind, **values}).encode() + b"\n"
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def raw(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def hello(*, protocol=1, backend="0.1.0"):
    send("hello", protocol=protocol, backend=backend, pid=os.getpid())


def ready(*, free_gib=3):
    send("ready", device="cpu", device_name="Fake device", free_bytes=free_gib << 30, total_bytes=4 << 30)


def commands():
    for line in sys.stdin:
        yield json.loads(line)


def awaited(kinds):
    """The next command of these kinds; whoever asks for memory on the way is told that it has become less."""
    for command in commands():
        if command["type"] == "ask_memory":
            ready(free_gib=1)
        elif command["type"] in kinds:
            return command
    return None


def next_command(kind):
    command = awaited((kind, "shutdown"))
    if command is None or command["type"] == "shutdown":
        sys.exit(0)
    return command


def report(request):
    return {
        "request": request,
        "weights": {"name": "starter", "licence": "Apache-2.0", "sha256": {}},
        "stages": {stage: {"origin": "made", "peak_process_mib": 1536.0} for stage in STAGES},
        "seconds": 1.5,
    }


def progress(job, stage, step):
    send("progress", job=job, stage=stage, step=step, total=STEPS, preview=None)


def png(shade):
    """A grey picture of one pixel."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def draw(submit, *, pace, assets):
    """Pictures from words."""
    job, folder, count = submit["job"], Path(submit["folder"]), submit["request"]["text"]["candidates"]
    paths = []
    for number in range(1, count + 1):
        path = folder / f"candidate-{number}.png"
        drawn = assets / path.name if assets else None
        path.write_bytes(drawn.read_bytes() if drawn and drawn.exists() else png(10 * number))
        send("progress", job=job, stage="matte", step=number, total=count, preview=str(path))
        paths.append(str(path))
        time.sleep(pace)
    send("done", job=job, paths=paths, report={"text": {"prompt": submit["request"]["text"]["prompt"]}})


def run_job(submit, glb, *, pace=0.0, assets=None, at_step=lambda stage, step: None):
    if (submit["request"].get("text") or {}).get("candidates"):
        draw(submit, pace=pace, assets=assets)
        return
    job, folder = submit["job"], Path(submit["folder"])
    paths = []
    stages = list(STAGES)
    for stage in stages[: stages.index(submit["request"].get("stop_after", "texture")) + 1]:
        names = STAGES[stage]
        begun = time.monotonic()
        for step in range(STEPS + 1):
            progress(job, stage, step)
            at_step(stage, step)
            time.sleep(pace)
        for name in names:
            shutil.copyfile(assets / name if assets else glb, folder / name)
        paths = [str(folder / name) for name in names]
        seconds = time.monotonic() - begun if pace else 0.25
        send("stage_done", job=job, stage=stage, paths=paths, seconds=seconds, reused=False)
    if assets:
        shutil.copyfile(assets / "thumbnail.png", folder / "thumbnail.png")
    (folder / "report.json").write_text(json.dumps(report(submit["request"])))
    send("done", job=job, paths=paths, report=report(submit["request"]))


def works(options):
    hello()
    ready()

    def hold(stage, step):
        while (stage, step) == (options.hold, STEPS // 2):
            time.sleep(1.0)

    while True:
        submit = next_command("submit")
        run_job(submit, options.glb, pace=options.pace, assets=options.assets, at_step=hold)
        ready(free_gib=2)


def slow_start(options):
    """Ready only after a job was submitted."""
    hello()
    submit = next_command("submit")
    ready()
    run_job(submit, options.glb)
    next_command("submit")


def noisy(options):
    """Prints where only messages belong, in one case beyond any length."""
    raw(b"Warning: something\n\xff\xfe\x00\n{}\n[1]\n")
    hello()
    raw(b'{"type":"progress","job":"nobody"}\n' + b"x" * (3 << 20) + b"\n")
    ready()
    run_job(next_command("submit"), options.glb, at_step=lambda stage, step: raw(b"noise\n"))
    next_command("submit")


def dies(options):
    """Ends in the middle of a stage with a traceback on stderr."""
    hello()
    ready()

    def die(stage, step):
        if (stage, step) == ("occupancy", 2):
            sys.stderr.write("Traceback (most recent call last):\nValueError: broken on purpose\n")
            sys.stderr.flush()
            os._exit(3)

    run_job(next_command("submit"), options.glb, at_step=die)


def is_killed(options):
    """Killed as a system without memory does."""
    hello()
    ready()
    run_job(next_command("submit"), options.glb, at_step=lambda *_: os.kill(os.getpid(), signal.SIGKILL))


def lacks_torch(options):
    """Ends before the first message, as a broken environment does."""
    sys.stderr.write("ModuleNotFoundError: No module named 'torch'\n")
    sys.exit(1)


def fails(options):
    """Refuses every job."""
    hello()
    ready()
    while True:
        job = next_command("submit")["job"]
        send(
            "failed",
            job=job,
            code="nothing_found",
            message="The picture shows no object.",
            action="Try another.",
        )


def fails_on_odd_seeds(options):
    """Refuses every other picture."""
    hello()
    ready()
    while True:
        submit = next_command("submit")
        if submit["request"]["seed"] % 2:
            send("failed", job=submit["job"], code="nothing_found", message="No object.", action="")
        else:
            run_job(submit, options.glb, pace=options.pace)


def cannot_work(options):
    """Says that the process as a whole is of no use."""
    hello()
    send("failed", job=None, code="device", message="There is no CUDA device.", action="Choose the CPU.")
    signal.pause()


def waits(options):
    """Begins a job, then does nothing until it is cancelled; answers for queued jobs as well."""
    hello()
    ready()
    while True:
        job = next_command("submit")["job"]
        progress(job, "views", 1)
        send("cancelled", job=next_command("cancel")["job"])


def ignores_cancel(options):
    """Begins a job and never reads again."""
    hello()
    ready()
    progress(next_command("submit")["job"], "views", 1)
    while True:
        signal.pause()


def ignores_all(options):
    """Ignores even the signal to terminate."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ignores_cancel(options)


def floods(options):
    """Sends far more than a poll can take."""
    hello()
    ready()
    submit = next_command("submit")
    for step in range(FLOOD):
        send("progress", job=submit["job"], stage="views", step=step, total=FLOOD, preview=None)
    run_job(submit, options.glb)
    next_command("submit")


def swamps(options):
    """Sends a hundred megabytes in one line, then works."""
    hello()
    ready()
    submit = next_command("submit")
    for _ in range(100):
        raw(b"x" * 1_000_000)
    raw(b"\n")
    run_job(submit, options.glb)
    next_command("submit")


def leaves(options):
    """Does its work, says more than a poll can take, and is gone."""
    hello()
    ready()
    submit = next_command("submit")
    for step in range(FLOOD):
        progress(submit["job"], "views", step % STEPS)
    send("done", job=submit["job"], paths=[], report=report(submit["request"]))


def halves(options):
    """Sends a message in two pieces, the second after a command; ends within another."""
    hello()
    ready()
    submit = next_command("submit")
    line = json.dumps(
        {"type": "progress", "job": submit["job"], "stage": "views", "step": 1, "total": 4}
    ).encode()
    raw(line[:20])
    next_command("cancel")
    raw(line[20:] + b"\n" + line[:30])
    os._exit(0)


def other_version(options):
    """Speaks another version."""
    hello(protocol=2, backend="9.9.9")
    ready()
    signal.pause()


BEHAVIOURS = {
    function.__name__: function
    for function in (
        works,
        slow_start,
        noisy,
        dies,
        is_killed,
        lacks_torch,
        fails,
        fails_on_odd_seeds,
        cannot_work,
        waits,
        ignores_cancel,
        ignores_all,
        floods,
        leaves,
        swamps,
        halves,
        other_version,
    )
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("behaviour", choices=BEHAVIOURS)
    parser.add_argument("glb", type=Path)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--hold", choices=STAGES, help="stay in the middle of this stage, to be looked at")
    parser.add_argument("--assets", type=Path, help="the folder of a real job, whose files are copied")
    options, _ = parser.parse_known_args()
    BEHAVIOURS[options.behaviour](options)


if __name__ == "__main__":
    main()
