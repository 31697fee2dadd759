"""Runs the generator networks that PyTorch trained, on a CPU, fast.

net = upconv.from_torch(generator)         # any torch.nn.Module; or upconv.load_exported("net.pt2")
pictures = net(torch.randn(64, 100, 1, 1))
upconv.save_grid("fake.png", pictures, value_range=(-1, 1))
"""

from ._core import (
    Error,
    Exported,
    Module,
    Program,
    __version__,
    compile,
    load_exported,
    parse_module,
    randn,
    save_grid,
)
from ._torch import from_torch

__all__ = [
    "Error",
    "Exported",
    "Module",
    "Program",
    "__version__",
    "compile",
    "from_torch",
    "load_exported",
    "parse_module",
    "randn",
    "save_grid",
]
