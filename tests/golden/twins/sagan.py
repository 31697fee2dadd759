"""SAGAN's generator; modules are named as in voletiv/self-attention-GAN-pytorch."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm


def snconv2d(in_channels, out_channels, kernel_size):
    return spectral_norm(nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2))


class SelfAttn(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.snconv1x1_theta = snconv2d(in_channels, in_channels // 8, 1)
        self.snconv1x1_phi = snconv2d(in_channels, in_channels // 8, 1)
        self.snconv1x1_g = snconv2d(in_channels, in_channels // 2, 1)
        self.snconv1x1_attn = snconv2d(in_channels // 2, in_channels, 1)
        self.sigma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        n, ch, h, w = x.shape
        theta = self.snconv1x1_theta(x).view(n, ch // 8, h * w)
        phi = F.max_pool2d(self.snconv1x1_phi(x), 2).view(n, ch // 8, h * w // 4)
        g = F.max_pool2d(self.snconv1x1_g(x), 2).view(n, ch // 2, h * w // 4)
        attn = F.softmax(theta.transpose(1, 2) @ phi, -1)
        attn_g = (g @ attn.transpose(1, 2)).view(n, ch // 2, h, w)
        return x + self.sigma * self.snconv1x1_attn(attn_g)


class ConditionalBatchNorm2d(nn.Module):
    def __init__(self, num_features, num_classes):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features, affine=False)
        self.embed = nn.Embedding(num_classes, num_features * 2)

    def forward(self, x, y):
        gamma, beta = self.embed(y)[:, :, None, None].chunk(2, 1)
        return gamma * self.bn(x) + beta


class GenBlock(nn.Module):
    def __init__(self, in_channels, out_channels, num_classes):
        super().__init__()
        self.cond_bn1 = ConditionalBatchNorm2d(in_channels, num_classes)
        self.snconv2d1 = snconv2d(in_channels, out_channels, 3)
        self.cond_bn2 = ConditionalBatchNorm2d(out_channels, num_classes)
        self.snconv2d2 = snconv2d(out_channels, out_channels, 3)
        self.snconv2d0 = snconv2d(in_channels, out_channels, 1)

    def forward(self, x, labels):
        h = F.interpolate(F.relu(self.cond_bn1(x, labels)), scale_factor=2)
        h = self.snconv2d2(F.relu(self.cond_bn2(self.snconv2d1(h), labels)))
        return h + self.snconv2d0(F.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    def __init__(self, z_dim, g_conv_dim, num_classes):
        super().__init__()
        self.snlinear0 = spectral_norm(nn.Linear(z_dim, g_conv_dim * 16 * 4 * 4))
        self.block1 = GenBlock(g_conv_dim * 16, g_conv_dim * 16, num_classes)
        self.block2 = GenBlock(g_conv_dim * 16, g_conv_dim * 8, num_classes)
        self.block3 = GenBlock(g_conv_dim * 8, g_conv_dim * 4, num_classes)
        self.self_attn = SelfAttn(g_conv_dim * 4)
        self.block4 = GenBlock(g_conv_dim * 4, g_conv_dim * 2, num_classes)
        self.block5 = GenBlock(g_conv_dim * 2, g_conv_dim, num_classes)
        self.bn = nn.BatchNorm2d(g_conv_dim)
        self.snconv2d1 = snconv2d(g_conv_dim, 3, 3)

    def forward(self, z, labels):
        h = self.snlinear0(z)
        h = h.view(len(h), -1, 4, 4)
        h = self.block3(self.block2(self.block1(h, labels), labels), labels)
        h = self.block5(self.block4(self.self_attn(h), labels), labels)
        return torch.tanh(self.snconv2d1(F.relu(self.bn(h))))


def twin():
    return Generator(6, 2, 5)


def inputs():
    return [torch.randn(2, 6), torch.tensor([3, 1])]
