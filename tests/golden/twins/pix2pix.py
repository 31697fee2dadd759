"""The generator of pix2pix, unet_256 of pytorch-CycleGAN-and-pix2pix with BatchNorm: examples/pix2pix.h in Python."""

import torch
from torch import nn


class Block(nn.Module):
    """One level of the U around `below`, which the innermost level has not."""

    def __init__(self, outer, inner, below=None, dropout=False):
        super().__init__()
        layers = [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(outer, inner, 4, 2, 1, bias=False)]
        if below is not None:
            layers += [nn.BatchNorm2d(inner), below]
        widened = inner if below is None else inner * 2
        layers += [
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(widened, outer, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outer),
        ]
        if dropout:
            layers.append(nn.Dropout(0.5))
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([x, self.model(x)], 1)  # x as the LeakyReLU has left it


class Outermost(nn.Module):
    def __init__(self, input_nc, output_nc, ngf, below):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(input_nc, ngf, 4, 2, 1, bias=False),
            below,
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(ngf * 2, output_nc, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.model(x)


class UnetGenerator(nn.Module):
    def __init__(self, input_nc=3, output_nc=3, num_downs=8, ngf=64, use_dropout=False):
        super().__init__()
        block = Block(ngf * 8, ngf * 8)
        for _ in range(num_downs - 5):
            block = Block(ngf * 8, ngf * 8, block, use_dropout)
        for outer in (ngf * 4, ngf * 2, ngf):
            block = Block(outer, outer * 2, block)
        self.model = Outermost(input_nc, output_nc, ngf, block)

    def forward(self, x):
        return self.model(x)


def twin():
    return UnetGenerator(3, 2, 6, 2, use_dropout=True)


def inputs():
    return [torch.randn(2, 3, 64, 64)]
