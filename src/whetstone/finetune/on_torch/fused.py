"""A linear layer and its LoRA as one autograd function: fewer passes over memory than PEFT's chain of modules."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch.nn.functional import linear

_ADAPTER = "default"


class _LoraLinear(torch.autograd.Function):
    """y = x Wᵀ + bias + s (x Aᵀ) Bᵀ with W and bias frozen; x (tokens, in), A (rank, in), B (out, rank).

    The products are computed in x's number format, as autocast does; A, B and their gradients stay in fp32.
    """

    @staticmethod
    def forward(context: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float) -> Any:
        low = (x @ a.to(x.dtype).t()).mul_(scale)
        y = linear(x, weight, bias)
        y.addmm_(low, b.to(x.dtype).t())
        context.save_for_backward(x, low, weight, a, b)
        context.scale = scale
        return y

    @staticmethod
    def backward(context: Any, upstream: Any) -> Any:
        x, low, weight, a, b = context.saved_tensors
        low_upstream = (upstream @ b.to(x.dtype)).mul_(context.scale)
        slope_b = (upstream.t() @ low).to(b.dtype)
        slope_a = (low_upstream.t() @ x).to(a.dtype)
        slope_x = None
        if context.needs_input_grad[0]:
            slope_x = upstream @ weight
            slope_x.addmm_(low_upstream, a.to(x.dtype))
        return slope_x, None, None, slope_a, slope_b, None


def fuse(model: Any) -> int:
    """Let each plain LoRA layer of the PEFT `model` run as one function; how many there are.

    Layers with dropout, DoRA or quantized weights stay PEFT's.
    """
    count = 0
    for module in model.modules():
        if _plain(module):
            module.forward = _forward_of(module)
            count += 1
    return count


def _plain(module: Any) -> bool:
    return (
        type(module) is Linear
        and type(module.get_base_layer()) is torch.nn.Linear
        and not module.lora_variant
        and not module.fan_in_fan_out
        and list(module.lora_A) == [_ADAPTER]
        and type(module.lora_dropout[_ADAPTER]) is torch.nn.Identity
        and module.lora_B[_ADAPTER].bias is None
    )


def _forward_of(module: Any) -> Any:
    base, a, b = module.get_base_layer(), module.lora_A[_ADAPTER].weight, module.lora_B[_ADAPTER].weight
    scale = float(module.scaling[_ADAPTER])

    def forward(x: Any) -> Any:
        if module.disable_adapters or module.merged:
            return base(x)
        flat = x.reshape(-1, x.shape[-1])
        return _LoraLinear.apply(flat, base.weight, base.bias, a, b, scale).view(*x.shape[:-1], -1)

    return forward
