"""The dictionaries, as Blender wants them. A text without an entry stays English."""

from collections.abc import Mapping

import bpy

from . import chinese, chinese_installer, german, german_installer

_CHINESE = {**chinese.TEXTS, **chinese_installer.TEXTS}

LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "de_DE": {**german.TEXTS, **german_installer.TEXTS},
    "zh_HANS": _CHINESE,
    "zh_CN": _CHINESE,  # as zh_HANS was called
}
CONTEXTS = ("*", "Operator")
"""Where a text may stand: anywhere, or as the label of an operator's button."""


def register(owner: str) -> None:
    """Give Blender the dictionaries."""
    tables = {
        locale: {(context, text): translated for text, translated in texts.items() for context in CONTEXTS}
        for locale, texts in LANGUAGES.items()
    }
    # The keys are pairs, as Blender wants them; its stubs say otherwise.
    bpy.app.translations.register(owner, tables)  # type: ignore[arg-type]


def unregister(owner: str) -> None:
    """Take the dictionaries back."""
    bpy.app.translations.unregister(owner)
