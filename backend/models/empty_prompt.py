"""The embedding of the prompt "", which is the only one that Zero123++ was trained with.

It is the same for every picture, so it is computed once and kept as a small file: the text encoder, 340
million parameters, need not stay in memory nor be read again.
"""

import hashlib
import logging
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from transformers import CLIPTextModel

from backend.errors import StorageError, WeightsError
from backend.models.component_layout import load_component, read_config, tensor_files
from backend.models.weights import checksum
from backend.protocol import Json
from backend.storage import write_whole

log = logging.getLogger(__name__)

_KEY = "embedding"


def empty_prompt(
    text_encoder: Path, tokenizer: Path, *, kept_in: Path | None = None
) -> Float[Tensor, "1 t e"]:
    """The embedding, in float32 on the CPU.

    Args:
        text_encoder: Folder of a `CLIPTextModel`.
        tokenizer: Folder of its `CLIPTokenizer`.
        kept_in: Folder of the embeddings that were computed before, by checksum; None keeps nothing.

    Raises:
        WeightsError: when a file is missing or damaged.
    """
    ids = empty_prompt_ids(tokenizer, length=_positions(text_encoder))
    place = None if kept_in is None else kept_in / f"{_checksum(text_encoder, ids)}.safetensors"
    if place is not None and place.is_file():
        try:
            return load_file(place)[_KEY]
        except (SafetensorError, OSError, KeyError) as error:
            log.warning("the embedding %s is damaged and made anew: %s", place, error)
    with torch.inference_mode():
        embedding = load_component(CLIPTextModel, text_encoder)(ids).last_hidden_state
    if place is not None:
        _keep(embedding, place)
    return embedding


def empty_prompt_ids(tokenizer: Path, *, length: int) -> Int[Tensor, "1 t"]:
    """What the tokenizer makes of "": begin, end and padding."""
    vocabulary = read_config(tokenizer, "vocab.json")
    special = read_config(tokenizer, "tokenizer_config.json")
    if (tokenizer / "special_tokens_map.json").is_file():
        special |= read_config(tokenizer, "special_tokens_map.json")
    try:
        begin, end, pad = (
            int(str(vocabulary[_text(special[name])])) for name in ("bos_token", "eos_token", "pad_token")
        )
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"The tokenizer in {tokenizer} lacks the token {error}; download the weights again"
        ) from error
    return torch.tensor([[begin, end] + [pad] * (length - 2)])


def _text(token: Json) -> str:
    """A token, which the file may describe at length."""
    return str(token["content"] if isinstance(token, dict) else token)


def _positions(text_encoder: Path) -> int:
    length = read_config(text_encoder).get("max_position_embeddings", 77)
    if not isinstance(length, int) or length < 2:
        raise WeightsError(
            f"The configuration in {text_encoder} has {length} positions; choose other weights"
        )
    return length


def _checksum(text_encoder: Path, ids: Int[Tensor, "1 t"]) -> str:
    parts = (checksum(tensor_files(text_encoder)), str(read_config(text_encoder)), str(ids.tolist()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _keep(embedding: Float[Tensor, "1 t e"], place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, save({_KEY: embedding.contiguous()}))
    except (StorageError, OSError) as error:
        log.warning("the embedding of the empty prompt is not kept: %s", error)
