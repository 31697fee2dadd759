"""A walk through the latent space of the shipped DCGAN, as an animated PNG that browsers play.

    pip install . pillow tqdm
    python examples/python/latent_walk.py walk.png

The cells, `# %%`, are those of a notebook: editors that know them run one at a time.
"""

# %% Where to, how far, how fast
import argparse
from pathlib import Path

import numpy as np
import upconv
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm
from upconv import nn

parser = argparse.ArgumentParser(description="Paints a walk through the latent space of the shipped DCGAN.")
parser.add_argument("path", type=Path, nargs="?", default=Path("walk.png"), help="the animated PNG (%(default)s)")
parser.add_argument("--seed", type=int, default=7, help="of the places that the walk visits (%(default)s)")
parser.add_argument("--places", type=int, default=6, help="how many places there are (%(default)s)")
parser.add_argument("--steps", type=int, default=20, help="pictures from one place to the next (%(default)s)")
parser.add_argument("--pictures", type=int, default=16, help="walks side by side (%(default)s)")
args = parser.parse_args()
if min(args.places, args.steps, args.pictures) < 1:
    parser.error("--places, --steps and --pictures are at least 1")

# %% The network, written as in PyTorch, with the weights that PyTorch trained


class Generator(nn.Module):
    """The generator of DCGAN: latents (N, 100, 1, 1) to pictures (N, 3, 64, 64) within [-1, 1]."""

    def __init__(self, latent: int = 100, width: int = 64) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, width * 8, 4, bias=False), nn.BatchNorm2d(width * 8), nn.ReLU(True),
            nn.ConvTranspose2d(width * 8, width * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(width * 4), nn.ReLU(True),
            nn.ConvTranspose2d(width * 4, width * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(True),
            nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, latents: nn.Value) -> nn.Value:
        return self.main(latents)  # type: ignore[no-any-return]


generator = Generator()
generator.load(Path(__file__).parents[1] / "weights/dcgan.safetensors")

# %% The way: latents are normal, so their lengths are all about the same, and the way lies on that sphere


def between(a: NDArray[np.float32], b: NDArray[np.float32], t: float) -> NDArray[np.float32]:
    """The latent that lies t of the way from a to b, along the arc."""
    angle = np.arccos(np.sum(a * b, 1, keepdims=True) / np.linalg.norm(a, axis=1, keepdims=True)
                      / np.linalg.norm(b, axis=1, keepdims=True))  # fmt: skip
    way = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return np.asarray(way, np.float32)


upconv.manual_seed(args.seed)
places = [upconv.randn(args.pictures, 100, 1, 1) for _ in range(args.places)]
way = [
    between(here, there, step / args.steps)
    for here, there in zip(places, places[1:] + places[:1], strict=True)
    for step in range(args.steps)
]

# %% The pictures, and the file
program = upconv.compile(generator, way[0])
nrow = round(args.pictures**0.5)
frames = [
    Image.fromarray(upconv.make_grid(program(latents), nrow=nrow, value_range=(-1, 1)))
    for latents in tqdm(way, desc="painting", unit="frame")
]
frames[0].save(args.path, save_all=True, append_images=frames[1:], duration=60, loop=0)
print(f"{args.path}: {len(frames)} frames of {frames[0].width} x {frames[0].height}")
