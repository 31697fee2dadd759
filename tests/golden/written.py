"""Makes written/: archives of torch.export.save of networks with what headers that `upconv write` makes must get right.

    pip install -r tests/golden/requirements.txt
    python tests/golden/written.py

tests/written/written_test.cpp compares such headers with the archives.
"""

import io
import pathlib

import torch
from exported import rewrite
from torch import nn
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


def save(name, network, inputs, shapes):
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    FOLDER.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(network, inputs, dynamic_shapes=shapes), buffer)
    (FOLDER / f"{name}.pt2").write_bytes(rewrite(buffer.getvalue(), bare=False))


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


if __name__ == "__main__":
    main()
