"""From an artist's words to a prompt whose picture can become an object: one, whole, centred, on plain white.

After Zero123++'s text example (method.md 6): a full-body picture of a single object, isolated on white.
"""

from dataclasses import dataclass

_WRAPPED = (
    "a single {words}, the whole object in the frame and centred, three-quarter view from slightly above, "
    "isolated on a plain white background, soft even studio light, highly detailed"
)
_UNWANTED = (
    "several objects, cropped, out of frame, close-up, busy background, scenery, floor, table, "
    "strong shadow, text, watermark, frame, collage, low quality, blurry"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a text-to-image model is told.

    Attributes:
        unwanted: What shall not be seen, for models with guidance.
    """

    prompt: str
    unwanted: str


def wrapped(words: str) -> Wording:
    """The prompt around an artist's words; their line breaks, outer blanks and last full stop go."""
    plain = " ".join(words.split()).rstrip(".")
    for article in ("a ", "an ", "the ", "one "):
        if plain.lower().startswith(article):
            plain = plain[len(article) :]
            break
    return Wording(_WRAPPED.format(words=plain), _UNWANTED)
