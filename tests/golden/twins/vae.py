"""The decoder of a convolutional VAE; modules are named as in AntixK/PyTorch-VAE's VanillaVAE."""

import torch
from torch import nn


def up(in_channels, out_channels):
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(),
    )


class VaeDecoder(nn.Module):
    def __init__(self, latent_dim, hidden_dims):
        super().__init__()
        first, last = hidden_dims[0], hidden_dims[-1]
        self.decoder_input = nn.Linear(latent_dim, first * 4)
        self.decoder = nn.Sequential(*(up(a, b) for a, b in zip(hidden_dims, hidden_dims[1:])))
        self.final_layer = nn.Sequential(*up(last, last), nn.Conv2d(last, 3, kernel_size=3, padding=1), nn.Tanh())

    def forward(self, z):
        x = self.decoder_input(z)
        return self.final_layer(self.decoder(x.view(len(x), -1, 2, 2)))


def twin():
    return VaeDecoder(7, [24, 20, 16, 8, 5])


def inputs():
    return [torch.randn(2, 7)]
