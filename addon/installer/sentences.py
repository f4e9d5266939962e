"""What the installer says, in the artist's language.

The installer is a process that knows no languages: it says English sentences with names and numbers in them.
Each is known here with places for those, so that a dictionary can hold it; one that is not, stays English.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from ..texts import tr

STEPS = (
    "Looking at this computer",
    "Checking what is there",
    "Preparing Python",
    "Asking for the packages",
    "Installing the packages",
    "Loading the packages",
    "Fetching the models",
    "Making a small mesh",
    "Finishing",
    "Removing",
    "Moving",
    "Downloading the model",
    "Checking the model",
    "Checking the models",
    "Removing the model",
    "Copying the model",
    "unpacking",
)
"""Titles of steps, and what else is said while one goes on."""

SENTENCES = (
    "Computing on the Apple chip",
    "Computing on the processor: no NVIDIA card is here",
    "Computing on {card}",
    "Computing with the build {build}",
    "{card} is too old for today's packages: computing on the processor",
    "The driver of {card} is version {driver}: computing on the processor. "
    "Install driver {wanted} or newer, then click Repair",
    "This version has no packages for {card} on this system: computing on the processor",
    "The packages do not reach the graphics card: computing on the processor. "
    "Install the newest driver, then click Repair",
    "{sentence}. No Python of its own could be had, so it builds on Blender's",
    "{sentence}. No Python of its own could be had, so it builds on this computer's",
    "Removed: {parts}",
    "Moved to {path}",
    "{model}: all files are as they should be",
    "{model} removed, {size} MB freed",
    "{model} imported",
    "{model}: {count} files fetched",
    "{model} was there already",
    "Stopped; what was downloaded is kept",
    "Everything is as it should be",
)
"""How work ends well."""

FAULTS = (
    "One2345 runs on Linux and Windows (x64) and on Apple chips, not on {machine}",
    "One2345 needs macOS {LEAST_MACOS} or newer, and this Mac has {version}",
    "This version has no list of packages {name}; choose another build of torch",
    "This folder is for {other}, but this is {system}; choose another folder",
    "There are {free} GB free at {path}, but {needed} GB are needed; "
    "free some space or choose another data folder in the preferences",
    "There are {free} GB free at {path}, but {needed} GB are needed; choose another folder",
    "The data folder {path} cannot be made ({reason}); choose another in the preferences",
    "The data folder {path} has a path of {count} characters; "
    "choose one of at most {limit} in the preferences",
    "There is no Python {version} to build on and none could be downloaded; "
    "connect to the internet, or install Python {version} and try again",
    "The package {name} does not load ({reason}); click Repair, and report this if that does not help",
    "Windows lacks Microsoft's Visual C++ runtime; install 'Visual C++ Redistributable x64', "
    "then click Repair",
    "The graphics driver is too old for the packages; install the newest driver and click Repair",
    "This system lacks a library that the packages need; the log names it. Install it and click Repair",
    "The test failed ({reason}); click Repair, and report this if that does not help",
    "The disk is full; free some space and click Install again, it goes on where it stopped",
    "A downloaded package is not the file it should be; click Install again, only that one is fetched",
    "Another program, most likely the antivirus, holds a file; allow the data folder there and click Repair",
    "The data folder cannot be written; choose another in the add-on preferences",
    "The connection broke off or a server does not answer; click Install again, what is there is kept",
    "A package is not where it should be; check the network or choose another folder, then try again",
    "The packages could not be installed (uv ended with {code}: {reason}); the log tells more",
    "This zip brings no installer; take the zip that is made for this system",
    "{name} cannot be started ({reason}); click Repair",
    "The extension's installer is damaged; install the extension again",
    "The package of {name} holds no {file}; report this",
    "{path} and {other} must not lie in each other; choose another folder",
    "{path} is not empty; choose an empty folder",
    "{files} of {model} must be downloaded again",
    "There is no folder to import from; name one with --from",
    "There is no part {name}; choose from {others}",
    "There is no model {name}; choose {others}",
    "The table of models is damaged ({reason}); install the extension again",
    "{model} is under {licence}, which does not allow every use; "
    "read it, then download with --accept-licence",
    "{file} is not the file it should be; download it again",
    "{file} is not in that folder; choose another folder",
    "{file} in that folder is not the file it should be; choose another folder",
    "{file} has no address that can be fetched; report this",
    "The download of {file} broke off; try again, it goes on where it stopped",
    "{file} is not the file it should be; try again or report this",
    "The download of {file} broke off at {done} of {size} bytes; try again",
    "The server cannot give {file} now ({code}); try again later",
    "The server of {file} does not answer; check the network, try again",
    "The server has no {file} ({code}); report this",
    "{path} is a folder; name a file to write",
    "There is no folder {path}; make it or choose another place",
    "{path} is write-protected; choose another place",
    "The disk is full: {path} cannot be written; free some space and run the job again",
    "{path} cannot be written ({reason}); choose another place",
    "An unexpected fault ({reason}); the log tells more",
    "Nothing is installed in {path}; click Install",
    "The environment is gone or was never finished; click Repair",
    "The packages are those of another version of One2345; click Update",
    "The package {name} is damaged; click Repair",
    "{file} of {model} is missing or damaged; click Repair",
    "{file} of {model} is missing or damaged; download it again",
    "{file} of {model} is missing or damaged; install the extension again",
)
"""How it ends otherwise."""

_SENTENCE = "sentence"
"""A place that holds a sentence of its own."""


def translated(text: str) -> str:
    """A sentence of the installer in the artist's language; one that is not known, as it is."""
    for template, pattern in _patterns((*SENTENCES, *FAULTS)):
        if found := pattern.fullmatch(text):
            values = found.groupdict()
            if _SENTENCE in values:
                values[_SENTENCE] = translated(values[_SENTENCE])
            return tr(template, **values)
    return tr(text)


@lru_cache(maxsize=1)
def _patterns(templates: Sequence[str]) -> list[tuple[str, re.Pattern[str]]]:
    """What matches each template, those with the most words of their own first."""
    found = sorted(templates, key=lambda text: len(re.sub(r"{\w+}", "", text)), reverse=True)
    return [(text, re.compile(_pattern(text), re.DOTALL)) for text in found]


def _pattern(template: str) -> str:
    """Literal text with a group for each place; a place that comes again must hold the same again."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        is_first = name not in seen
        seen.add(name)
        return f"(?P<{name}>.+)" if is_first else f"(?P={name})"

    return re.sub(r"\\{(\w+)\\}", group, re.escape(template))
