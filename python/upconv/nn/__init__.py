"""Layers and modules, as in torch.nn: `from upconv import nn`, `import upconv.nn.functional as F`.

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose2d(100, 3, 4)

        def forward(self, x):
            return F.tanh(self.up(x))

forward() is given values, which stand for tensors and have no numbers: it says what is computed, and upconv compiles
that.
"""

from .._core import Module, Parameter, Value
from .._core.nn import *  # noqa: F403
from . import functional
from .containers import ModuleDict, ModuleList, Sequential

__all__ = ["Module", "ModuleDict", "ModuleList", "Parameter", "Sequential", "Value", "functional"]
