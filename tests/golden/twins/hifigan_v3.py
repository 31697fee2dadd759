"""HiFi-GAN's V3 in small, with weight norm as torch.nn.utils.parametrizations has it."""

from twins.hifigan import Generator, fill, generator, inputs  # noqa: F401


def twin():
    return Generator(2, (4, 2), (8, 4), 20, (3, 5, 7), ((1, 2), (2, 6), (3, 12)), mels=7, parametrized=True)
