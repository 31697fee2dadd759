"""Whether two programs compute the same bits: `./dev against COMMIT --bits`.

On every instruction set that the machine runs, pictures of the shipped DCGAN and the results of random modules
(modules.py): with each accuracy, tuned for one or the other, on one thread or two, and with one algorithm of those that
apply. A module that both refuse in the same words counts as equal. What is chosen among algorithms is compared too, but
another choice with the same bits is no failure.
"""

import json
import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from modules import Module, random_module
from paths import ROOT
from program import Program

ACCURACIES = ("exact", "standard", "fast")
PICTURES = ((0, 64, 64), (0, 16, 5), (1, 7, 3), (2, 1, 1))  # seed, count, batch


@dataclass
class Outcome:
    """One module on one instruction set."""

    isa: str
    difference: str = ""
    refused: bool = False
    chosen_alike: bool = True


def instruction_sets(program: Program) -> list[str]:
    listed = re.search(r"on this machine (.*)", program.call("run", "--help"))
    return re.findall(r"\w+", listed[1])


def results(programs: list[Program], folder: Path, command: list[str], output: str) -> list[tuple[str, bytes]]:
    """What each says where it refuses, else what it wrote."""
    found = []
    for i, program in enumerate(programs):
        file = folder / f"{i}.{output}"
        file.unlink(missing_ok=True)
        try:
            program.call(*command, "--output" if output == "npy" else "--out", str(file))
            found.append(("", file.read_bytes()))
        except RuntimeError as error:
            found.append((str(error), b""))
    return found


def same_pictures(programs: list[Program], isa: str, folder: Path) -> bool:
    weights = str(ROOT / "examples/weights/dcgan.safetensors")
    for seed, count, batch in PICTURES:
        words = ["--seed", str(seed), "--count", str(count), "--batch", str(batch), "--isa", isa]
        (refused, this), (_, other) = results(programs, folder, ["generate", "--weights", weights, *words], "png")
        if refused or this != other:
            print(f"upconv generate {' '.join(words)}: {refused or 'another picture'}", file=sys.stderr)
            return False
    return True


def candidates(program: Program, module: Module, isa: str) -> tuple[list[str], list[str]]:
    """The algorithms that the module's steps take, and all that they could."""
    command = ["bench", module.spec, "--input", module.input_shape(), "--isa", isa, "--accuracy", "fast", "--json"]
    try:
        layers = json.loads(program.call(*command, "--threads", "1", "--seconds", "0", "--algorithm", "all"))["layers"]
    except RuntimeError:
        return [], []
    known = {one["algorithm"] for layer in layers for one in layer.get("candidates", [])}
    return [layer["algorithm"] for layer in layers], sorted(known)


def compare_module(programs: list[Program], module: Module, isa: str, files: list[str], folder: Path) -> Outcome:
    (chosen, known), (others_chosen, others_known) = (candidates(program, module, isa) for program in programs)
    outcome = Outcome(isa, chosen_alike=chosen == others_chosen)
    common = sorted(set(known) & set(others_known))
    ways = [(accuracy, "auto") for accuracy in ACCURACIES]
    if common:
        ways.append(("fast", module.random.choice(common)))
    for accuracy, algorithm in ways:
        tune, threads = module.random.choice(("latency", "throughput")), module.random.choice("12")
        words = ["--accuracy", accuracy, "--algorithm", algorithm, "--tune", tune, "--threads", threads, "--isa", isa]
        this, other = results(programs, folder, ["run", module.spec, *files, *words], "npy")
        outcome.refused = bool(this[0])
        if this != other:
            outcome.difference = f'upconv run "{module.spec}" {" ".join(words)}: {difference(this, other)}'
        if outcome.refused or outcome.difference:
            break
    return outcome


def difference(this: tuple[str, bytes], other: tuple[str, bytes]) -> str:
    if not this[0] and not other[0]:
        return "other bits"
    return f"this tree says {this[0] or 'nothing'!r}, the other {other[0] or 'nothing'!r}"


def compare_seed(programs: list[Program], isas: list[str], seed: int) -> list[Outcome]:
    module = random_module(seed)
    with tempfile.TemporaryDirectory() as folder:
        files = module.write(Path(folder))
        return [compare_module(programs, module, isa, files, Path(folder)) for isa in isas]


def compare(programs: list[Program], count: int) -> int:
    isas = instruction_sets(programs[0])
    with tempfile.TemporaryDirectory() as folder:
        if not all(same_pictures(programs, isa, Path(folder)) for isa in isas):
            return 1
    print(f"pictures: the same, on {', '.join(isas)}", flush=True)
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for seed, found in enumerate(pool.map(lambda seed: compare_seed(programs, isas, seed), range(count))):
            outcomes += found
            different = [one for one in found if one.difference]
            if different:
                pool.shutdown(wait=False, cancel_futures=True)
                for one in different:
                    print(f"{one.isa}, seed {seed}: {one.difference}", file=sys.stderr)
                return 1
    for isa in isas:
        here = [one for one in outcomes if one.isa == isa]
        refused = sum(one.refused for one in here)
        otherwise = sum(not one.chosen_alike for one in here)
        text = f"{isa}: {len(here)} modules, {len(here)} equal, {refused} refused alike"
        print(text + (f", {otherwise} with other algorithms" if otherwise else ""))
    return 0
