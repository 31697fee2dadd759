"""HiFi-GAN's generator with weight norm; modules are named as in jik876/hifi-gan, its configurations too."""

import torch
from torch import nn
from torch.nn.functional import leaky_relu

CONFIGURATIONS = {
    "v1": (1, (8, 8, 2, 2), (16, 16, 4, 4), 512, (3, 7, 11), ((1, 3, 5),) * 3),
    "v2": (1, (8, 8, 2, 2), (16, 16, 4, 4), 128, (3, 7, 11), ((1, 3, 5),) * 3),
    "v3": (2, (8, 8, 4), (16, 16, 8), 256, (3, 5, 7), ((1, 2), (2, 6), (3, 12))),
}


def normed(layer, parametrized):
    return (nn.utils.parametrizations.weight_norm if parametrized else nn.utils.weight_norm)(layer)


def dilated(channels, kernel, dilations, parametrized):
    return nn.ModuleList(
        normed(nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * (kernel - 1) // 2), parametrized)
        for d in dilations
    )


class ResBlock1(nn.Module):
    def __init__(self, channels, kernel, dilations, parametrized):
        super().__init__()
        self.convs1 = dilated(channels, kernel, dilations, parametrized)
        self.convs2 = dilated(channels, kernel, [1] * len(dilations), parametrized)

    def forward(self, x):
        for first, second in zip(self.convs1, self.convs2):
            x = second(leaky_relu(first(leaky_relu(x, 0.1)), 0.1)) + x
        return x


class ResBlock2(nn.Module):
    def __init__(self, channels, kernel, dilations, parametrized):
        super().__init__()
        self.convs = dilated(channels, kernel, dilations, parametrized)

    def forward(self, x):
        for conv in self.convs:
            x = conv(leaky_relu(x, 0.1)) + x
        return x


class Generator(nn.Module):
    """`parametrized` has weight norm as torch.nn.utils.parametrizations does it, not as torch.nn.utils."""

    def __init__(self, kind, rates, kernels, channels, block_kernels, dilations, mels=80, parametrized=False):
        super().__init__()
        self.conv_pre = normed(nn.Conv1d(mels, channels, 7, padding=3), parametrized)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.num_kernels = len(block_kernels)
        for rate, kernel in zip(rates, kernels):
            up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(normed(up, parametrized))
            channels //= 2
            for size, each in zip(block_kernels, dilations):
                self.resblocks.append((ResBlock1 if kind == 1 else ResBlock2)(channels, size, each, parametrized))
        self.conv_post = normed(nn.Conv1d(channels, 1, 7, padding=3), parametrized)

    def forward(self, x):
        x = self.conv_pre(x)
        for i, up in enumerate(self.ups):
            x = up(leaky_relu(x, 0.1))
            first, *others = self.resblocks[i * self.num_kernels : (i + 1) * self.num_kernels]
            mean = first(x)
            for block in others:
                mean = mean + block(x)
            x = mean / self.num_kernels
        return torch.tanh(self.conv_post(leaky_relu(x)))


def generator(name):
    """As it is exported: without weight norm."""
    network = Generator(*CONFIGURATIONS[name])
    for module in network.modules():
        if hasattr(module, "weight_g"):
            nn.utils.remove_weight_norm(module)
    return network


def twin():
    return Generator(1, (4, 2), (8, 4), 24, (3, 7), ((1, 3, 5), (1, 3)), mels=7)


def inputs():
    return [torch.randn(2, 7, 9)]


def fill(network):
    """Directions at random, magnitudes of about 1: sums then keep their size."""
    for name, parameter in network.named_parameters():
        values = torch.randn(parameter.shape)
        if name.endswith(("weight_g", "original0")):
            values = values.abs() * 0.1 + 1
        elif name.endswith("bias"):
            values *= 0.1
        parameter.data = values
