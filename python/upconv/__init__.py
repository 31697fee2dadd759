"""Runs the generator networks that PyTorch trained, on a CPU, fast.

net = upconv.from_torch(generator)         # any torch.nn.Module; or upconv.load_exported("net.pt2")
pictures = net(torch.randn(64, 100, 1, 1))
upconv.save_grid("fake.png", pictures, value_range=(-1, 1))
"""

from . import nn
from ._core import (
    Error,
    Exported,
    Module,
    Painter,
    Profile,
    Program,
    Shards,
    Step,
    compile,
    get_num_threads,
    inspect,
    latents,
    load,
    load_exported,
    make_grid,
    manual_seed,
    parse_module,
    randn,
    save_grid,
    save_safetensors,
    set_num_threads,
)
from ._core import version as __version__
from ._torch import from_torch

__all__ = [
    "Error",
    "Exported",
    "Module",
    "Painter",
    "Profile",
    "Program",
    "Shards",
    "Step",
    "__version__",
    "compile",
    "from_torch",
    "get_num_threads",
    "inspect",
    "latents",
    "load",
    "load_exported",
    "make_grid",
    "manual_seed",
    "nn",
    "parse_module",
    "randn",
    "save_grid",
    "save_safetensors",
    "set_num_threads",
]
