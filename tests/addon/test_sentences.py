"""Every sentence of the installer is known to the add-on, and comes out in the artist's language."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from backend import packages
from backend.install import maintenance, model_actions, testing, work
from backend.install.options import Options
from tests.addon.extension import PACKAGE, ROOT, addon

pytestmark = pytest.mark.blender

sentences = importlib.import_module(f"{PACKAGE}.addon.installer.sentences")

BACKEND = ROOT / "backend"
SOURCES = (
    *sorted((BACKEND / "install").glob("*.py")),
    *(BACKEND / name for name in ("packages.py", "storage.py", "downloads.py", "models/store.py")),
)
ERRORS = {"InstallError", "StorageError", "NetworkError", "ConfigError", "WeightsError", "Cancelled"}
KNOWN = {re.sub(r"{\w+}", "{}", text) for text in (*sentences.SENTENCES, *sentences.FAULTS)}


def template(node: ast.expr) -> str | None:
    """The text of a string, with {} for whatever is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in values)
        case _:
            return None


def said(path: Path) -> set[str]:
    """What a module says to people: messages of its errors, texts of its ends, and titles of its steps."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ERRORS:
            found |= {template(argument) for argument in node.args[:1]}
        elif node.func.id in ("Choice", "Installed", "Failed"):
            found |= {template(word.value) for word in node.keywords if word.arg in ("text", "message")}
    return {text for text in found if text}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_the_installer_says_is_known(path):
    assert sorted(said(path) - KNOWN) == []


def test_steps_and_sentences_of_tables_are_known():
    options = Options(root=Path(), is_repair=True)
    titles = {*work.titles(options), maintenance.REMOVING, maintenance.MOVING, *model_actions.TITLES.values()}
    assert titles <= set(sentences.STEPS)
    faults = {sentence for _, _, sentence in packages._FAULTS} | {text for _, text in testing._IMPORT_FAULTS}
    assert faults <= set(sentences.FAULTS)
    assert work.NO_CARD in sentences.SENTENCES


@pytest.fixture
def german(monkeypatch):
    """Texts as Blender gives them out in German."""
    table = addon.registry.LANGUAGES["de_DE"]
    monkeypatch.setattr(sentences, "tr", lambda text, **values: table.get(text, text).format(**values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Computing on NVIDIA GeForce RTX 4090", "Rechnet auf NVIDIA GeForce RTX 4090"),
        ("Computing on the Apple chip", "Rechnet auf dem Apple-Chip"),
        (
            "Computing on the processor: no NVIDIA card is here. "
            "No Python of its own could be had, so it builds on Blender's",
            "Rechnet auf dem Prozessor: hier ist keine NVIDIA-Karte. "
            "Ein eigenes Python war nicht zu bekommen, daher auf dem von Blender",
        ),
        (
            "There are 1.5 GB free at /a {b}, but 4.0 GB are needed; "
            "free some space or choose another data folder in the preferences",
            "Bei /a {b} sind 1.5 GB frei, gebraucht werden 4.0 GB; "
            "Platz schaffen oder in den Einstellungen einen anderen Datenordner wählen",
        ),
        (
            "There is no Python 3.11 to build on and none could be downloaded; "
            "connect to the internet, or install Python 3.11 and try again",
            "Es gibt kein Python 3.11, und keins war zu laden; "
            "mit dem Internet verbinden oder Python 3.11 installieren und noch einmal versuchen",
        ),
        ("Something that nobody wrote down", "Something that nobody wrote down"),
    ],
)
def test_a_sentence_comes_out_in_german(german, text, expected):
    assert sentences.translated(text) == expected


def test_without_a_language_a_sentence_stays_as_it_is():
    text = "There are 1.5 GB free at /a {b}, but 4.0 GB are needed; choose another folder"
    assert sentences.translated(text) == text


@pytest.mark.parametrize("locale", ["de_DE", "zh_HANS"])
def test_every_sentence_is_translated(locale):
    wanted = {*sentences.STEPS, *sentences.SENTENCES, *sentences.FAULTS}
    assert sorted(wanted - set(addon.registry.LANGUAGES[locale])) == []
