"""The generator of CycleGAN, resnet_9blocks of pytorch-CycleGAN-and-pix2pix: examples/cyclegan.h in Python."""

import torch
from torch import nn


def normalized(nc):
    return [nn.InstanceNorm2d(nc), nn.ReLU(inplace=True)]


class Block(nn.Module):
    def __init__(self, nc):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(nc, nc, 3),
            *normalized(nc),
            nn.ReflectionPad2d(1),
            nn.Conv2d(nc, nc, 3),
            nn.InstanceNorm2d(nc),
        )

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    def __init__(self, input_nc=3, output_nc=3, ngf=64, n_blocks=9):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(input_nc, ngf, 7), *normalized(ngf)]
        for nc in (ngf, ngf * 2):
            layers += [nn.Conv2d(nc, nc * 2, 3, stride=2, padding=1), *normalized(nc * 2)]
        layers += [Block(ngf * 4) for _ in range(n_blocks)]
        for nc in (ngf * 2, ngf):
            layers.append(nn.ConvTranspose2d(nc * 2, nc, 3, stride=2, padding=1, output_padding=1))
            layers += normalized(nc)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, output_nc, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def twin():
    return ResnetGenerator(3, 2, 3)


def inputs():
    return [torch.randn(2, 3, 20, 28)]
