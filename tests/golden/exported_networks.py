"""Small networks of the kinds that generators are, for exported.py to make archives of."""

import math

import torch
import torch.nn.functional as F
from exported import Case
from exported_operations import randn
from torch import nn
from torch.export import Dim
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class Painter(nn.Module):
    """A deep convolutional generator: transposed convolutions, batch norms, activations in place."""

    def __init__(self):
        super().__init__()
        self.start = nn.Sequential(nn.ConvTranspose2d(5, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(True))
        self.grow = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True))
        self.paint = nn.Sequential(nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh())

    def forward(self, z):
        return self.paint(self.grow(self.start(z[:, :, None, None])))


class Skips(nn.Module):
    """Down and up again, what was on the way joined to what comes back, activations in place of what is joined."""

    class Level(nn.Module):
        def __init__(self, outer, inner, within=None):
            super().__init__()
            self.down = nn.Conv2d(outer, inner, 4, 2, 1)
            self.leaky = nn.LeakyReLU(0.2, inplace=True)
            self.within = within
            self.relu = nn.ReLU(inplace=True)
            self.up = nn.ConvTranspose2d(inner * (1 if within is None else 2), outer, 4, 2, 1)
            self.norm = nn.BatchNorm2d(outer)

        def forward(self, x):
            y = self.down(self.leaky(x))
            if self.within is not None:
                y = self.within(y)
            return torch.cat((x, self.norm(self.up(self.relu(y)))), 1)

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.levels = Skips.Level(4, 6, Skips.Level(6, 8))
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.last(self.levels(self.first(x))).sigmoid_()


class Residuals(nn.Module):
    """Instance norms, reflected borders, sums."""

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.body = nn.Sequential(
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3),
                nn.InstanceNorm2d(channels, affine=True),
                nn.ReLU(True),
                nn.Dropout(0.5),
                nn.Conv2d(channels, channels, 3, padding="same", padding_mode="replicate"),
                nn.InstanceNorm2d(channels),
            )

        def forward(self, x):
            return x + self.body(x)

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 5, 3, 2, 1)
        self.blocks = nn.Sequential(*(Residuals.Block(5) for _ in range(2)))
        self.tail = nn.Conv2d(5, 3, 3, padding=1)

    def forward(self, x):
        y = self.blocks(F.relu(self.head(x)))
        return self.tail(F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False))


class Dense(nn.Module):
    """Every layer reads all before it; pixels come out of channels."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(4 + 2 * i, 2, 3, padding=1) for i in range(3))
        self.join = nn.Conv2d(10, 4, 1)
        self.up = nn.Sequential(nn.Conv2d(4, 12, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(3))

    def forward(self, x):
        first = self.first(x)
        all = [first]
        for layer in self.layers:
            all.append(F.leaky_relu(layer(torch.cat(all, 1)), 0.2, inplace=True))
        y = self.join(torch.cat(all, dim=1)) * 0.2 + first
        return self.up(y) + F.interpolate(x, scale_factor=2)


class Products(nn.Module):
    """Attention by products of batches of matrices."""

    def __init__(self):
        super().__init__()
        self.norm = nn.GroupNorm(2, 4)
        self.query, self.key, self.value, self.out = (nn.Conv2d(4, 4, 1) for _ in range(4))
        self.gain = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        n, c, h, w = x.shape
        y = self.norm(x)
        query = self.query(y).reshape(n, c, h * w).permute(0, 2, 1)
        key, value = self.key(y).view(n, c, -1), self.value(y).flatten(2)
        weights = torch.bmm(query, key).mul_(int(c) ** -0.5).softmax(2)
        y = torch.bmm(value, weights.transpose(1, 2)).contiguous().view(n, c, h, w)
        return x + self.gain * self.out(y)


class Heads(nn.Module):
    """Attention by PyTorch's function, over the pixels of a picture."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.qkv, self.out = nn.Linear(6, 18), nn.Linear(6, 6)

    def forward(self, x):
        n, c, h, w = x.shape
        y = self.norm(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(y).view(n, -1, 3, 2, 3).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.0)
        y = self.out(y.transpose(1, 2).reshape(n, h * w, c)).to(x.dtype)
        return x + y.transpose(-1, -2).reshape(n, c, h, w)


class Spectral(nn.Module):
    """Weights divided by their largest singular value, as modules and as parametrizations have it."""

    def __init__(self):
        super().__init__()
        self.old = spectral_norm(nn.Conv2d(3, 4, 3))
        self.new = parametrizations.spectral_norm(nn.Conv2d(4, 3, 3))
        self.up = parametrizations.spectral_norm(nn.ConvTranspose2d(3, 2, 4, 2, 1))
        self.linear = spectral_norm(nn.Linear(2, 3))

    def forward(self, x):
        y = self.up(F.relu(self.new(F.relu(self.old(x)))))
        return y, self.linear(y.mean((2, 3)))


class Sound(nn.Module):
    """Rows: weight norm as modules and as parametrizations have it."""

    def __init__(self):
        super().__init__()
        self.first = weight_norm(nn.Conv1d(4, 8, 7, padding=3))
        self.ups = nn.ModuleList(weight_norm(nn.ConvTranspose1d(8 >> i, 4 >> i, 4, 2, 1)) for i in range(2))
        self.blocks = nn.ModuleList(
            parametrizations.weight_norm(nn.Conv1d(4 >> i, 4 >> i, 3, dilation=3, padding=3)) for i in range(2)
        )
        self.last = parametrizations.weight_norm(nn.Conv1d(2, 1, 7, padding=3), dim=1)

    def forward(self, x):
        x = self.first(x)
        for up, block in zip(self.ups, self.blocks, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            x = x + block(F.leaky_relu(x, 0.1))
        return torch.tanh(self.last(F.leaky_relu(x)))


class Modulated(nn.Module):
    """Convolutions whose weights follow a style, each picture's its own."""

    class Layer(nn.Module):
        def __init__(self, inner, outer, kernel, style, up=False, demodulates=True):
            super().__init__()
            self.weight = nn.Parameter(randn(1, outer, inner, kernel, kernel))
            self.style = nn.Linear(style, inner)
            self.up, self.demodulates = up, demodulates
            self.scale = 1 / math.sqrt(inner * kernel**2)
            self.register_buffer("blur", torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16)

        def forward(self, x, style):
            n, c, h, w = x.shape
            _, outer, _, k, _ = self.weight.shape
            weight = self.scale * self.weight * (self.style(style).view(n, 1, c, 1, 1) + 1)
            if self.demodulates:
                weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8).view(n, outer, 1, 1, 1)
            x = x.view(1, n * c, h, w)
            if not self.up:
                return F.conv2d(x, weight.view(n * outer, c, k, k), padding=k // 2, groups=n).view(n, outer, h, w)
            weight = weight.transpose(1, 2).reshape(n * c, outer, k, k)
            y = F.conv_transpose2d(x, weight, stride=2, groups=n)
            y = y.view(n, outer, y.shape[2], y.shape[3])
            blur = torch.flip(self.blur, [0, 1])[None, None].repeat(outer, 1, 1, 1)
            return F.conv2d(F.pad(y, [1, 1, 1, 1]), blur, groups=outer)

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(randn(1, 4, 3, 3))
        self.map = nn.Linear(5, 5)
        self.same, self.up = Modulated.Layer(4, 4, 3, 5), Modulated.Layer(4, 3, 3, 5, up=True)
        self.rgb = Modulated.Layer(3, 2, 1, 5, demodulates=False)

    def forward(self, z):
        z = z * torch.rsqrt(torch.mean(z**2, dim=1, keepdim=True) + 1e-8)
        style = F.leaky_relu(self.map(z), 0.2) * 2**0.5
        x = self.start.repeat(z.shape[0], 1, 1, 1)
        x = F.leaky_relu(self.same(x, style), 0.2)
        return self.rgb(F.leaky_relu(self.up(x, style), 0.2), style)


class ByHand(nn.Module):
    """Norms over channels, one by means, one by permuting; a gate of halves; borders to a multiple of 4."""

    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(randn(4) + 1), nn.Parameter(randn(4))
        self.norm = nn.LayerNorm(4)
        self.wide = nn.Conv2d(4, 8, 3, padding=1, groups=4)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1))
        self.beta = nn.Parameter(randn(1, 4, 1, 1))

    def forward(self, x):
        h, w = x.shape[2:]
        x = F.pad(x, (0, -w % 4, 0, -h % 4))
        mean = x.mean(1, keepdim=True)
        spread = (x - mean).pow(2).mean(1, keepdim=True)
        y = (x - mean) / (spread + 1e-6).sqrt() * self.scale.view(1, 4, 1, 1) + self.shift.view(1, 4, 1, 1)
        a, b = self.wide(y).chunk(2, dim=1)
        y = a * b
        y = x + y * self.squeeze(y) * self.beta
        y = y + self.norm(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y[:, :, :h, :w]


class Words(nn.Module):
    """Lengths become masks; embeddings become rows."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.conv = nn.Conv1d(4, 4, 3, padding=1)
        self.norm = nn.LayerNorm(4)

    def forward(self, words, lengths):
        x = self.words(words) * math.sqrt(4)
        mask = (torch.arange(words.shape[1])[None] < lengths[:, None]).unsqueeze(1).to(x.dtype)
        y = self.conv(x.transpose(1, -1) * mask) * mask
        y = self.norm(y.transpose(1, -1))
        attention = (y @ y.transpose(1, 2)).masked_fill(mask == 0, -1e4).softmax(-1)
        return attention @ y, mask


def cases():
    pictures = {"x": {0: Dim("n", max=64), 2: Dim.AUTO, 3: Dim.AUTO}}

    def network(name, make, xs, dynamic, *calls, static=("functional",)):
        if static:
            yield Case(name, make, xs, bare=True, forms=static)
        yield Case(f"{name}_dynamic", make, xs, dynamic, list(calls), bare=True, call_example=False)

    yield from network("painter", Painter, (randn(2, 5),), {"z": {0: Dim("n")}}, (randn(1, 5),), (randn(3, 5),))
    halves = {"x": {0: Dim("n"), 2: 4 * Dim("h", min=2), 3: 4 * Dim("w", min=2)}}
    yield from network("skips", Skips, (randn(2, 3, 16, 12),), halves, (randn(1, 3, 12, 8),), static=())
    yield from network("residuals", Residuals, (randn(2, 3, 9, 8),), pictures, (randn(1, 3, 8, 11),), static=())
    yield from network("dense", Dense, (randn(2, 3, 4, 5),), pictures, (randn(1, 3, 7, 3),), (randn(3, 3, 4, 4),))
    yield from network("products", Products, (randn(2, 4, 4, 3),), pictures, (randn(1, 4, 5, 5),), (randn(3, 4, 2, 6),))
    yield from network("heads", Heads, (randn(2, 6, 4, 3),), pictures, (randn(1, 6, 5, 2),), (randn(3, 6, 2, 6),))
    yield from network("spectral", Spectral, (randn(2, 3, 6, 7),), pictures, (randn(1, 3, 8, 6),), static=())
    rows = {"x": {0: Dim("n"), 2: Dim("length", min=3, max=400)}}
    yield from network("sound", Sound, (randn(2, 4, 9),), rows, (randn(1, 4, 40),), (randn(3, 4, 3),), static=())
    styles = {"z": {0: Dim("n")}}
    yield from network("modulated", Modulated, (randn(2, 5),), styles, (randn(1, 5),), (randn(3, 5),), static=("",))
    yield from network("by_hand", ByHand, (randn(2, 4, 5, 7),), pictures, (randn(1, 4, 9, 6),), static=())
    words = torch.arange(12).reshape(2, 6) % 9
    yield from network(
        "words",
        Words,
        (words, torch.tensor([6, 2])),
        {"words": {0: Dim("n"), 1: Dim("length")}, "lengths": {0: Dim("n")}},
        (words[:1, :4], torch.tensor([3])),
        (words.reshape(4, 3), torch.tensor([3, 1, 2, 3])),
        static=("",),
    )
