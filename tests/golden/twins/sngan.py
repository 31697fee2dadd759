"""SNGAN's generator for 32 x 32; modules are named as in kwotsin/mimicry."""

import torch
from torch import nn
from torch.nn import functional as F


def upsample(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class GBlock(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.c1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.c2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.b1 = nn.BatchNorm2d(in_channels)
        self.b2 = nn.BatchNorm2d(out_channels)
        self.c_sc = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        h = self.c1(upsample(F.relu(self.b1(x))))
        return self.c2(F.relu(self.b2(h))) + self.c_sc(upsample(x))


class Generator(nn.Module):
    def __init__(self, nz, ngf):
        super().__init__()
        self.l1 = nn.Linear(nz, 16 * ngf)
        self.block2 = GBlock(ngf, ngf)
        self.block3 = GBlock(ngf, ngf)
        self.block4 = GBlock(ngf, ngf)
        self.b5 = nn.BatchNorm2d(ngf)
        self.c5 = nn.Conv2d(ngf, 3, 3, padding=1)

    def forward(self, x):
        h = self.l1(x)
        h = h.view(len(h), -1, 4, 4)
        h = self.block4(self.block3(self.block2(h)))
        return torch.tanh(self.c5(F.relu(self.b5(h))))


def twin():
    return Generator(7, 20)


def inputs():
    return [torch.randn(2, 7)]
