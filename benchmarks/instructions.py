"""What the kernels of NEON are made of, counted without a machine that has it: `./dev instructions`.

First the innermost loop of each micro-kernel, as objdump shows it: the loop of a function that has most multiply-adds
and no other loop inside. Then what one run of DCGAN executes, counted by a plugin of QEMU's: the difference between a
process of three runs and one of one, halved, so that nothing of the start is in it; ncnn's, from its wheel of PyPI,
beside it. Instructions are no time.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from paths import ROOT

BUILD = ROOT / "build/aarch64"
OBJECT = BUILD / "CMakeFiles/upconv_kernels_neon.dir/layers/kernels/neon.cpp.o"
ARM_ROOT = ROOT / "build/aarch64-libraries/root"
LIBRARIES = f"{ARM_ROOT}/lib/aarch64-linux-gnu:{ARM_ROOT}/usr/lib/aarch64-linux-gnu"
EMULATOR = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", f"LD_LIBRARY_PATH={LIBRARIES}"]
# Of each micro-kernel the name of its function, and what one pass of its loop does.
KERNELS = {
    "direct, 8 pixels x 2 vectors": r"direct_pixels<Neon, 8>",
    "direct, 4 pixels x 2 blocks x 2 vectors": r"direct_pixels<Neon, 4>",
    "direct, 1 pixel x 2 blocks x 2 vectors": r"direct<Neon, 8>",
    "direct, weights in bfloat16, 8 x 2": r"direct_pixels<Halved<Neon>, 8>",
    "Winograd's products, 8 tiles x 2 vectors": r"product_tiles<Neon, 2, 8>",
    "Winograd's products, 8 tiles x 1 vector": r"product_tiles<Neon, 1, 8>",
    "lean F(4,2), 5 tiles": r"lean_tile<Neon, Winograd<4, 2>, 1, 1, 5, 1>",
    "lean F(2,2), 8 tiles": r"lean_tile<Neon, Winograd<2, 2>, 1, 1, 8, 1>",
    "rows, 2 phases x 3 outputs x 2 vectors": r"rows_strip<Neon, 2, 3, 1, 2>",
    "rows, 1 phase x 3 outputs x 5 vectors": r"rows_strip<Neon, 1, 3, 1, 5>",
    "depthwise, 4 pixels x 2 vectors": r"depthwise_tile<Neon, 4, 2>",
    "matmul, 8 rows x 2 vectors": r"matmul_rows<Neon, 8>",
    "multiply-adds alone": r"peak<Neon>",
}
# ncnn's Python, which runs the same network so many times; weights are random, as if BatchNorm had been folded.
NCNN = r"""
import sys
from pathlib import Path
import ncnn
import numpy as np

folder, runs = Path(sys.argv[1]), int(sys.argv[2])
channels, random = [100, 512, 256, 128, 64, 3], np.random.default_rng(0)
layers, weights = ["Input z 0 1 z 0=1 1=1 2=100"], []
for i, (ins, outs) in enumerate(zip(channels, channels[1:])):
    shape = f"0={outs} 1=4 3={1 if i == 0 else 2} 4={0 if i == 0 else 1} 5=1 6={ins * outs * 16}"
    layers.append(f"Deconvolution d{i} 1 1 {f'y{i - 1}' if i else 'z'} y{i} {shape} 9={1 if i < 4 else 0}")
    weights += [np.zeros(1, np.float32), random.normal(0, 0.02, ins * outs * 16), np.zeros(outs)]
layers.append("TanH tanh 1 1 y4 picture")
(folder / "net.param").write_text(f"7767517\n{len(layers)} {len(layers)}\n" + "\n".join(layers) + "\n")
(folder / "net.bin").write_bytes(b"".join(one.astype(np.float32).tobytes() for one in weights))
net = ncnn.Net()
net.opt.num_threads = 1
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
assert net.load_param(str(folder / "net.param")) == 0 and net.load_model(str(folder / "net.bin")) == 0
latent = random.normal(0, 1, (100, 1, 1)).astype(np.float32)
for _ in range(runs):
    extractor = net.create_extractor()
    extractor.input("z", ncnn.Mat(latent))
    picture = np.array(extractor.extract("picture")[1])
    assert picture.shape == (3, 64, 64) and picture.std() > 0, picture.shape
"""
PROMISED_RATIO = 0.85  # multiply-adds of the direct kernel for each instruction that is none
PROMISED_SHARE = 0.25  # of the scalar build's instructions


@dataclass
class Instruction:
    address: int
    name: str
    operands: str

    def target(self) -> int | None:
        """Of a branch within its function."""
        if not re.fullmatch(r"b\.\w+|b|cbn?z|tbn?z", self.name):
            return None
        found = re.search(r"(?:^|, )([0-9a-f]+) <", self.operands)
        return int(found[1], 16) if found else None

    def kind(self) -> str:
        if self.name in ("fmla", "fmls"):
            return "multiply-adds"
        if self.name.startswith("ld"):
            return "loads"
        if self.name.startswith("st"):
            return "stores"
        return "asked for" if self.name == "prfm" else "others"


def functions() -> dict[str, list[Instruction]]:
    command = ["aarch64-linux-gnu-objdump", "--disassemble", "--demangle", "--no-show-raw-insn", str(OBJECT)]
    found, body = {}, []
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        if begin := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            body = found.setdefault(re.sub(r"upconv::kernels::|\(anonymous namespace\)::", "", begin[1]), [])
        elif one := re.match(r"\s+([0-9a-f]+):\s+(\S+)\s*(.*)", line):
            body.append(Instruction(int(one[1], 16), one[2], one[3]))
    return found


def innermost(body: list[Instruction]) -> Counter:
    """Of the loops that have none inside, the one with most multiply-adds."""
    places = {one.address: place for place, one in enumerate(body)}
    loops = [
        (places[target], place)
        for place, one in enumerate(body)
        if (target := one.target()) in places and places[target] <= place
    ]
    counts = [
        Counter(one.kind() for one in body[begin : end + 1])
        for begin, end in loops
        if not any((b, e) != (begin, end) and begin <= b and e <= end for b, e in loops)
    ]
    return max(counts, key=lambda count: count["multiply-adds"])


def print_loops() -> float:
    """Returns the direct kernel's multiply-adds for each instruction that is none."""
    code, ratios = functions(), []
    columns = ["multiply-adds", "loads", "asked for", "stores", "others"]
    print(f"| inner loop | {' | '.join(columns)} | multiply-adds for each other | loads for each |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for title, function in KERNELS.items():
        bodies = [body for name, body in code.items() if re.search(rf"\b{re.escape(function)}\(", name)]
        if len(bodies) != 1:
            sys.exit(f"{function}: {len(bodies)} functions of that name in {OBJECT.name}")
        count = innermost(bodies[0])
        products = count["multiply-adds"]
        ratios.append(products / max(1, count.total() - products))
        numbers = " | ".join(str(count[kind]) for kind in columns)
        print(f"| {title} | {numbers} | {ratios[-1]:.2f} | {count['loads'] / products:.2f} |")
    return ratios[0]


def counted(command: list[str | Path], **environment: str) -> int:
    """What the plugin says at the end of a program that it watches."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return int(re.search(r"executed (\d+)", done.stderr)[1])


def executed(plugin: Path, isa: str, runs: int) -> int:
    return counted([*EMULATOR, "-plugin", plugin, BUILD / "upconv_executed", isa, str(runs)])


def executed_by_ncnn(plugin: Path, runs: int) -> int:
    command = [ROOT / "build/aarch64-ncnn/bin/emulated", "-c", NCNN]
    with tempfile.TemporaryDirectory() as folder:
        return counted(
            [*command, folder, str(runs)], QEMU_PLUGIN_FILE=str(plugin), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"
        )


def main() -> int:
    ratio = print_loops()
    plugin = BUILD / "executed_plugin.so"
    source = ROOT / "benchmarks/executed_plugin.cpp"
    subprocess.run(["g++", "-std=c++20", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(source)], check=True)
    runs = {isa: (executed(plugin, isa, 3) - executed(plugin, isa, 1)) // 2 for isa in ("scalar", "neon")}
    runs["ncnn"] = (executed_by_ncnn(plugin, 3) - executed_by_ncnn(plugin, 1)) // 2
    share = runs["neon"] / runs["scalar"]
    print("\nDCGAN, one picture on one thread, millions of instructions executed:")
    print(", ".join(f"{isa} {count / 1e6:.1f}" for isa, count in runs.items()) + f"; neon's share is {share:.3f}")
    kept = ratio >= PROMISED_RATIO and share <= PROMISED_SHARE
    print(f"promised: at least {PROMISED_RATIO} and at most {PROMISED_SHARE}: {'kept' if kept else 'NOT KEPT'}")
    return 0 if kept else 1


sys.exit(main())
