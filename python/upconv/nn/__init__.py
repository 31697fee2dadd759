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

from .._core import Module as Module
from .._core import Parameter as Parameter
from .._core import Value as Value
from .._core.nn import *  # noqa: F403
from . import functional as functional
from .containers import ModuleDict as ModuleDict
from .containers import ModuleList as ModuleList
from .containers import Sequential as Sequential
