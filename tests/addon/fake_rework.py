"""A stand-in for the backend that goes on from what lies in a job's folder, as the real one does.

    python fake_rework.py ASSETS [whatever the add-on passes]

What is missing is copied from the folder ASSETS, of re-rolled views the whole sheet. Standard library only.
"""

import json
import shutil
import sys
from pathlib import Path

from fake_backend import STAGES, hello, next_command, ready, send


def run_job(submit, assets):
    job, folder, request = submit["job"], Path(submit["folder"]), submit["request"]
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "seen.json").write_text(json.dumps(sorted(path.name for path in folder.iterdir())))
    if request["edited"]:
        shutil.copyfile(assets / "textured.glb", folder / "retextured.glb")
        send("done", job=job, paths=[str(folder / "retextured.glb")], report={})
        return
    stages = list(STAGES)
    for stage in stages[: stages.index(request["stop_after"]) + 1]:
        for name in STAGES[stage]:
            is_rolled = stage == "views" and request["reroll"]
            if (assets / name).exists() and (is_rolled or not (folder / name).exists()):
                shutil.copyfile(assets / name, folder / name)
        for number in request["reroll"] if stage == "views" else ():
            shutil.copyfile(assets / f"rerolled-{number}.npy", folder / f"rerolled-{number}.npy")
        send("stage_done", job=job, stage=stage, paths=[], seconds=0.25, reused=False)
    shutil.copyfile(assets / "report.json", folder / "report.json")
    report = json.loads((assets / "report.json").read_text())
    send("done", job=job, paths=[], report=report)


if __name__ == "__main__":
    hello()
    ready()
    while True:
        run_job(next_command("submit"), Path(sys.argv[1]))
