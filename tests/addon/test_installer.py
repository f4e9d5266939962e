"""The installation as the add-on sees it: a child process that works, dawdles, dies or talks nonsense."""

import os
import sys
import time

import bpy
import pytest

from tests.addon.extension import errors, installation, installer_state, launch

Phase = installer_state.Phase

SCRIPTS = {
    "works": """
send(type="step", title="One", number=1, count=2, done=5, total=10)
send(type="step", title="Two", number=2, count=2, done=1, total=2)
send(type="installed", text="All is well", seconds=1.0)
""",
    "fails": 'send(type="failed", job=None, code="network", message="The connection broke off; try again")',
    "finds": 'send(type="damaged", problems=["The package torch is damaged; click Repair"])',
    "dies": 'sys.stderr.write("ModuleNotFoundError: no such thing\\n"); sys.exit(3)',
    "noisy": """
sys.stdout.write("not a message\\n{}\\n[\\n"); sys.stdout.flush()
send(type="installed", text="All is well", seconds=1.0)
""",
    "waits": """
send(type="step", title="One", number=1, count=1)
sys.stdin.buffer.read(1)
send(type="cancelled", job="install")
""",
    "ignores": """
send(type="step", title="One", number=1, count=1)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
send(type="step", title=str(child.pid), number=1, count=1)
time.sleep(60)
""",
}
HEAD = """
import json, subprocess, sys, time
def send(**values):
    sys.stdout.write(json.dumps(values) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Starts an installation whose child is a script; ends it."""
    made = []

    def start(behaviour):
        script = tmp_path / f"{behaviour}.py"
        script.write_text(HEAD + SCRIPTS[behaviour])
        real = installer_state.start_process

        def stand_in(wanted):
            return real(
                launch.Launch(
                    python=wanted.python,
                    data_root=wanted.data_root,
                    arguments=(str(script),),
                    log_name=wanted.log_name,
                )
            )

        monkeypatch.setattr(installer_state, "start_process", stand_in)
        made.append(installer_state.Installation())
        made[-1].run(tmp_path / "data", ["install"])
        monkeypatch.setattr(installer_state, "start_process", real)
        return made[-1]

    yield start
    for item in made:
        item.stop()


def until(item, is_done):
    deadline = time.monotonic() + 20
    while not is_done():
        assert time.monotonic() < deadline, (item.phase, item.message, item.step)
        item.poll()
        time.sleep(0.005)


def test_steps_are_followed_to_the_end(run):
    item = run("works")
    assert item.phase is Phase.WORKING
    until(item, lambda: not item.is_busy)
    assert item.message == "All is well"
    assert item.fraction == 0.75
    assert item.phase is Phase.ABSENT  # nothing lies in that folder


def test_a_failure_stays_until_something_changes(run, tmp_path):
    item = run("fails")
    until(item, lambda: not item.is_busy)
    assert item.phase is Phase.FAILED
    assert item.message == "The connection broke off; try again."
    assert item.look(tmp_path / "data") is Phase.FAILED
    assert item.look(tmp_path / "other") is Phase.ABSENT


def test_what_a_look_finds_wrong_stays_until_something_changes(run, tmp_path):
    item = run("finds")
    until(item, lambda: not item.is_busy)
    assert item.phase is item.look(tmp_path / "data") is Phase.BROKEN
    assert item.problems == ["The package torch is damaged; click Repair."]
    assert item.look(tmp_path / "other") is Phase.ABSENT
    assert item.problems == []


def test_a_death_is_explained_from_the_log(run):
    item = run("dies")
    until(item, lambda: not item.is_busy)
    assert item.phase is Phase.FAILED
    assert "incomplete" in item.message
    assert item.log_path.name.startswith("install-")


def test_noise_does_no_harm(run):
    item = run("noisy")
    until(item, lambda: not item.is_busy)
    assert item.message == "All is well"


def test_a_cancel_is_answered(run):
    item = run("waits")
    until(item, lambda: item.step)
    item.cancel()
    assert item.phase is Phase.STOPPING
    until(item, lambda: not item.is_busy)
    assert item.phase is Phase.ABSENT
    assert "goes on" in item.message


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_installer_that_ignores_a_cancel_is_ended_with_all_it_started(run, monkeypatch):
    monkeypatch.setattr(installer_state, "CANCEL_S", 0.1)
    item = run("ignores")
    until(item, lambda: item.step and item.step.title.isdecimal())
    grandchild = int(item.step.title)
    item.cancel()
    until(item, lambda: not item.is_busy)
    assert item.message == "Stopped."
    deadline = time.monotonic() + 5
    while is_running(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    """A process is there and no zombie."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_two_at_once_are_refused(run, tmp_path):
    item = run("waits")
    with pytest.raises(errors.SetupError, match="works already"):
        item.run(tmp_path / "data", ["install"])


def test_a_poll_never_waits(run):
    item = run("waits")
    until(item, lambda: item.step)
    start = time.perf_counter()
    for _ in range(20):
        item.poll()
    assert time.perf_counter() - start < 0.2


def test_what_lies_in_the_data_folder_decides_the_phase(tmp_path, monkeypatch):
    requirements = tmp_path / "extension" / "requirements"
    requirements.mkdir(parents=True)
    (requirements / "runtime.txt").write_text("a==1")
    monkeypatch.setattr(launch, "EXTENSION_ROOT", tmp_path / "extension")
    item, root = installer_state.Installation(), tmp_path / "data"
    assert item.look(root) is Phase.ABSENT
    launch.fits_this_version.cache_clear()
    state = installation.State(
        environment="a",
        python="bin/python",
        locks=installation.lock_digests(requirements, ["runtime.txt"]),
    )
    python = state.python_in(root)
    python.parent.mkdir(parents=True)
    (root / installation.STATE_FILE).write_bytes(installation.state_data(state))
    assert item.look(root) is Phase.BROKEN
    python.touch()
    (python.parents[1] / installation.COMPLETE_FILE).touch()
    assert item.look(root) is Phase.READY
    (requirements / "runtime.txt").write_text("a==2")
    launch.fits_this_version.cache_clear()
    assert item.look(root) is Phase.OUTDATED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"environment": "../..", "python": "x", "locks": {}}',
        b'{"environment": "a", "python": "../../../bin/sh", "locks": {}}',
        b'{"environment": "a", "python": "/bin/sh", "locks": {}}',
        b'{"environment": "a", "python": "C:\\\\x", "locks": {}}',
        b'{"environment": "a"}',
    ],
)
def test_a_state_file_that_leaves_its_folder_or_is_damaged_counts_as_none(tmp_path, data):
    (tmp_path / installation.STATE_FILE).write_bytes(data)
    assert installation.read_state(tmp_path) is None


@pytest.mark.blender
def test_nothing_is_downloaded_while_blender_is_offline(enabled, monkeypatch):
    assert not bpy.app.online_access
    for operator in (bpy.ops.one2345.install, bpy.ops.one2345.repair):
        with pytest.raises(RuntimeError, match="online access is off"):
            operator()
    with pytest.raises(RuntimeError, match="online access is off"):
        bpy.ops.one2345.download_model(name="u2net")


@pytest.mark.blender
def test_verify_needs_no_network_and_tells_what_is_missing(enabled, tmp_path, request):
    request.addfinalizer(installer_state.INSTALLATION.__init__)
    with pytest.raises(RuntimeError, match=r"Nothing is installed in .*data; click Install"):
        bpy.ops.one2345.verify()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["install.lock", "logs"]


@pytest.mark.blender
def test_a_folder_that_is_no_kit_is_refused(enabled, tmp_path):
    with pytest.raises(RuntimeError, match=r"build\.py offline"):
        bpy.ops.one2345.install_from_folder(directory=str(tmp_path))


@pytest.mark.blender
def test_diagnostics_hold_what_helps_and_no_name_of_the_home(enabled, tmp_path):
    bpy.ops.one2345.save_diagnostics()
    path = next((tmp_path / "data" / "logs").glob("diagnostics-*.txt"))
    text = path.read_text("utf-8")
    assert bpy.app.version_string in text
    assert "protocol" in text
    assert os.path.expanduser("~") + "/" not in text
