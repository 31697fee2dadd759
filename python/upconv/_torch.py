"""Networks of PyTorch, which is imported here alone, and only where it is asked for."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    import torch


def from_torch(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | Sequence[torch.Tensor] | None = None,
    dynamic: bool = True,
) -> _core.Exported:
    """The network as upconv runs it: exported by torch.export in eval mode, with the weights that it has now.

    example_inputs: what forward() takes. Where there is none and the first layer says enough (Linear, Embedding,
    Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d), an example is made for it.
    dynamic: whether calls may have another batch, height, width or length than the example, as far as PyTorch can
    export that; False fixes all sizes.

    The module is left as it was. Raises upconv.Error where an operation cannot be run, naming it and the module that
    it is in; TypeError where no example was given and none was found; and what torch.export raises.
    """
    import torch

    if example_inputs is None:
        example_inputs = _example(module)
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    with _evaluating(module), torch.no_grad():
        program = _export(module, inputs, dynamic)
    archive = io.BytesIO()
    torch.export.save(program, archive)
    return _core.load_exported(archive.getvalue())


@contextlib.contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """The module in eval mode, and afterwards each part of it in its own again."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], dynamic: bool) -> Any:
    """As much as can be chosen by calls: the batch and sizes, the batch alone, or nothing."""
    import torch

    # PyTorch takes a size of 1 for one that is fixed.
    examples = tuple(x.expand(2, *x.shape[1:]) if dynamic and x.dim() > 0 and x.shape[0] == 1 else x for x in inputs)
    failure: Exception | None = None
    for shapes in _shapes(examples) if dynamic else []:
        try:
            return torch.export.export(module, examples, dynamic_shapes=shapes)
        except Exception as error:  # torch.export fails by exceptions of many classes
            failure = error
    try:
        return torch.export.export(module, inputs)
    except Exception as error:
        raise error from failure


def _shapes(inputs: tuple[torch.Tensor, ...]) -> Iterator[tuple[dict[int, Any], ...]]:
    from torch.export import Dim

    # A batch by name may be 1, one that PyTorch finds by itself may not; sizes it may find.
    batch = Dim("batch", min=1)
    sizes = [
        {d: Dim.AUTO for d in range(2, x.dim()) if x.shape[d] > 1} if x.is_floating_point() else {} for x in inputs
    ]
    batches = [{0: batch} if x.dim() > 0 else {} for x in inputs]
    if any(sizes):
        yield tuple({**one, **more} for one, more in zip(batches, sizes, strict=True))
    yield tuple(batches)
    yield tuple({0: Dim.AUTO} if x.dim() > 0 else {} for x in inputs)


def _example(module: torch.nn.Module) -> torch.Tensor:
    """An input for the first layer that says what it takes."""
    import torch
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            return torch.zeros(2, 4, dtype=torch.int64)
        if isinstance(layer, nn.Linear):
            return torch.randn(2, layer.in_features)
        if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
            return torch.randn(2, layer.in_channels, *[1] * (layer.weight.dim() - 2))
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            return torch.randn(2, layer.in_channels, *[64] * (layer.weight.dim() - 2))
    raise TypeError(f"from_torch: example_inputs are needed, as no layer of {type(module).__name__} says what it takes")
