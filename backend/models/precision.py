"""The precision that networks run in."""

import torch


def half_precision(device: torch.device) -> torch.autocast:
    """Mixed precision where it is faster; bfloat16, in which the networks were trained, where it exists."""
    is_cuda = device.type == "cuda"
    dtype = torch.bfloat16 if not is_cuda or torch.cuda.is_bf16_supported() else torch.float16
    return torch.autocast(device.type, dtype=dtype, enabled=is_cuda)
