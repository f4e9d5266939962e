"""The probe of a new environment tells of what does not load, whatever it raises."""

import pytest

from backend.install import probe, testing


@pytest.fixture
def modules(monkeypatch, tmp_path):
    """Says which modules are asked for; one of them breaks when it is loaded."""
    (tmp_path / "one2345_broken.py").write_text("raise OSError('a library is missing')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda *names: monkeypatch.setattr(probe, "MODULES", names)


def test_modules_that_break_are_told_by_name(modules):
    modules("json", "one2345_broken", "one2345_absent")
    assert probe.failures() == {
        "one2345_broken": "OSError: a library is missing",
        "one2345_absent": "ModuleNotFoundError: No module named 'one2345_absent'",
    }


def test_torch_computes_only_where_everything_loads(modules, monkeypatch):
    def fail():
        raise ArithmeticError("wrong")

    monkeypatch.setattr(probe, "compute", fail)
    modules("json")
    assert probe.failures() == {"torch": "ArithmeticError: wrong"}
    modules("one2345_absent")
    assert "torch" not in probe.failures()


def test_torch_computes_here():
    probe.compute()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('{"faults": {}, "device": "cuda"}', ({}, "cuda")),
        ('{"faults": {"torch": "OSError: x"}, "device": ""}', ({"torch": "OSError: x"}, "")),
        ("Segmentation fault", ({"python": "Segmentation fault"}, "")),
        ("[]", ({"python": "[]"}, "")),
        ('{"faults": 3, "device": "cpu"}', ({"python": '{"faults": 3, "device": "cpu"}'}, "")),
    ],
)
def test_what_the_probe_says_is_read_and_anything_else_is_a_fault(line, answer):
    assert testing.read_answer(line) == answer
