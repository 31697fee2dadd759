#!/usr/bin/env python3
"""upconv in bfloat16 beside its own float32, in turns: ./dev bench precision

    ./dev bench precision [--rows REGEX] [--threads 1,2] [--rounds N] [--seconds S] [--check]

A row's ratio is the median over the rounds of float32's time divided by bfloat16's, so more than 1 means that bfloat16
is faster. Single layers round what they are given, too.

--check fails where a promise is not kept. With fast instructions for bfloat16 these are 1.4 for DCGAN at batch 16 and
64 and for 64x64 k4s2; with tiles there are none here, as it is PyTorch's bfloat16 that these are measured beside
(./dev bench --rows bfloat16). Elsewhere bfloat16 only halves the weights of layers that wait for them: 1.2 for those,
alone and at batch 1, and nothing below 0.95."""

import argparse
import dataclasses
import re
import sys

import against
import machine
from program import Program
from rows import GROUPS, IN_BFLOAT16, Row

LARGE = ("DCGAN, batch 16", "DCGAN, batch 64", "128-64 k4s2 64x64", "256-128 k4s2 64x64")


class Rounded(Program):
    """The program, which takes every row in bfloat16."""

    def bench(self, row: Row, *arguments, **more) -> dict:
        return super().bench(dataclasses.replace(row, precision="bfloat16"), *arguments, **more)


def promised(row: Row, kind: str, layers: list[dict]) -> float | None:
    """For a row on a machine of this kind, whose layers the program described."""
    if kind == "fast":
        return 1.4 if row.name in LARGE else None
    if kind == "tiles":
        return None
    halved = len(row.layers) == 1 and row.input[0] == 1 and layers[0]["precision"] == "bfloat16"
    return 1.2 if halved else 0.95


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench precision", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose names contain it")
    parser.add_argument("--threads", metavar="1,2", type=machine.numbers, default=machine.thread_counts())
    parser.add_argument("--rounds", type=int, help="of each row; where none is given, until its median is settled")
    parser.add_argument("--seconds", type=float, default=against.SECONDS, help="of each sample")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a promise is not kept")
    options = parser.parse_args()
    programs = [Rounded(), Program()]
    kind = programs[1].bfloat16()
    print(f"{machine.describe()['processor']}, bfloat16: {kind}, {machine.commit()}")
    chosen = [
        (threads, group, row)
        for threads in options.threads
        for group in GROUPS
        for row in group.rows
        if (group.name in ("layers", "batches", "networks") or row.name in IN_BFLOAT16)
        and re.search(options.rows, row.name)
    ]
    broken = []
    for threads, group, row in chosen:
        found = against.measure(row, group, programs, threads, options)
        least = promised(row, kind, programs[0].bench(row, threads, 0)["layers"])
        print(against.line_of(found) + (f"   promised {least}" if least else ""), flush=True)
        if least and found["ratio"] < least:
            broken.append(f"{row.name}: {found['ratio']:.2f}, {least} are promised")
    for promise in broken:
        print(f"not kept: {promise}", file=sys.stderr)
    return 1 if options.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
