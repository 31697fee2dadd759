"""FastGAN's generator; modules are named as in odegeasslbc/FastGAN-pytorch, each noise is drawn once."""

import torch
from torch import nn
from torch.nn.utils import spectral_norm


def conv2d(in_channels, out_channels, kernel_size, padding=0):
    return spectral_norm(nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False))


class NoiseInjection(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.noise = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(0))

    def forward(self, feat):
        return feat + self.weight * self.noise


class Swish(nn.Module):
    def forward(self, feat):
        return feat * torch.sigmoid(feat)


class SEBlock(nn.Module):
    def __init__(self, ch_in, ch_out):
        super().__init__()
        first, second = conv2d(ch_in, ch_out, 4), conv2d(ch_out, ch_out, 1)
        self.main = nn.Sequential(nn.AdaptiveAvgPool2d(4), first, Swish(), second, nn.Sigmoid())

    def forward(self, feat_small, feat_big):
        return feat_big * self.main(feat_small)


class InitLayer(nn.Module):
    def __init__(self, nz, channel):
        super().__init__()
        conv = spectral_norm(nn.ConvTranspose2d(nz, channel * 2, 4, bias=False))
        self.init = nn.Sequential(conv, nn.BatchNorm2d(channel * 2), nn.GLU(1))

    def forward(self, noise):
        return self.init(noise[:, :, None, None])


def up_block(in_planes, out_planes):
    conv = conv2d(in_planes, out_planes * 2, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), conv, nn.BatchNorm2d(out_planes * 2), nn.GLU(1))


def up_block_comp(in_planes, out_planes, size):
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        conv2d(in_planes, out_planes * 2, 3, padding=1),
        NoiseInjection(size),
        nn.BatchNorm2d(out_planes * 2),
        nn.GLU(1),
        conv2d(out_planes, out_planes * 2, 3, padding=1),
        NoiseInjection(size),
        nn.BatchNorm2d(out_planes * 2),
        nn.GLU(1),
    )


class Generator(nn.Module):
    def __init__(self, ngf, nz, nc, im_size):
        super().__init__()
        self.im_size = im_size
        parts = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5, 512: 0.25, 1024: 0.125}
        nfc = {size: int(part * ngf) for size, part in parts.items()}
        self.init = InitLayer(nz, nfc[4])
        for size in (2**i for i in range(3, im_size.bit_length())):
            comp = size in (8, 32, 128, 512)
            up = up_block_comp(nfc[size // 2], nfc[size], size) if comp else up_block(nfc[size // 2], nfc[size])
            self.add_module(f"feat_{size}", up)
            if 64 <= size <= 512:
                self.add_module(f"se_{size}", SEBlock(nfc[size // 16], nfc[size]))
        self.to_128 = conv2d(nfc[128], nc, 1)
        self.to_big = conv2d(nfc[im_size], nc, 3, padding=1)

    def forward(self, z):
        feats = {4: self.init(z)}
        for size in (2**i for i in range(3, self.im_size.bit_length())):
            feats[size] = getattr(self, f"feat_{size}")(feats[size // 2])
            if 64 <= size <= 512:
                feats[size] = getattr(self, f"se_{size}")(feats[size // 16], feats[size])
        small, big = self.to_128(feats[128]), self.to_big(feats[self.im_size])
        return (torch.tanh(big), torch.tanh(small)) if self.im_size == 1024 else (big, small)


def twin():
    return Generator(4, 7, 1, 128)


def inputs():
    return [torch.randn(2, 7)]
