"""A conditional DCGAN; modules are named as in the generator of eriklindernoren/PyTorch-GAN's ACGAN."""

import torch
from torch import nn


def up(in_channels, out_channels):
    return (
        nn.Upsample(scale_factor=2),
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels, eps=0.8),
        nn.LeakyReLU(0.2),
    )


class ConditionalDcgan(nn.Module):
    def __init__(self, latent_dim, n_classes, img_size, channels, width):
        super().__init__()
        self.smallest = (width, img_size // 4, img_size // 4)
        self.label_emb = nn.Embedding(n_classes, latent_dim)
        self.l1 = nn.Sequential(nn.Linear(latent_dim, width * (img_size // 4) ** 2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(width),
            *up(width, width),
            *up(width, width // 2),
            nn.Conv2d(width // 2, channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise, labels):
        return self.conv_blocks(self.l1(self.label_emb(labels) * noise).unflatten(1, self.smallest))


def twin():
    return ConditionalDcgan(6, 5, 16, 2, 20)


def inputs():
    return [torch.randn(2, 6), torch.tensor([3, 1])]
