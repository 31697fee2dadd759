"""`./dev quality`: what upconv_quality measures, as docs/bfloat16.md; exits with 1 where it is less than promised."""

import datetime
import subprocess
import sys

import machine
from paths import PROGRAM, ROOT
from program import Program

PAGE = """# bfloat16

`Options::precision`, `--precision bfloat16`, `precision="bfloat16"`: convolutions, transposed or not, and `Linear`
multiply bfloat16 and sum in float32 where `vdpbf16ps` is as fast as a multiply-add of floats, on Zen 4 and Zen 5, or
where AMX has tiles of it (below). `upconv::bfloat16_instructions()` says what a machine has, and `StepInfo::precision`,
`StepInfo::stored`, profiles and traces say what became of each layer.

What is rounded: the values that a layer reads, and its weights, after BatchNorm was folded in; with Winograd's
algorithm both after the transform. Values lie in memory as bfloat16 from the layer that makes them to those that read
them, where all of these are direct sums of bfloat16, or tiles, with the same bits, since they would round what they
read, or have at most four outputs: half of the traffic. Winograd's schemes would round twice, and read floats. What is
not rounded: sums, biases, what is added, activations, norms, and what leaves the network. What is added, or read by a
norm, a view or any other operation, lies in memory as floats.

Elsewhere, with AVX2, AVX-512 or NEON, it is a matter of memory: weights of layers that wait for them, of more than
half a megabyte and at most 32 pixels, tuned for latency, take 16 bits and are widened as they are multiplied, by direct
sums and by lean Winograd; all else is float32, and errs less than what is promised. `UPCONV_BFLOAT16=none` in the
environment shows it on a machine that has the instructions. Plain C++, `--isa scalar`, has a model of the instruction
with the same bits, for tests.

What stays in float32 by itself, and `StepInfo::precision` tells:

- layers that read what the network is given, alone or in a concatenation: a rounded latent is another latent, of
  which all that follows is made. `Options::round_inputs` rounds it too;
- layers of at most four outputs, as the last of most generators, where there are no tiles or under `exact`, and those
  with a kernel for each channel: their kernels have pixels or channels in the lanes and nothing to gain;
- several groups of an odd number of channels.

More of them by name: `Options::float32`, `--float32 "*.to_rgb"`. The table has what each layer costs alone: the first
one more than all others together, which is why it is the one that is left out.

`Accuracy` means for bfloat16 what it means for float32: `exact` has direct sums alone; `standard` also F(2,2), whose
points were chosen for it and err 1.15 times as much ([why](decisions/bfloat16.md)), and for three taps F(2,3), 1.67
times; `fast` all but F(6,3). Bits depend on the image, the weights, the layer, the options, the instruction set and on
whether that multiplies bfloat16 fast, never on the batch or the threads.

## With AMX at hand

Processors with AMX (Sapphire Rapids and its successors) multiply bfloat16 in matrix tiles, ten times as fast as
floats: the algorithm "tiles", which `standard` and `fast` have for bfloat16 beside those above, of the same error as
direct sums. float32 gains too: "tiles x6" adds six products of three bfloat16, the parts of a float, and errs a third
as much as direct sums; "tiles x3", with `fast` alone, is as exact as 16 bits ([how](decisions/matrix-tiles.md)). The
instruction set is `amx`, taken by itself where the processor has it and the operating system grants it;
`UPCONV_ISA=avx512` does without. Elsewhere nothing of it is there, and tests compute it by a model with the same bits.

Beside PyTorch 2.13 in bfloat16, channels-last, which is the only peer that multiplies it in tiles, on one core of a
Granite-Rapids-class Xeon (`./dev bench --rows bfloat16 --peers pytorch`). Left, layers and networks by themselves:
upconv is given and gives planes of float32, PyTorch channels-last bfloat16, half the memory. Right, layers between
two others, where both read and store channels-last bfloat16:

| milliseconds, one thread | upconv | PyTorch | | two threads | upconv | PyTorch | | two threads |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
| 100-512 k4s1 1x1 | 0.023 | 0.571 | 24.51x | 25.75x | 0.023 | 0.569 | 25.07x | 24.31x |
| 512-256 k4s2 4x4 | 0.173 | 1.225 | 7.09x | 8.84x | 0.151 | 1.192 | 7.90x | 9.26x |
| 256-128 k4s2 8x8 | 0.054 | 0.240 | 4.45x | 3.59x | 0.045 | 0.233 | 5.19x | 5.07x |
| 128-64 k4s2 16x16 | 0.047 | 0.116 | 2.48x | 2.77x | 0.038 | 0.112 | 2.98x | 4.12x |
| 64-3 k4s2 32x32 | 0.020 | 0.071 | 3.61x | 5.04x | | | | |
| 128-64 k4s2 64x64 | 0.880 | 0.761 | 0.86x | 1.05x | 0.693 | 0.751 | 1.10x | 1.19x |
| 256-128 k4s2 64x64 | 3.039 | 3.147 | 1.04x | 1.07x | 2.725 | 3.134 | 1.15x | 1.21x |
| 128-64 k3s2op1 64x64 | 0.609 | 0.571 | 0.94x | 1.05x | 0.452 | 0.550 | 1.22x | 1.26x |
| 128-64 k2s2 64x64 | 0.485 | 0.388 | 0.80x | 0.84x | 0.332 | 0.405 | 1.23x | 1.21x |
| 128-64 k5s2op1 32x32 | 0.283 | 0.349 | 1.22x | 1.58x | 0.249 | 0.341 | 1.37x | 1.78x |
| 64-32 k8s4 32x32 | 0.231 | 0.276 | 1.20x | 1.44x | 0.176 | 0.283 | 1.61x | 1.82x |
| 128-128 k3s1 32x32 | 0.201 | 0.218 | 1.09x | 1.40x | 0.167 | 0.219 | 1.32x | 1.70x |
| DCGAN, batch 1 | 0.429 | 2.525 | 5.91x | 6.70x | | | | |
| DCGAN, batch 16 | 2.714 | 10.866 | 4.00x | 3.35x | | | | |
| DCGAN, batch 64 | 11.176 | 38.120 | 3.44x | 3.16x | | | | |
| pix2pix, batch 1 | 16.090 | 70.709 | 4.47x | 4.74x | | | | |
| cyclegan, batch 1 | 94.472 | 233.843 | 2.47x | 2.32x | | | | |
| esrgan, batch 1 | 112.981 | 178.201 | 1.58x | 2.01x | | | | |
| taesd, batch 1 | 25.096 | 36.670 | 1.46x | 1.50x | | | | |

All of 2026-12-01, in one run. Single layers of large maps are bounded by their planes, of which a core fetches 30
GB/s, and then by the tiles, 0.45 of the 0.69 ms of 128-64 k4s2 64x64 between layers ([what was
tried](decisions/matrix-tiles.md)). Who gives PyTorch planes of float32, and wants them back, waits 2.9 ms for k2s2
and 3.3 for 128-64 k4s2: its conversions take most of that. float32 under `standard` is 1.39 times as fast as without
tiles (0e8bacd) for 128-64 k4s2 64x64, 1.34 to 1.42 for 256-128, 1.46 for 128-64 16x16, 1.53 for k2s2, 1.2 for DCGAN
at batch 16 and 64. The shipped DCGAN in tiles, with its last layer of three outputs, has 64.0 dB beside float64, no
byte further than 5 and 5.4 % of them different. Commands for another such machine:

```sh
# The processor's tiles have the model's bits, and programs take them.
ctest --test-dir build/release -R '^(layers/(tiles|matrix|kernels)|pin/amx)$'
# All else, on every instruction set.
./dev test
# float32 under `standard`, beside what had no tiles.
./dev against 0e8bacd --check 0.98
# Whether the fastest algorithm is taken; then costs that are fitted to it.
./dev choice
./dev fit --measure granite-rapids-amx --write
# One layer in bfloat16, every algorithm beside the others, measured and expected.
upconv bench "ConvTranspose2d(128, 64, 4, stride=2, padding=1)" --input 1,128,64,64 --precision bfloat16 \
--round-inputs --algorithm all
# Errors, with the processor's tiles in the place of the model's.
./dev errors
```

The shipped DCGAN, 64 pictures of seed 0 beside float64: PSNR over [-1, 1], the largest difference of a byte, and the
share of bytes that differ. PyTorch with the whole module in bfloat16 has 53.4 dB, 26 and 15 %.

{pictures}
float64 and bfloat16, `standard`:

![float64](dcgan-float64.png) ![bfloat16](dcgan-bfloat16.png)

What rounding does to a layer of normal random weights and inputs: the rms error in thousandths of the outputs' rms,
and how many times the direct sum's that is.

{errors}
Rows of bfloat16 beside PyTorch's, OpenVINO's and ncnn's: `./dev bench --rows bfloat16`; beside float32 of our own:
`./dev bench precision`. The choice of algorithms: `./dev choice --precision bfloat16`. How long it takes:
[decisions](decisions/bfloat16.md).

Measured with upconv {version} ({commit}) on {processor}, {system}, {date}; errors belong to the instruction set, not
to the machine or the number of threads.
"""


def promised(pictures: str) -> bool:
    """At least 63 dB, no byte further than 6, at most 6 % of them, for bfloat16 as it is by default."""
    row = next(line for line in pictures.splitlines() if line.startswith("| bfloat16, `standard`"))
    psnr, most, share = (float(cell.split()[0]) for cell in row.split("|")[2:5])
    return psnr >= 63 and most <= 6 and share <= 6


def main() -> int:
    command = [PROGRAM.with_name("upconv_quality"), ROOT / "docs"]
    pictures, errors = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n\n")
    about = machine.describe() | {"version": Program().version(), "commit": machine.commit()}
    page = ROOT / "docs/bfloat16.md"
    text = PAGE.format(**about, pictures=pictures + "\n", errors=errors, date=datetime.date.today())
    page.write_text(text)
    print(page.relative_to(ROOT))
    return 0 if promised(pictures) else 1


if __name__ == "__main__":
    sys.exit(main())
