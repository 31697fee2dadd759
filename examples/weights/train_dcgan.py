"""Trains a generator like the one whose weights lie beside this script: pytorch/examples' DCGAN, drawing emoji.

    apt-get install fonts-noto-color-emoji
    pip install torch numpy pillow
    python train_dcgan.py netG.pth --samples samples.png
    python convert_dcgan.py netG.pth dcgan.safetensors

It learns from the glyphs of Noto Color Emoji, which Google publishes under the SIL Open Font License 1.1 and Debian
packages as fonts-noto-color-emoji. 1,380 pictures are few for a GAN, so three things keep it steady: a critic
with spectral norm under the hinge loss, flipped and shifted pictures, and a moving average of the generator's weights,
which is what gets saved. The default number of steps takes a little over an hour on two cores.
"""

import argparse
import time

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

LATENT = 100
FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
FONT_SIZE = 109  # the only one in the font: its glyphs are bitmaps, 136 wide and 128 high
SYMBOLS = (range(0x203C, 0x3300), range(0x1F000, 0x1FB00))
PARTS = (range(0x1F1E6, 0x1F200), range(0x1F3FB, 0x1F400))  # letters of flags, skin tones: no pictures by themselves


class Generator(nn.Module):
    """netG of pytorch/examples: latents (N, 100, 1, 1) become pictures (N, 3, 64, 64) with values in [-1, 1]."""

    def __init__(self, nz=LATENT, ngf=64, nc=3):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Critic(nn.Module):
    """Pictures (N, 3, 64, 64) become scores (N,), high for real ones; each layer's gain is held at one."""

    def __init__(self, ndf=32):
        super().__init__()
        self.main = nn.Sequential(
            spectral_norm(nn.Conv2d(3, ndf, 4, 2, 1)),
            nn.LeakyReLU(0.2, True),
            spectral_norm(nn.Conv2d(ndf, ndf * 2, 4, 2, 1)),
            nn.LeakyReLU(0.2, True),
            spectral_norm(nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1)),
            nn.LeakyReLU(0.2, True),
            spectral_norm(nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1)),
            nn.LeakyReLU(0.2, True),
            spectral_norm(nn.Conv2d(ndf * 8, 1, 4, 1, 0)),
            nn.Flatten(start_dim=0),
        )

    def forward(self, pictures):
        return self.main(pictures)


def initialise(layer):
    """The starting values of the DCGAN paper."""
    if isinstance(layer, nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, 0.02)


def render_emoji(font_path):
    """Every single-character emoji of the font on white: (N, 3, 64, 64) with values in [-1, 1]."""
    font = ImageFont.truetype(font_path, FONT_SIZE)
    pictures = []
    for code in (code for symbols in SYMBOLS for code in symbols if not any(code in part for part in PARTS)):
        if font.getmask(chr(code), mode="RGBA").getbbox() is None:
            continue  # not in the font, or blank
        glyph = Image.new("RGB", (136, 136), "white")
        ImageDraw.Draw(glyph).text((0, 4), chr(code), font=font, embedded_color=True)
        pictures.append(np.asarray(glyph.resize((64, 64), Image.Resampling.LANCZOS)))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1


def draw_batch(emoji, count):
    """`count` random emoji, half of them mirrored, all shifted by up to two pixels."""
    batch = emoji[torch.randint(len(emoji), (count,))]
    batch = torch.where(torch.rand(count, 1, 1, 1) < 0.5, batch, batch.flip(3))
    return batch.roll(torch.randint(-2, 3, (2,)).tolist(), dims=(2, 3))


def train(emoji, steps, batch_size):
    """A generator with averaged weights, ready for inference."""
    generator, critic = Generator().apply(initialise), Critic()
    averaged = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    generator_step = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999))
    critic_step = torch.optim.Adam(critic.parameters(), 2e-4, (0.5, 0.999))
    start = time.monotonic()
    for step in range(1, steps + 1):
        fake = generator(torch.randn(batch_size, LATENT, 1, 1))
        real_margin = 1 - critic(draw_batch(emoji, batch_size))
        fake_margin = 1 + critic(fake.detach())
        critic_loss = real_margin.relu().mean() + fake_margin.relu().mean()
        critic_step.zero_grad()
        critic_loss.backward()
        critic_step.step()

        generator_loss = -critic(fake).mean()
        generator_step.zero_grad()
        generator_loss.backward()
        generator_step.step()
        averaged.update_parameters(generator)

        if step % 100 == 0 or step == steps:
            seconds = time.monotonic() - start
            print(f"step {step}/{steps}, {seconds:.0f} s: critic {critic_loss:.3f}, generator {generator_loss:.3f}")
    # BatchNorm's statistics belong to the weights of the last step; measure those of the averaged weights.
    update_bn([torch.randn(100, LATENT, 1, 1) for _ in range(20)], averaged.module)
    return averaged.module.eval()


def save_samples(path, generator):
    """64 pictures on one sheet, eight in a row."""
    with torch.no_grad():
        pictures = generator(torch.randn(64, LATENT, 1, 1))
    sheet = pictures.unflatten(0, (8, 8)).permute(0, 3, 1, 4, 2).reshape(8 * 64, 8 * 64, 3)
    Image.fromarray(((sheet + 1) * 127.5).round().byte().numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", help="the state_dict to write (.pth)")
    parser.add_argument("--samples", help="a PNG of 64 pictures to write")
    parser.add_argument("--font", default=FONT, help="Noto Color Emoji (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4000, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    generator = train(render_emoji(options.font), options.steps, options.batch_size)
    torch.save(generator.state_dict(), options.output)
    if options.samples:
        save_samples(options.samples, generator)


if __name__ == "__main__":
    main()
