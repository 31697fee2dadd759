"""RRDBNet, the generator of ESRGAN; modules are named as in XPixelGroup/BasicSR."""

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu


def conv(in_channels, out_channels):
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


class DenseBlock(nn.Module):
    def __init__(self, feat, grow):
        super().__init__()
        for i in range(5):
            self.add_module(f"conv{i + 1}", conv(feat + i * grow, feat if i == 4 else grow))

    def forward(self, x):
        so_far = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            so_far = torch.cat([so_far, leaky_relu(layer(so_far), 0.2)], 1)
        return x + 0.2 * self.conv5(so_far)


class RRDB(nn.Module):
    def __init__(self, feat, grow):
        super().__init__()
        for i in range(3):
            self.add_module(f"rdb{i + 1}", DenseBlock(feat, grow))

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    def __init__(self, feat, blocks, grow):
        super().__init__()
        self.conv_first = conv(3, feat)
        self.body = nn.Sequential(*(RRDB(feat, grow) for _ in range(blocks)))
        for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
            self.add_module(name, conv(feat, feat))
        self.conv_last = conv(feat, 3)

    def forward(self, x):
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = leaky_relu(layer(interpolate(x, scale_factor=2)), 0.2)
        return self.conv_last(leaky_relu(self.conv_hr(x), 0.2))


def twin():
    return RRDBNet(8, 2, 4)


def inputs():
    return [torch.randn(2, 3, 6, 5)]
