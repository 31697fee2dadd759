"""BigGAN's generator; modules are named as in ajbrock/BigGAN-PyTorch, with hier and G_shared."""

import torch
from torch import nn
from torch.nn import functional as F


def spectral(weight, u):
    w = weight.flatten(1)
    v = F.normalize(u @ w, eps=1e-12)
    wv = v @ w.t()
    return weight / (wv @ F.normalize(wv, eps=1e-12).t()).squeeze()


class SNConv2d(nn.Conv2d):
    def __init__(self, in_channels, out_channels, kernel_size=3, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)
        self.register_buffer("u0", torch.randn(1, out_channels))
        self.register_buffer("sv0", torch.ones(1))

    def forward(self, x):
        return F.conv2d(x, spectral(self.weight, self.u0), self.bias, padding=self.padding)


class SNLinear(nn.Linear):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)
        self.register_buffer("u0", torch.randn(1, out_features))
        self.register_buffer("sv0", torch.ones(1))

    def forward(self, x):
        return F.linear(x, spectral(self.weight, self.u0), self.bias)


class Attention(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.theta = SNConv2d(ch, ch // 8, 1, bias=False)
        self.phi = SNConv2d(ch, ch // 8, 1, bias=False)
        self.g = SNConv2d(ch, ch // 2, 1, bias=False)
        self.o = SNConv2d(ch // 2, ch, 1, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        n, ch, h, w = x.shape
        theta = self.theta(x).view(n, ch // 8, h * w)
        phi = F.max_pool2d(self.phi(x), 2).view(n, ch // 8, h * w // 4)
        g = F.max_pool2d(self.g(x), 2).view(n, ch // 2, h * w // 4)
        beta = F.softmax(theta.transpose(1, 2) @ phi, -1)
        o = self.o((g @ beta.transpose(1, 2)).view(n, ch // 2, h, w))
        return self.gamma * o + x


class ConditionalBatchNorm(nn.Module):
    def __init__(self, num_features, cond_size):
        super().__init__()
        self.gain = SNLinear(cond_size, num_features, bias=False)
        self.bias = SNLinear(cond_size, num_features, bias=False)
        self.register_buffer("stored_mean", torch.zeros(num_features))
        self.register_buffer("stored_var", torch.ones(num_features))

    def forward(self, x, y):
        gain = (1 + self.gain(y))[:, :, None, None]
        bias = self.bias(y)[:, :, None, None]
        return F.batch_norm(x, self.stored_mean, self.stored_var) * gain + bias


class BatchNorm(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("stored_mean", torch.zeros(num_features))
        self.register_buffer("stored_var", torch.ones(num_features))

    def forward(self, x):
        return F.batch_norm(x, self.stored_mean, self.stored_var, self.gain, self.bias)


class GBlock(nn.Module):
    def __init__(self, in_channels, out_channels, cond_size):
        super().__init__()
        self.conv1 = SNConv2d(in_channels, out_channels)
        self.conv2 = SNConv2d(out_channels, out_channels)
        self.conv_sc = SNConv2d(in_channels, out_channels, 1)
        self.bn1 = ConditionalBatchNorm(in_channels, cond_size)
        self.bn2 = ConditionalBatchNorm(out_channels, cond_size)

    def forward(self, x, y):
        h = F.interpolate(F.relu(self.bn1(x, y)), scale_factor=2)
        h = self.conv2(F.relu(self.bn2(self.conv1(h), y)))
        return h + self.conv_sc(F.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    def __init__(self, ch, dim_z, shared_dim, n_classes, widths, attention_after):
        super().__init__()
        self.chunk = dim_z // len(widths)
        self.shared = nn.Embedding(n_classes, shared_dim)
        self.linear = SNLinear(self.chunk, 16 * ch * widths[0])
        self.blocks = nn.ModuleList()
        for i in range(len(widths) - 1):
            block = [GBlock(ch * widths[i], ch * widths[i + 1], shared_dim + self.chunk)]
            if i == attention_after:
                block.append(Attention(ch * widths[i + 1]))
            self.blocks.append(nn.ModuleList(block))
        self.output_layer = nn.Sequential(BatchNorm(ch * widths[-1]), nn.ReLU(), SNConv2d(ch * widths[-1], 3))

    def forward(self, z, y):
        zs = z.split(self.chunk, 1)
        y = self.shared(y)
        h = self.linear(zs[0])
        h = h.view(len(h), -1, 4, 4)
        for block, part in zip(self.blocks, zs[1:]):
            h = block[0](h, torch.cat([y, part], 1))
            for attention in block[1:]:
                h = attention(h)
        return torch.tanh(self.output_layer(h))


def twin():
    return Generator(6, 12, 8, 5, [4, 4, 4, 2], 1)


def fill(network):
    """Values that a trained network may have: those of the start, but for what begins as zeros and ones."""
    for name, values in network.state_dict().items():
        if name.endswith("gamma"):
            values += 0.5
        elif values.dim() == 1:
            values += 0.3 * torch.rand(values.shape)


def inputs():
    return [torch.randn(2, 12), torch.tensor([3, 1])]
