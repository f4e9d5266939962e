"""The dictionaries: nothing that the code does not say, and the same places to fill."""

import string

import pytest

from tests.addon.extension import ROOT
from tests.addon.msgids import msgids

pytestmark = pytest.mark.blender

KNOWN = msgids(ROOT / "addon")


def languages():
    from tests.addon.extension import addon

    return addon.registry.LANGUAGES


@pytest.mark.parametrize("locale", ["de_DE", "zh_HANS", "zh_CN"])
def test_every_text_of_a_dictionary_is_in_the_code(locale):
    assert sorted(set(languages()[locale]) - KNOWN) == []


@pytest.mark.parametrize("locale", ["de_DE", "zh_HANS"])
def test_a_translation_fills_the_same_places(locale):
    def places(text):
        return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)

    wrong = [text for text, other in languages()[locale].items() if places(text) != places(other)]
    assert wrong == []


def test_the_languages_say_the_same():
    texts = languages()
    assert set(texts["de_DE"]) == set(texts["zh_HANS"])
    assert all(all(table.values()) for table in texts.values())
