"""Makes written/: archives of torch.export.save of networks with what headers that `upconv write` makes must get right.

    pip install -r tests/golden/requirements.txt
    python tests/golden/written.py

tests/written/written_test.cpp compares such headers with the archives.
"""

import io
import math
import pathlib

import torch
from exported import rewrite
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, spectral_norm

FOLDER = pathlib.Path(__file__).parent / "written"


class ResidualBlock(nn.Module):
    """There are several, in which channels, and so arguments, differ."""

    def __init__(self, channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, 1, padding_mode="reflect")
        self.norm = nn.BatchNorm2d(out_channels)
        self.act = nn.LeakyReLU(0.2, inplace=True)
        self.conv2 = nn.Conv2d(channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        return self.act(self.norm(self.conv1(x))) + self.conv2(x) * 0.5


class Level(nn.Module):
    """A level of a U, whose first layer overwrites what the level reads afterwards."""

    def __init__(self, layers, outermost=False):
        super().__init__()
        self.outermost = outermost
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Modulated(nn.Module):
    """Two inputs, two results, and parameters and buffers of its own."""

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(channels, 1, 1))
        self.register_buffer("shift", torch.randn(1))
        self.register_buffer("default", torch.randn(1, channels, 1, 1), persistent=False)
        self.embed = nn.Linear(3, channels)

    def forward(self, x, style):
        scale = self.embed(style)[:, :, None, None]
        return x * scale * self.gamma + self.default, scale.sigmoid() - self.shift


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
        self.blocks = nn.ModuleList([ResidualBlock(4, 4), ResidualBlock(4, 6, 2), ResidualBlock(6, 6)])
        self.relu = nn.ReLU()
        self.act = nn.ReLU(inplace=True)
        self.modulated = Modulated(6)
        self.mixed = nn.ModuleList([nn.Tanh(), spectral_norm(nn.Conv2d(6, 4, 1))])
        self.head = nn.Sequential(
            nn.Identity(), nn.Upsample(scale_factor=2), nn.Dropout(), nn.Conv2d(4, 3, 3, padding=1)
        )

    def forward(self, x, style):
        y = self.relu(self.stem(x))
        for block in self.blocks:
            y = block(y)
        y = self.act(y.clone()) - y
        y, scale = self.modulated(y, style)
        for layer in self.mixed:
            y = layer(y)
        a, b = y.chunk(2, 1)
        y = torch.cat([a * b, torch.maximum(a, b)], 1).clamp(-1, 1)
        y = torch.nn.functional.interpolate(self.head(y), size=x.shape[2:], mode="bilinear")
        return y - torch.tensor([0.25]), scale.flatten(1), y.mean((2, 3))


class U(nn.Module):
    def __init__(self):
        super().__init__()
        down = dict(kernel_size=4, stride=2, padding=1)
        level = Level(
            [nn.LeakyReLU(0.2, True), nn.Conv2d(8, 8, **down), nn.ReLU(True), nn.ConvTranspose2d(8, 8, **down)]
        )
        for outer in (4, 2):
            layers = [nn.LeakyReLU(0.2, True), nn.Conv2d(outer, 2 * outer, **down), nn.InstanceNorm2d(2 * outer), level]
            level = Level([*layers, nn.ReLU(True), nn.ConvTranspose2d(4 * outer, outer, **down)])
        self.model = Level([nn.Conv2d(1, 2, **down), level, nn.ConvTranspose2d(4, 1, **down), nn.Tanh()], True)

    def forward(self, x):
        return self.model(x)


class Tokens(nn.Module):
    """Indices, attention, sizes of calls, and one weight in two places."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24, bias=False)
        self.out = nn.Linear(8, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        x = self.norm(self.embed(tokens))
        n, length = tokens.shape
        q, k, v = self.qkv(x).view(n, length, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(x + y.transpose(1, 2).reshape(n, length, 8))


class Pair(nn.Module):
    """Two lists side by side, as HiFi-GAN's blocks have them."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.ModuleList([nn.Conv1d(channels, channels, 3, padding=d, dilation=d) for d in (1, 3)])
        self.second = nn.ModuleList([nn.Conv1d(channels, channels, 3, padding=1) for _ in range(2)])

    def forward(self, x):
        for first, second in zip(self.first, self.second):
            x = second(F.leaky_relu(first(F.leaky_relu(x, 0.1)), 0.1)) + x
        return x


class Conditional(nn.Module):
    """A number of channels and its double, and two inputs of which the second is read first."""

    def __init__(self, channels):
        super().__init__()
        self.embed = nn.Embedding(5, 2 * channels)
        self.norm = nn.BatchNorm1d(channels, affine=False)

    def forward(self, x, label):
        gamma, beta = self.embed(label)[:, :, None].chunk(2, 1)
        return gamma * self.norm(x) + beta


class Same(nn.Module):
    """A convolution whose padding follows from its kernel."""

    def __init__(self, channels, kernel_size, dilation):
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv1d(channels, channels, kernel_size, padding=padding, dilation=dilation)

    def forward(self, x):
        return self.conv(x).relu()


def row(in_channels, out_channels):
    return nn.Sequential(nn.Conv1d(in_channels, out_channels, 1), nn.BatchNorm1d(out_channels), nn.SiLU())


class Loops(nn.Module):
    """Python's loops, which an archive has round by round, and an input that nobody reads."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(4, 4, 1) for _ in range(4)])
        self.mixed = nn.ModuleList([nn.Conv1d(4, 4, 1), nn.Tanh(), nn.Conv1d(4, 4, 1)])
        for i in range(1, 6):
            self.add_module(f"layer{i}", nn.Conv1d(4 * i, 4, 1))
        self.ups = nn.ModuleList([nn.ConvTranspose1d(20 // i, 10 // i, 2, 2) for i in (1, 2)])
        self.pairs = nn.ModuleList([Pair(channels) for channels in (10, 10, 5, 5)])
        self.norms = nn.ModuleList([Conditional(5), Conditional(5)])
        self.blocks = nn.Sequential(nn.Conv1d(5, 6, 1), *(nn.PReLU() for _ in range(4)), nn.Conv1d(6, 2, 1))
        self.rows = nn.Sequential(row(2, 3), row(3, 2))
        self.wide, self.narrow = Same(2, 5, 2), Same(2, 3, 3)
        self.unlike = nn.ModuleList([nn.Conv1d(2, 2, 1) for _ in range(3)])

    def forward(self, x, label, unread):
        for conv in self.convs:
            x = conv(x) + x
        for layer in self.mixed:
            x = layer(x)
        y = x
        for i in range(1, 5):  # what is read after it, too
            y = torch.cat([y, getattr(self, f"layer{i}")(y)], 1)
        y = torch.cat([y[:, 4:], self.layer5(y) * x], 1)
        for i, up in enumerate(self.ups):
            y = up(F.relu(y))
            y = (self.pairs[2 * i](y) + self.pairs[2 * i + 1](y)) / 2
        for norm in self.norms:  # which the labels come to, unchanged
            y = norm(y, label)
        y = self.narrow(self.wide(self.rows(self.blocks(y))))
        # None of these is a loop: the factors differ, the last one is not read by the next, and one is left out.
        y = self.unlike[1](self.unlike[0](y) * 2) * 3
        return self.unlike[2](y), y


class Styles(nn.Module):
    """What StyleGAN2 and BigGAN do: weights scaled for each picture, zeros between pixels, norms, means of styles."""

    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(4, 3)
        self.weight = nn.Parameter(torch.randn(5, 3, 3, 3))
        self.register_buffer("u", torch.randn(1, 6))
        self.plain = nn.Parameter(torch.randn(6, 5, 1, 1))
        self.register_buffer("mean", torch.randn(4))
        self.register_buffer("taps", torch.rand(4, 4))

    def modulated(self, x, styles):
        n = x.shape[0]
        w = self.weight * styles[:, None, :, None, None]
        w = w * (w.square().sum([2, 3, 4]) + 1e-8).rsqrt()[:, :, None, None, None]
        ones = torch.ones(n, 5)[:, :, None, None, None]
        x = F.conv2d(x.reshape(1, -1, *x.shape[2:]), (w * ones).flatten(0, 1), padding=1, groups=n)
        return x.reshape(n, -1, *x.shape[2:])

    def forward(self, x, styles):
        first, second = (styles.unsqueeze(1) * torch.tensor([[1.0], [0.5]])).unbind(1)
        styles = self.mean.lerp(first, 0.7) + self.mean.lerp(second, 0.2)
        x = F.leaky_relu(self.modulated(x, self.affine(styles)), 0.2) * math.sqrt(2)
        n, c, h, w = x.shape
        x = F.pad(x.reshape(n, c, h, 1, w, 1), [0, 1, 0, 0, 0, 1]).reshape(n, c, 2 * h, 2 * w)
        x = F.conv2d(F.pad(x, [2, 1, 2, 1]), self.taps.flip([0, 1]).expand(c, 1, 4, 4), groups=c)
        matrix = self.plain.flatten(1)
        norm = self.u @ F.normalize(matrix @ F.normalize(self.u @ matrix).t(), dim=0)
        return F.normalize(F.conv2d(x, self.plain / norm.squeeze())[:, :, 1:], eps=1e-6)


class Scale(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def chain():
    """A network that is a Sequential itself."""
    blocks = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(5)]
    pairs = [layer for _ in range(4) for layer in (nn.Conv2d(4, 4, 1), nn.SiLU())]
    return nn.Sequential(Scale(), nn.Conv2d(3, 4, 1), *blocks, nn.ReLU(), *pairs, nn.Conv2d(4, 3, 1))


def save(name, network, inputs, shapes, bare=False):
    network.eval()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    FOLDER.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(network, inputs, dynamic_shapes=shapes), buffer)
    (FOLDER / f"{name}.pt2").write_bytes(rewrite(buffer.getvalue(), bare))


def main():
    torch.manual_seed(0)
    batch, height, width = torch.export.Dim("batch"), torch.export.Dim.AUTO, torch.export.Dim.AUTO
    save(
        "blocks",
        Blocks(),
        (torch.randn(2, 3, 10, 12), torch.randn(2, 3)),
        ({0: batch, 2: height, 3: width}, {0: batch}),
    )
    save("u", U(), (torch.randn(2, 1, 32, 32),), ({0: batch},))
    save("tokens", Tokens(), (torch.randint(0, 11, (2, 5)),), ({0: batch, 1: torch.export.Dim("length")},))
    save("chain", chain(), (torch.randn(2, 3, 6, 5),), ({0: batch},), bare=True)
    rows, labels = torch.randn(2, 4, 7), torch.randint(0, 5, (2,))
    shapes = ({0: batch, 2: torch.export.Dim("length")}, {0: batch}, None)
    save("loops", Loops(), (rows, labels, torch.zeros(1)), shapes, bare=True)
    pictures, styles = torch.randn(2, 3, 5, 6), torch.randn(2, 4)
    save("styles", Styles(), (pictures, styles), ({0: batch, 2: height, 3: width}, {0: batch}), bare=True)


if __name__ == "__main__":
    main()
