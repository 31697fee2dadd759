"""Makes run/*.pt2: exported networks that the tests of the program run, with what PyTorch answers as .npy.

    pip install -r tests/golden/requirements.txt
    python tests/golden/program.py

netG.pt2 is a narrow DCGAN, netG.safetensors other weights for it. pair.pt2 takes three inputs and gives two outputs, of
sizes that must agree. conditional.pt2 takes a latent and its label. spectrum.pt2 has operations that upconv does not
know. two.pt2 holds two programs. Running it again changes no byte.
"""

import io
from pathlib import Path

import numpy
import torch
from exported import rewrite
from torch import nn
from torch.export.pt2_archive._package import package_pt2

from convert_dcgan import write_safetensors  # isort: skip  # exported.py shows the way to it

FOLDER = Path(__file__).resolve().parent / "run"


class Generator(nn.Module):
    def __init__(self, nz=8, ngf=4):
        super().__init__()

        def up(i, o):
            return [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]

        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 4, 4, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            *up(ngf * 4, ngf * 2),
            *up(ngf * 2, ngf),
            nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Pair(nn.Module):
    """A picture and its mean, of pictures, classes and whether each is wanted."""

    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(5, 3)
        self.blocks = nn.ModuleList(
            [nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")]
        )

    def forward(self, x, labels, wanted):
        x = x + self.classes(labels)[:, :, None, None]
        for block in self.blocks:
            x = block(x)
        x = torch.where(wanted[:, None, None, None], x, torch.zeros_like(x))
        return x, x.mean((1, 2, 3))


class Conditional(nn.Module):
    """A picture of a latent and one of five classes."""

    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(5, 8)
        self.project = nn.Linear(8, 48)
        self.up = nn.ConvTranspose2d(3, 3, 4, 2, 1)

    def forward(self, z, labels):
        return torch.tanh(self.up(torch.relu(self.project(z * self.classes(labels))).view(-1, 3, 4, 4)))


class Spectrum(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(self.act(x)))


def export(network, xs, dynamic=None):
    return torch.export.export(network.eval(), xs, dynamic_shapes=dynamic)


def save(name, program):
    archive = io.BytesIO()
    if isinstance(program, dict):
        package_pt2(archive, exported_programs=program)
    else:
        torch.export.save(program, archive)
    (FOLDER / f"{name}.pt2").write_bytes(rewrite(archive.getvalue(), False))


def answer(name, network, xs):
    with torch.no_grad():
        ys = network(*xs)
    for kind, tensors in ("in", xs), ("out", ys if isinstance(ys, tuple) else (ys,)):
        for index, tensor in enumerate(tensors):
            numpy.save(FOLDER / f"{name}.{kind}{index}.npy", tensor.numpy())


def main():
    torch.manual_seed(0)
    batch = torch.export.Dim("batch", min=1, max=6)
    network = Generator().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.5)
    save("netG", export(network, (torch.randn(2, 8, 1, 1),), ({0: batch},)))
    other = Generator().eval()
    write_safetensors(FOLDER / "netG.safetensors", other.state_dict())
    answer("netG", other, (torch.randn(1, 8, 1, 1),))

    pair = Pair()
    xs = (torch.randn(2, 3, 4, 5), torch.tensor([1, 4]), torch.tensor([True, False]))
    height = torch.export.Dim("height", min=2, max=64)
    save("pair", export(pair, xs, ({0: batch, 2: height}, {0: batch}, {0: batch})))
    answer("pair", pair, (torch.randn(3, 3, 7, 5), torch.tensor([0, 2, 4]), torch.tensor([True, False, True])))

    save("spectrum", export(Spectrum(), (torch.randn(2, 8),)))
    save(
        "two",
        {
            "narrow": export(nn.Linear(2, 3), (torch.randn(1, 2),)),
            "wide": export(nn.Linear(2, 9), (torch.randn(1, 2),)),
        },
    )
    many = torch.export.Dim("many", min=1, max=64)
    save("conditional", export(Conditional(), (torch.randn(2, 8), torch.tensor([1, 4])), ({0: many}, {0: many})))


if __name__ == "__main__":
    main()
