"""StyleGAN2's generator; modules are named as in NVlabs/stylegan2-ada-pytorch, noise_mode is "const"."""

import functools
import math

import torch
from torch import nn
from torch.nn import functional as F


def upfirdn2d(x, f, up=1, pad=(1, 1)):
    n, channels, h, w = map(int, x.shape)
    x = F.pad(x.reshape(n, channels, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(n, channels, h * up, w * up)
    return F.conv2d(F.pad(x, pad * 2), f.flip([0, 1]).expand(channels, 1, 4, 4), groups=channels)


def resampled_conv2d(x, w, up, f, groups=1):
    if up == 1:
        return F.conv2d(x, w, padding=w.shape[-1] // 2, groups=groups)
    w = w.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return upfirdn2d(F.conv_transpose2d(x, w, stride=2, groups=groups), f * up**2)


def modulated_conv2d(x, weight, styles, up=1, f=None, demodulate=True, fused=True):
    n = int(x.shape[0])
    w = weight * styles[:, None, :, None, None]
    dcoefs = (w.square().sum([2, 3, 4]) + 1e-8).rsqrt() if demodulate else torch.ones(n, len(weight))
    if not fused:
        x = resampled_conv2d(x * styles[:, :, None, None], weight, up, f)
        return x * dcoefs[:, :, None, None]
    w = (w * dcoefs[:, :, None, None, None]).flatten(0, 1)
    x = resampled_conv2d(x.reshape(1, -1, *x.shape[2:]), w, up, f, groups=n)
    return x.reshape(n, -1, *x.shape[2:])


class FullyConnectedLayer(nn.Module):
    def __init__(self, in_features, out_features, lrelu=False, lr_multiplier=1, bias_init=0):
        super().__init__()
        self.lrelu = lrelu
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x):
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(x, 0.2) * math.sqrt(2) if self.lrelu else x


class MappingNetwork(nn.Module):
    def __init__(self, z_dim, w_dim, num_ws, num_layers=8):
        super().__init__()
        self.num_ws, self.num_layers = num_ws, num_layers
        for i in range(num_layers):
            self.add_module(f"fc{i}", FullyConnectedLayer(w_dim if i else z_dim, w_dim, True, 0.01))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z, truncation_psi):
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        x = x.unsqueeze(1).repeat(1, self.num_ws, 1)
        return self.w_avg.lerp(x, truncation_psi)


class SynthesisLayer(nn.Module):
    def __init__(self, in_channels, out_channels, w_dim, resolution, conv_clamp, f, up=1):
        super().__init__()
        self.up, self.conv_clamp = up, conv_clamp
        self.modulated_conv2d = modulated_conv2d
        self.register_buffer("resample_filter", f.clone())
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x, w):
        x = self.modulated_conv2d(x, self.weight, self.affine(w), self.up, self.resample_filter)
        x = x + self.noise_const * self.noise_strength + self.bias[:, None, None]
        return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-self.conv_clamp, self.conv_clamp)


class ToRGBLayer(nn.Module):
    def __init__(self, in_channels, out_channels, w_dim, conv_clamp):
        super().__init__()
        self.conv_clamp = conv_clamp
        self.modulated_conv2d = modulated_conv2d
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x, w):
        styles = self.affine(w) / math.sqrt(x.shape[1])
        x = self.modulated_conv2d(x, self.weight, styles, demodulate=False) + self.bias[:, None, None]
        return x.clamp(-self.conv_clamp, self.conv_clamp)


class SynthesisBlock(nn.Module):
    def __init__(self, in_channels, out_channels, w_dim, resolution, img_channels, conv_clamp):
        super().__init__()
        f = torch.tensor([1.0, 3.0, 3.0, 1.0])
        f = torch.outer(f, f) / 64
        self.register_buffer("resample_filter", f.clone())
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, w_dim, resolution, conv_clamp, f, up=2)
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, conv_clamp, f)
        self.torgb = ToRGBLayer(out_channels, img_channels, w_dim, conv_clamp)

    def forward(self, x, img, ws):
        if x is None:
            x = self.const.unsqueeze(0).repeat(int(ws[0].shape[0]), 1, 1, 1)
        else:
            x = self.conv0(x, ws[0])
        x = self.conv1(x, ws[-2])
        y = self.torgb(x, ws[-1])
        return x, y if img is None else upfirdn2d(img, self.resample_filter * 4, 2, (2, 1)) + y


class SynthesisNetwork(nn.Module):
    def __init__(self, w_dim, img_resolution, img_channels, channel_base, channel_max, conv_clamp):
        super().__init__()
        self.resolutions = [2**i for i in range(2, img_resolution.bit_length())]
        self.num_ws = 2 * len(self.resolutions)
        in_channels = 0
        for resolution in self.resolutions:
            channels = min(channel_base // resolution, channel_max)
            block = SynthesisBlock(in_channels, channels, w_dim, resolution, img_channels, conv_clamp)
            self.add_module(f"b{resolution}", block)
            in_channels = channels

    def forward(self, ws):
        x = img = None
        ws = ws.unbind(1)
        for i, resolution in enumerate(self.resolutions):
            x, img = getattr(self, f"b{resolution}")(x, img, ws[max(0, 2 * i - 1) : 2 * i + 2])
        return img


class Generator(nn.Module):
    def __init__(self, z_dim, w_dim, img_resolution, img_channels, channel_base, channel_max, truncation_psi):
        super().__init__()
        self.truncation_psi = truncation_psi
        self.synthesis = SynthesisNetwork(w_dim, img_resolution, img_channels, channel_base, channel_max, 256)
        self.mapping = MappingNetwork(z_dim, w_dim, self.synthesis.num_ws)

    def forward(self, z):
        return self.synthesis(self.mapping(z, self.truncation_psi))


def unfused(generator):
    """The same with convolutions whose weights are constants: fused_modconv=False."""
    for module in generator.modules():
        if hasattr(module, "modulated_conv2d"):
            module.modulated_conv2d = functools.partial(modulated_conv2d, fused=False)
    return generator


def twin():
    return Generator(12, 10, 16, 3, 256, 20, 0.7)


def fill(network):
    """Values that a trained network may have: those of the start, but for what begins as zeros."""
    for name, values in network.state_dict().items():
        if name.endswith(("bias", "w_avg")):
            values += 0.3 * torch.randn(values.shape)
        elif name.endswith("noise_strength"):
            values += 0.2


def inputs():
    return [torch.randn(2, 12)]
