"""The network of fast neural style in pytorch/examples: examples/fast_neural_style.h in Python."""

import torch
from torch import nn
from torch.nn import functional as F


class ConvLayer(nn.Module):
    def __init__(self, inputs, outputs, kernel_size, stride=1, upsample=None):
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel_size // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, kernel_size, stride)

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, scale_factor=self.upsample, mode="nearest")
        return self.conv2d(self.reflection_pad(x))


class Block(nn.Module):
    def __init__(self, nc):
        super().__init__()
        self.conv1 = ConvLayer(nc, nc, 3)
        self.in1 = nn.InstanceNorm2d(nc, affine=True)
        self.conv2 = ConvLayer(nc, nc, 3)
        self.in2 = nn.InstanceNorm2d(nc, affine=True)

    def forward(self, x):
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class TransformerNet(nn.Module):
    def __init__(self, nc=32):
        super().__init__()
        self.conv1 = ConvLayer(3, nc, 9)
        self.in1 = nn.InstanceNorm2d(nc, affine=True)
        self.conv2 = ConvLayer(nc, nc * 2, 3, stride=2)
        self.in2 = nn.InstanceNorm2d(nc * 2, affine=True)
        self.conv3 = ConvLayer(nc * 2, nc * 4, 3, stride=2)
        self.in3 = nn.InstanceNorm2d(nc * 4, affine=True)
        for i in range(1, 6):
            setattr(self, f"res{i}", Block(nc * 4))
        self.deconv1 = ConvLayer(nc * 4, nc * 2, 3, upsample=2)
        self.in4 = nn.InstanceNorm2d(nc * 2, affine=True)
        self.deconv2 = ConvLayer(nc * 2, nc, 3, upsample=2)
        self.in5 = nn.InstanceNorm2d(nc, affine=True)
        self.deconv3 = ConvLayer(nc, 3, 9)

    def forward(self, x):
        x = F.relu(self.in1(self.conv1(x)))
        x = F.relu(self.in2(self.conv2(x)))
        x = F.relu(self.in3(self.conv3(x)))
        for i in range(1, 6):
            x = getattr(self, f"res{i}")(x)
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)


def twin():
    return TransformerNet(3)


def inputs():
    return [torch.rand(2, 3, 22, 28) * 255]
