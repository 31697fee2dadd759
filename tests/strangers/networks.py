"""Networks as their users write them, with all that a module may carry, for whole models in files."""

import collections
import functools

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm


class Generator(nn.Module):
    """DCGAN's, as most scripts have it."""

    def __init__(self, latent=8, width=4):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, width * 2, 4, bias=False),
            nn.BatchNorm2d(width * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    """One with spectral norms in the old form."""

    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.ModuleList(
            [spectral_norm(nn.Conv2d(3, width, 4, 2, 1)), spectral_norm(nn.Conv2d(width, 1, 4, 2, 1))]
        )

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
        return x.mean((1, 2, 3))


def notice(module, inputs, output, note):
    """A hook."""


class Slotted:
    """No module and no dictionary: a member whose state is a pair."""

    __slots__ = ("values", "name")

    def __init__(self):
        self.values, self.name = torch.rand(2), "slots"


class Reduced:
    """A member that pickles itself by a function of its own."""

    def __init__(self, values):
        self.values = values

    def __reduce__(self):
        return Reduced, (self.values,), None, iter([]), iter([])


class Stated(nn.Module):
    """One that says what of it is saved, and adds state that is no tensor of a state_dict."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)
        self.cache = {"last": torch.rand(4)}

    def __getstate__(self):
        state = self.__dict__.copy()
        state["cache"] = {}
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)

    def forward(self, x):
        return self.conv(x)


class Everything(nn.Module):
    """All that members of modules may be."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleDict({"up": nn.ConvTranspose2d(3, 3, 2, 2), "flat": nn.Conv2d(3, 3, 1)})
        self.levels = nn.ModuleList([nn.Sequential(collections.OrderedDict(conv=nn.Conv2d(3, 3, 1), act=nn.GELU()))])
        self.scales = nn.ParameterList([nn.Parameter(torch.rand(3)), nn.Parameter(torch.rand(()))])
        self.named = nn.ParameterDict({"alpha": nn.Parameter(torch.rand(2)), "beta": nn.Parameter(torch.rand(1, 2))})
        self.old_weight_norm = weight_norm(nn.Conv2d(3, 3, 1))
        self.old_spectral_norm = spectral_norm(nn.ConvTranspose2d(3, 3, 2))
        self.pruned = prune.l1_unstructured(nn.Conv2d(2, 2, 1), "weight", 1)
        self.norms = nn.Sequential(nn.InstanceNorm2d(3, affine=True, track_running_stats=True), nn.GroupNorm(1, 3))
        self.stated = Stated()
        self.embedding = nn.Embedding(5, 2)
        self.head = nn.Linear(2, 5, bias=False)
        self.head.weight = self.embedding.weight  # tied
        self.again = self.blocks["flat"]  # a child under two names
        self.register_buffer("kernel", torch.rand(1, 1, 3, 3))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("grid", torch.rand(4, 4), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("absent", None)
        self.plain, self.history = torch.rand(3), collections.deque([torch.rand(1)], maxlen=3)
        self.slotted, self.reduced = Slotted(), Reduced(torch.rand(2))
        self.activation = functools.partial(nn.functional.leaky_relu, negative_slope=0.2)
        self.register_forward_hook(functools.partial(notice, note="seen"))
        self.kernel_size: tuple[int, ...] = (3, 3)

    @property
    def device(self):
        return self.kernel.device

    def forward(self, x):
        return self.levels[0](self.blocks["flat"](self.blocks["up"](x))) * self.scales[0].view(1, -1, 1, 1)


class Positive(nn.Module):
    """A parametrization of a user's own, with a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("floor", torch.tensor(0.1))

    def forward(self, x):
        return nn.functional.softplus(x) + self.floor

    def right_inverse(self, y):
        return y


class Parametrized(nn.Module):
    """Norms in the new form, and a parametrization of a user's own."""

    def __init__(self):
        super().__init__()
        self.weight_norm = parametrizations.weight_norm(nn.Conv2d(3, 3, 1))
        self.spectral_norm = parametrizations.spectral_norm(nn.Conv2d(3, 3, 3))
        self.positive = nn.Conv2d(2, 2, 1)
        parametrize.register_parametrization(self.positive, "weight", Positive())


class Scripted(nn.Module):
    """What TorchScript can say: loops over children, control flow, constants, attributes."""

    __constants__ = ["times"]

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)])
        self.register_buffer("shift", torch.rand(3, 1, 1))
        self.register_buffer("scratch", torch.rand(2), persistent=False)
        self.tied = self.layers[0].weight
        self.times = 2
        self.names: dict[str, int] = {"a": 1}

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        if x.sum() > 0:
            x = x + self.shift
        return x * self.times
