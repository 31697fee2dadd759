"""Networks of PyTorch, which is imported here alone, and only where it is asked for."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    import torch


def from_torch(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | Sequence[torch.Tensor] | None = None,
    dynamic: bool = True,
    *,
    ignore_guards: bool = False,
) -> _core.Exported:
    """The network as upconv runs it: exported by torch.export in eval mode, with the weights that it has now.

    example_inputs: what forward() takes. Where there is none and the first layer says enough (Linear, Embedding,
    Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d), an example is made for it.
    dynamic: whether calls may have another batch, height, width or length than the example, as far as PyTorch can
    export that; False fixes all sizes.
    ignore_guards: whether calls run whose sizes torch.export did not allow for. Its guards often ask for more than the
    network needs: compare with PyTorch first.

    The module is left as it was. Raises upconv.Error where an operation cannot be run, naming it and the module that
    it is in, and where torch.export fails; TypeError where no example was given and none was found.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: module must be a torch.nn.Module, got {type(module).__name__}")
    with _evaluating(module), torch.no_grad(), warnings.catch_warnings():
        # Hooks that norm a weight assign it in each call, and so in the export: nothing that anybody must mend.
        warnings.filterwarnings("ignore", message="The tensor attributes? ")
        if example_inputs is None:
            example_inputs = _example(module)
        inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
        for place, one in enumerate(inputs):
            if not isinstance(one, torch.Tensor):
                raise TypeError(f"from_torch: example_inputs[{place}] must be a torch.Tensor, got {type(one).__name__}")
        program = _export(module, inputs, dynamic)
    archive = io.BytesIO()
    torch.export.save(program, archive)
    return _core.load_exported(archive.getvalue(), ignore_guards=ignore_guards)


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
    for shapes in _shapes(examples) if dynamic else []:
        # torch.export fails by exceptions of many classes.
        with contextlib.suppress(Exception):
            return torch.export.export(module, examples, dynamic_shapes=shapes)
    try:
        return torch.export.export(module, inputs)
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise _core.Error(
            f"from_torch: torch.export cannot export {type(module).__name__} for inputs of "
            f"{', '.join(str(tuple(x.shape)) for x in inputs)}: {reason}. forward() may branch on shapes and numbers, "
            "not on what tensors hold; torch.export.export(module, example_inputs) on its own says more"
        ) from error


def _shapes(inputs: tuple[torch.Tensor, ...]) -> Iterator[tuple[dict[int, Any], ...]]:
    from torch.export import Dim

    # A batch by name may be 1, one that PyTorch finds by itself may not; sizes it may find, channels then are fixed.
    batch = Dim("batch", min=1)
    sizes = [{d: Dim.AUTO for d in range(1, x.dim()) if x.shape[d] > 1} for x in inputs]
    batches = [{0: batch} if x.dim() > 0 else {} for x in inputs]
    if any(sizes):
        yield tuple({**one, **more} for one, more in zip(batches, sizes, strict=True))
    yield tuple(batches)
    yield tuple({0: Dim.AUTO} if x.dim() > 0 else {} for x in inputs)


def _example(module: torch.nn.Module) -> torch.Tensor:
    """An input that forward() takes, of the first layer that says what it takes."""
    refused = ""
    for example in _examples(module):
        try:
            module(example)
            return example
        except Exception as error:  # too small a picture, or not what forward() takes
            refused = f": it does not take {tuple(example.shape)}, {str(error).strip().splitlines()[0]}"
    why = refused or ", as no layer says what it takes"
    raise TypeError(f"from_torch: example_inputs are needed for {type(module).__name__}{why}")


def _examples(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    import torch
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            yield torch.zeros(2, 4, dtype=torch.int64)
        elif isinstance(layer, nn.Linear):
            yield torch.randn(2, layer.in_features)
        elif isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
            for size in 1, 16, 64:
                yield torch.randn(2, layer.in_channels, *[size] * (layer.weight.dim() - 2))
        elif isinstance(layer, nn.Conv1d | nn.Conv2d):
            for size in 64, 128, 256, 512:
                yield torch.randn(2, layer.in_channels, *[size] * (layer.weight.dim() - 2))
        else:
            continue
        return
