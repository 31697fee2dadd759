"""SRResNet, the generator of SRGAN; modules are named as in leftthomas/SRGAN."""

import torch
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class UpsampleBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels * 4, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.prelu = nn.PReLU()

    def forward(self, x):
        return self.prelu(self.pixel_shuffle(self.conv(x)))


class Generator(nn.Module):
    def __init__(self, doublings, channels):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        for i in range(2, 7):
            self.add_module(f"block{i}", ResidualBlock(channels))
        self.block7 = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        block8 = [UpsampleBlock(channels) for _ in range(doublings)]
        self.block8 = nn.Sequential(*block8, nn.Conv2d(channels, 3, 9, padding=4))

    def forward(self, x):
        first = self.block1(x)
        x = first
        for i in range(2, 7):
            x = getattr(self, f"block{i}")(x)
        return (torch.tanh(self.block8(first + self.block7(x))) + 1) / 2


def twin():
    return Generator(2, 10)


def fill(network):
    """Values of the start, which stay where tanh is not flat, but for statistics."""
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values += 0.1 * torch.randn(values.shape)
        elif name.endswith("running_var"):
            values += 0.3 * torch.rand(values.shape)


def inputs():
    return [torch.rand(2, 3, 6, 7)]
