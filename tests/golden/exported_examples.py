"""Makes exported/examples/: archives of torch.export.save whose steps tests look at.

    pip install -r tests/golden/requirements.txt
    python tests/golden/exported_examples.py

Networks that examples/ has in C++ are spelled as their public code is; batches and where that is possible heights and
widths are dynamic. There are no weights in the archives: each parameter is one zero, expanded. Tests load those of the
network in C++.

modulation.* is a small network of StyleGAN2's convolutions, of a fixed batch of one and of any batch, in all three
forms, with its weights; upsampling.* is one of those that upsample; unlike.pt2 and unlike_upsampling.pt2 only look like
them. filters.* upsamples by zeros between pixels. modulation.safetensors and the like have what they are called with
and what PyTorch answers, computed in float64. Running it again changes no byte.
"""

import copy
import io
import math
import warnings

import torch
from exported import FOLDER, decomposed, rewrite, write_safetensors
from torch import nn
from torch.export import Dim
from torch.nn import functional as F
from twins import cyclegan, pix2pix, stylegan2


class Dcgan(nn.Module):
    """As in pytorch/examples."""

    def __init__(self, nz, ngf, nc):
        super().__init__()
        layers, width = [], nz
        for times, arguments in ((8, (4, 1, 0)), (4, (4, 2, 1)), (2, (4, 2, 1)), (1, (4, 2, 1))):
            layers += [
                nn.ConvTranspose2d(width, ngf * times, *arguments, bias=False),
                nn.BatchNorm2d(ngf * times),
                nn.ReLU(True),
            ]
            width = ngf * times
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, input):
        return self.main(input)


class ResidualDenseBlock(nn.Module):
    """As in XPixelGroup/BasicSR."""

    def __init__(self, feat, grow):
        super().__init__()
        for i in range(5):
            self.add_module(f"conv{i + 1}", nn.Conv2d(feat + i * grow, feat if i == 4 else grow, 3, 1, 1))
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x):
        x1 = self.lrelu(self.conv1(x))
        x2 = self.lrelu(self.conv2(torch.cat((x, x1), 1)))
        x3 = self.lrelu(self.conv3(torch.cat((x, x1, x2), 1)))
        x4 = self.lrelu(self.conv4(torch.cat((x, x1, x2, x3), 1)))
        x5 = self.conv5(torch.cat((x, x1, x2, x3, x4), 1))
        return x5 * 0.2 + x


class RRDB(nn.Module):
    def __init__(self, feat, grow):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (ResidualDenseBlock(feat, grow) for _ in range(3))

    def forward(self, x):
        out = self.rdb1(x)
        out = self.rdb2(out)
        out = self.rdb3(out)
        return out * 0.2 + x


class RRDBNet(nn.Module):
    def __init__(self, feat, blocks, grow):
        super().__init__()
        self.conv_first = nn.Conv2d(3, feat, 3, 1, 1)
        self.body = nn.Sequential(*(RRDB(feat, grow) for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (nn.Conv2d(feat, feat, 3, 1, 1) for _ in range(4))
        self.conv_last = nn.Conv2d(feat, 3, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x):
        feat = self.conv_first(x)
        body_feat = self.conv_body(self.body(feat))
        feat = feat + body_feat
        feat = self.lrelu(self.conv_up1(F.interpolate(feat, scale_factor=2, mode="nearest")))
        feat = self.lrelu(self.conv_up2(F.interpolate(feat, scale_factor=2, mode="nearest")))
        return self.conv_last(self.lrelu(self.conv_hr(feat)))


class Clamp(nn.Module):
    """As in madebyollin/taesd."""

    def forward(self, x):
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()

        def conv(n_in, n_out):
            return nn.Conv2d(n_in, n_out, 3, padding=1)

        self.conv = nn.Sequential(conv(n_in, n_out), nn.ReLU(), conv(n_out, n_out), nn.ReLU(), conv(n_out, n_out))
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else nn.Identity()
        self.fuse = nn.ReLU()

    def forward(self, x):
        return self.fuse(self.conv(x) + self.skip(x))


def taesd(width):
    layers = [Clamp(), nn.Conv2d(4, width, 3, padding=1), nn.ReLU()]
    for _ in range(3):
        layers += [Block(width, width) for _ in range(3)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, Block(width, width), nn.Conv2d(width, 3, 3, padding=1))


class Modulated(nn.Module):
    """A convolution whose weight is scaled for each picture, all of a batch in groups of one convolution."""

    def __init__(self, styles, n_in, n_out, size, upsample=False, demodulate=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, n_out, n_in, size, size))
        self.scale = 1 / math.sqrt(n_in * size * size)
        self.modulation = nn.Linear(styles, n_in)
        self.upsample, self.demodulate = upsample, demodulate

    def forward(self, x, style):
        batch, n_in, height, width = x.shape
        _, n_out, _, size, _ = self.weight.shape
        weight = self.scale * self.weight * self.modulation(style).view(batch, 1, n_in, 1, 1)
        if self.demodulate:
            factors = torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8)
            weight = weight * factors.view(batch, n_out, 1, 1, 1)
        x = x.reshape(1, batch * n_in, height, width)
        if self.upsample:
            weight = weight.transpose(1, 2).reshape(batch * n_in, n_out, size, size)
            y = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        else:
            y = F.conv2d(x, weight.view(batch * n_out, n_in, size, size), padding=size // 2, groups=batch)
        return y.view(batch, n_out, *y.shape[2:])


class Modulation(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 6, 4, 5))
        self.conv, self.up = Modulated(7, 6, 5, 3), Modulated(7, 5, 4, 3, upsample=True)
        self.plain, self.rgb = Modulated(7, 4, 4, 3, demodulate=False), Modulated(7, 4, 3, 1, demodulate=False)

    def forward(self, style):
        x = self.conv(self.start.repeat(style.shape[0], 1, 1, 1), style)
        x = F.leaky_relu(self.up(F.leaky_relu(x, 0.2), style), 0.2)
        return self.rgb(x + self.plain(x, style), style)


class Unlike(nn.Module):
    """What looks like it: factors that differ within a kernel, and sums that leave the channels apart."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 6, 4, 5))
        self.weight = nn.Parameter(torch.randn(1, 5, 6, 3, 3))
        self.modulation = nn.Linear(7, 18)

    def forward(self, style):
        batch = style.shape[0]
        weight = self.weight * self.modulation(style).view(batch, 1, 6, 3, 1)
        sums = (self.weight * self.modulation(style)[:, None, :6, None, None]).pow(2).sum([3, 4])
        x = self.start.repeat(batch, 1, 1, 1).reshape(1, batch * 6, 4, 5)
        y = F.conv2d(x, weight.view(batch * 5, 6, 3, 3), padding=1, groups=batch).view(batch, 5, 4, 5)
        return y * torch.rsqrt(1 + sums.mean(2))[:, :, None, None]


def upfirdn2d(x, f, padding, gain, value=0):
    """As in NVlabs/stylegan2-ada-pytorch, where x is not upsampled; value is what it is padded with."""
    batch, channels, height, width = x.shape
    left, right, top, bottom = padding
    x = F.pad(x.reshape([batch, channels, height, 1, width, 1]), [0] * 6).reshape([batch, channels, height, width])
    x = F.pad(x, [max(side, 0) for side in padding], value=value)
    x = x[:, :, max(-top, 0) : x.shape[2] - max(-bottom, 0), max(-left, 0) : x.shape[3] - max(-right, 0)]
    f = (f * gain).to(x.dtype).flip([0, 1])
    return F.conv2d(x, f[None, None].repeat([channels, 1, 1, 1]), groups=channels)


class Upsampled(nn.Module):
    """As conv0 of a SynthesisBlock there: weights are transposed group by group, and what follows sees one picture."""

    def __init__(self, styles, n_in, n_out, padding):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.affine = nn.Linear(styles, n_in)
        f = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("resample_filter", torch.outer(f, f) / 64)
        self.padding = padding

    def scaled(self, style):
        w = self.weight.unsqueeze(0) * self.affine(style).reshape(style.shape[0], 1, -1, 1, 1)
        return w * (w.square().sum(dim=[2, 3, 4]) + 1e-8).rsqrt().reshape(style.shape[0], -1, 1, 1, 1)

    def weights(self, style):
        batch, n_out, n_in = style.shape[0], *self.weight.shape[:2]
        w = self.scaled(style).reshape(-1, n_in, 3, 3).to(style.dtype).reshape(batch, n_out, n_in, 3, 3)
        return w.transpose(1, 2).reshape(batch * n_in, n_out, 3, 3)

    def forward(self, x, style):
        x = x.reshape(1, -1, *x.shape[2:])
        y = F.conv_transpose2d(x, self.weights(style), stride=2, groups=style.shape[0])
        y = upfirdn2d(y, self.resample_filter, self.padding, 4)
        return y.reshape(style.shape[0], -1, *y.shape[2:])


class Upsampling(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 6, 4, 5))
        self.conv0 = Upsampled(7, 6, 5, (1, -1, 0, 1))

    def forward(self, style):
        return F.leaky_relu(self.conv0(self.start.repeat(style.shape[0], 1, 1, 1), style) + 0.1, 0.2)


class UnlikeUpsampling(nn.Module):
    """What looks like it: kernels of each picture's own, ones beside pictures, a result that is read in the middle too,
    channels that are mixed, and other dimensions that are transposed; beside them, what is like it."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(2, 6, 4, 5))
        self.kernels = nn.Parameter(torch.randn(2 * 5, 1, 4, 4))
        self.conv0 = Upsampled(7, 6, 5, None)

    def forward(self, style):
        w, f, sides = self.conv0.weights(style), self.conv0.resample_filter, (1, 1, 1, 1)
        x = self.start.reshape(1, 12, 4, 5)
        own, ones, middle, mixed, like = (F.conv_transpose2d(x, w, stride=2, groups=2) for _ in range(5))
        own = F.conv2d(own, self.kernels, padding=1, groups=10)
        ones = upfirdn2d(ones, f, sides, 4, value=1)
        middle = upfirdn2d(middle, f, sides, 4).reshape(2, 5, 8, 10) + middle.mean()
        mixed = mixed.view(1, 5, 18, 11)[:, :, :16].reshape(1, 10, 8, 11)[..., :10]
        w = self.conv0.scaled(style).reshape(4, 5, 3, 3, 3).transpose(1, 2).reshape(12, 5, 3, 3)
        turned = F.conv_transpose2d(x, w, stride=2, padding=(1, 1), output_padding=(1, 1), groups=2)
        like = upfirdn2d(like, f, sides, 4)
        return sum(y.reshape(2, 5, 8, 10) for y in (own, ones, middle, mixed, turned, like))


def spread(x, sides, value=0):
    n, channels, height, width = x.shape
    return F.pad(x.reshape(n, channels, height, 1, width, 1), sides, value=value)


class Filters(nn.Module):
    """Pictures whose pixels are put apart and filtered, which are transposed convolutions, and what looks like it:
    zeros before pixels, ones between them, sides that no transposed convolution has, rows taken for columns."""

    def __init__(self):
        super().__init__()
        self.f = nn.Parameter(torch.randn(4, 4))
        self.kernels, self.bias = nn.Parameter(torch.randn(3, 1, 5, 4)), nn.Parameter(torch.randn(3))

    def forward(self, x):
        f = self.f.flip([0, 1]).expand(3, 1, 4, 4)
        like = F.conv2d(F.pad(spread(x, [0, 1, 0, 0, 0, 1]).reshape(-1, 3, 8, 10), (2, 1, 2, 1)), f, groups=3)
        uneven = F.pad(spread(x, [0, 1, 0, 0, 0, 2]).reshape(-1, 3, 12, 10), (1, 1, 3, 2))
        uneven = F.conv2d(uneven, self.kernels, self.bias, padding=(1, 0), groups=3)
        before = F.conv2d(spread(x, [1, 0, 0, 0, 1, 0]).reshape(-1, 3, 8, 10), f, padding=2, groups=3)
        ones = F.conv2d(spread(x, [0, 1, 0, 0, 0, 1], 1.0).reshape(-1, 3, 8, 10), f, padding=2, groups=3)
        sides = F.conv2d(F.pad(spread(x, [0, 1, 0, 0, 0, 1]).reshape(-1, 3, 8, 10), (1, 2, 1, 2)), f, groups=3)
        turned = F.conv2d(spread(x, [0, 1, 0, 0, 0, 1]).reshape(-1, 3, 10, 8), f, padding=2, groups=3)
        return sum(y[..., :7, :7] for y in (like, uneven, before, ones, sides, turned))


def networks():
    """Name, network, the shape of its example, and which of the dimensions calls may choose."""
    batch, height, width = Dim("batch", min=1, max=64), Dim("height", min=4, max=512), Dim("width", min=4, max=512)
    rows, columns = 4 * Dim("rows", min=2, max=128), 4 * Dim("columns", min=2, max=128)
    yield "dcgan", Dcgan(100, 32, 3), (2, 100, 1, 1), {0: batch}
    yield "pix2pix", pix2pix.UnetGenerator(3, 3, 6, 16, use_dropout=True), (2, 3, 128, 128), {0: batch}
    yield "cyclegan", cyclegan.ResnetGenerator(3, 3, 16), (2, 3, 24, 32), {0: batch, 2: rows, 3: columns}
    yield "rrdbnet", RRDBNet(32, 1, 16), (2, 3, 10, 12), {0: batch, 2: height, 3: width}
    yield "taesd", taesd(32), (2, 4, 6, 8), {0: batch, 2: height, 3: width}


def save(program, path):
    archive = io.BytesIO()
    torch.export.save(program, archive)
    path.write_bytes(rewrite(archive.getvalue(), bare=False))


def without_weights(network):
    for module in network.modules():
        for key, parameter in module.named_parameters(recurse=False):
            module.register_parameter(key, nn.Parameter(torch.zeros(()).expand(parameter.shape)))
    return network.eval()


def answer(folder, name, network, x, key="styles"):
    with torch.no_grad():
        pictures = copy.deepcopy(network).double()(x.double()).float()
    write_safetensors(folder / f"{name}.safetensors", {key: x, "pictures": pictures})


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    folder = FOLDER / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    for name, network, shape, dims in networks():
        torch.manual_seed(0)
        program = torch.export.export(without_weights(network), (torch.randn(shape),), dynamic_shapes=(dims,))
        save(program, folder / f"{name}.pt2")

    any_batch = ({0: Dim("batch", min=1, max=64)},)
    torch.manual_seed(0)
    modulation, unlike, styles = Modulation().eval(), Unlike().eval(), torch.randn(3, 7)
    for name, count, dims in (("static", 1, None), ("dynamic", 2, any_batch)):
        program = torch.export.export(modulation, (styles[:count],), dynamic_shapes=dims)
        for form in ("", "functional", "core"):
            save(decomposed(program, form), folder / f"modulation.{name}{form and '.'}{form}.pt2")
    save(torch.export.export(unlike, (styles[:2],), dynamic_shapes=any_batch), folder / "unlike.pt2")
    answer(folder, "modulation", modulation, styles)
    answer(folder, "unlike", unlike, styles)

    upsampling, unlike, styles = Upsampling().eval(), UnlikeUpsampling().eval(), torch.randn(3, 7)
    for name, count, dims, forms in (
        ("one", 1, None, ("", "core")),
        ("static", 2, None, ("", "core")),
        ("dynamic", 2, any_batch, ("", "functional", "core")),
    ):
        program = torch.export.export(upsampling, (styles[:count],), dynamic_shapes=dims)
        for form in forms:
            save(decomposed(program, form), folder / f"upsampling.{name}{form and '.'}{form}.pt2")
    save(torch.export.export(unlike, (styles[:2],)), folder / "unlike_upsampling.pt2")
    answer(folder, "upsampling", upsampling, styles)
    answer(folder, "unlike_upsampling", unlike, styles[:2])
    layer = stylegan2.SynthesisLayer(20, 12, 7, 12, 256, upsampling.conv0.resample_filter, up=2)
    program = torch.export.export(without_weights(layer), (torch.randn(2, 20, 6, 6), torch.randn(2, 7)))
    save(program, folder / "upsampling_layer.pt2")

    filters, x = Filters().eval(), torch.randn(2, 3, 4, 5)
    program = torch.export.export(filters, (x,), dynamic_shapes=any_batch)
    for form in ("", "core"):
        save(decomposed(program, form), folder / f"filters{form and '.'}{form}.pt2")
    answer(folder, "filters", filters, x, "x")


if __name__ == "__main__":
    # Archives name each class by its module, which is this file's name however it is run.
    import exported_examples

    exported_examples.main()
