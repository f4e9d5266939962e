"""Reference attention: what one pass of a network saw joins the keys and values of another pass.

The network runs once on the reference picture and records the tokens that enter each self-attention;
then it runs on the canvas, where each self-attention also looks at its recorded tokens (Zero123++,
2310.15110, section 2.1). Cross-attention takes no part.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError

FUSED_DEVICES = ("cuda", "cpu")
"""Where torch computes attention without the matrix of all pairs."""
MAX_SCORES = 2**27
"""Entries of that matrix at once elsewhere."""


@dataclass(kw_only=True, slots=True)
class ReferenceBank:
    """The tokens that entered each self-attention, by the layer's name."""

    mode: Literal["record", "attend"]
    tokens: dict[str, Float[Tensor, "b t c"]] = field(default_factory=dict)

    def joined(self, name: str, own: Float[Tensor, "b t c"]) -> Float[Tensor, "b s c"]:
        """The tokens that layer `name` attends to in this pass."""
        if self.mode == "record":
            self.tokens[name] = own
            return own
        return torch.cat([own, self.tokens[name]], dim=1)


class TokenAttention:
    """An attention processor; with a `name` it is a self-attention that takes part in the reference bank.

    Not a module: diffusers reads the names of a processor's arguments off its `__call__`.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        bank: ReferenceBank | None = None,
    ) -> Tensor:
        """Attention of (b, t, c) tokens, called by diffusers' transformer blocks."""
        if attention_mask is not None:
            raise ConfigError("reference attention takes no attention mask")
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if bank is not None and self.name is not None:
            seen = bank.joined(self.name, seen)
        # By name: diffusers annotates layers that every self- and cross-attention has as optional.
        to_key, to_value, project = (attn.get_submodule(name) for name in ("to_k", "to_v", "to_out.0"))
        query, key, value = (
            rearrange(tokens, "b t (n c) -> b n t c", n=attn.heads)
            for tokens in (attn.to_q(hidden_states), to_key(seen), to_value(seen))
        )
        return project(rearrange(attention(query, key, value), "b n t c -> b t (n c)"))


def attention(
    query: Float[Tensor, "b n t c"], key: Float[Tensor, "b n s c"], value: Float[Tensor, "b n s c"]
) -> Float[Tensor, "b n t c"]:
    """Attention whose matrix never takes much memory.

    Devices without a kernel that avoids the matrix (Apple's) get the queries in slices; a whole canvas of
    Zero123++ would take 2.6 GB there.
    """
    if query.device.type in FUSED_DEVICES:
        return F.scaled_dot_product_attention(query, key, value)
    samples, heads, tokens, _ = query.shape
    step = max(1, MAX_SCORES // (samples * heads * key.shape[2]))
    parts = [query[:, :, start : start + step] for start in range(0, tokens, step)]
    return torch.cat([F.scaled_dot_product_attention(part, key, value) for part in parts], dim=2)


def install_reference_attention(unet: UNet2DConditionModel) -> None:
    """Let every self-attention of `unet` (each `attn1`) take part in the reference bank."""
    for name, module in unet.named_modules():
        if isinstance(module, Attention):
            # diffusers lists its own processors; any callable of this signature will do.
            processor = TokenAttention(name if name.endswith("attn1") else None)
            module.set_processor(processor)  # pyright: ignore[reportArgumentType]
