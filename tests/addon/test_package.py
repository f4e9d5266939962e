"""The extension as a user has it: one zip, installed in an empty Blender, and the real backend behind it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builder import extension
from tests.addon.extension import client, launch, protocol

pytestmark = pytest.mark.blender

SCRIPT = Path(__file__).with_name("installed.py")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The zip that `build.py zip` makes; Blender's own tool has validated it."""
    return extension.package(tmp_path_factory.mktemp("dist"))


def test_the_zip_installs_generates_upgrades_and_leaves_nothing(archive, make_python, picture, tmp_path):
    command = [
        sys.executable,
        str(SCRIPT),
        str(archive),
        str(make_python("works")),
        str(picture),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts == {
        "enabled": True,
        "made": "toy car",
        "is_packed": True,
        "made_after_upgrade": "toy car.001",
        "left": [],
        "written": [],
    }


def test_the_real_backend_speaks_the_same_protocol(tmp_path, picture):
    """A job whose weights do not exist ends in the backend's own sentence, and the process goes on."""
    real = client.Client()
    real.start(launch.Launch(python=Path(sys.executable), data_root=tmp_path / "data"))
    request = protocol.Request(image=str(picture), weights=str(tmp_path / "none"), device=protocol.Device.CPU)
    real.submit(protocol.Submit(job="a", folder=str(tmp_path / "a"), request=request))
    events = []
    while not any(isinstance(event, protocol.Failed | protocol.Done) for event in events):
        events += real.poll()
    log = real.log_path.read_text()
    assert [type(event) for event in events[:2]] == [protocol.Hello, protocol.Ready], log
    ends = [event for event in events if isinstance(event, protocol.Failed | protocol.Done)]
    assert [(end.TYPE, getattr(end, "code", "")) for end in ends] == [("failed", "weights")], ends
    assert real.state is client.State.IDLE
    real.stop()
    assert real.state is client.State.STOPPED
