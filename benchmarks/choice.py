"""Whether upconv takes its fastest algorithm: `./dev choice`, which is also a part of `./dev bench --check`.

`upconv bench --algorithm all` measures every candidate for a layer in turns, within one process, and says what its
cost model expected. A choice is good where it takes at most ALLOWED times as long as the fastest candidate. What looks
bad is measured TAKES times, and the take with the median ratio counts. What comes in a batch is tuned for throughput,
as everywhere; small pictures come alone and in a batch, since that is where the two choices differ.
"""

import argparse
import dataclasses
import json
import math
import re
import statistics
import sys
from pathlib import Path

from machine import threads_text
from paths import ROOT
from program import Program
from rows import GROUPS, Conv2d, ConvTranspose2d, Row, layer

ALLOWED = 1.15
TAKES = 5
BATCH = 16  # of small pictures that come together
SMALL = 256  # pixels
NAMED = ("layers", "few output channels", "Conv2d layers")  # groups of rows.py


def unnamed(conv: Conv2d | ConvTranspose2d, *size: int, batch: int = 1) -> Row:
    """A row whose name says what it is: "160-72 k4s2 21x15"."""

    def text(value) -> str:
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

    word = "conv " if isinstance(conv, Conv2d) else ""
    op = f"op{text(conv.output_padding)}" if getattr(conv, "output_padding", 0) else ""
    kernel = f"{word}k{text(conv.kernel_size)}s{text(conv.stride)}p{text(conv.padding)}{op}"
    name = f"{conv.in_channels}-{conv.out_channels} {kernel} {size[0]}x{size[-1]}"
    return layer(name + (f", batch {batch}" if batch > 1 else ""), conv, *size, batch=batch)


# 34 of no network in particular: every stride and kernel, channels and sizes that fit nothing.
UNNAMED = (
    unnamed(ConvTranspose2d(24, 40, 4, 2, 1), 13),
    unnamed(ConvTranspose2d(48, 20, 4, 2, 1), 27, 19, batch=3),
    unnamed(ConvTranspose2d(96, 96, 4, 2, 1), 11),
    unnamed(ConvTranspose2d(160, 72, 4, 2, 1), 21, 15),
    unnamed(ConvTranspose2d(200, 100, 4, 2, 1), 33),
    unnamed(ConvTranspose2d(320, 160, 4, 2, 1), 9, 7),
    unnamed(ConvTranspose2d(384, 192, 4, 2, 1), 6),
    unnamed(ConvTranspose2d(640, 320, 4, 2, 1), 5),
    unnamed(ConvTranspose2d(32, 3, 4, 2, 1), 48),
    unnamed(ConvTranspose2d(40, 1, 4, 2, 1), 61, 45),
    unnamed(ConvTranspose2d(16, 16, 4, 2, 1), 100),
    unnamed(ConvTranspose2d(80, 48, 3, 2, 1, 1), 25, batch=4),
    unnamed(ConvTranspose2d(144, 56, 3, 2, 1, 1), 15, 21),
    unnamed(ConvTranspose2d(256, 128, 3, 2, 1, 1), 12),
    unnamed(ConvTranspose2d(36, 12, 3, 2), 70, 50),
    unnamed(ConvTranspose2d(72, 24, 5, 2, 2, 1), 19, batch=8),
    unnamed(ConvTranspose2d(130, 66, 5, 2, 2, 1), 35, 29),
    unnamed(ConvTranspose2d(240, 112, 5, 2, 2, 1), 10),
    unnamed(ConvTranspose2d(48, 32, 6, 3, 1), 17, 23, batch=3),
    unnamed(ConvTranspose2d(112, 52, 6, 3, 2, 1), 22),
    unnamed(ConvTranspose2d(288, 96, 6, 3, 1), 8),
    unnamed(ConvTranspose2d(40, 24, 8, 4, 2), 15),
    unnamed(ConvTranspose2d(88, 44, 8, 4, 2), 26, 18),
    unnamed(ConvTranspose2d(64, 64, 3, 1, 1), 45, 37, batch=2),
    unnamed(ConvTranspose2d(192, 192, 3, 1, 1), 14),
    unnamed(ConvTranspose2d(28, 52, 3, 1, 1), 80, 60),
    unnamed(ConvTranspose2d(512, 256, 3, 1, 1), 7),
    unnamed(ConvTranspose2d(100, 60, 4), 16, batch=5),
    unnamed(ConvTranspose2d(76, 36, 2, 2), 40),
    unnamed(ConvTranspose2d(96, 48, (3, 4), (1, 2), 1), 31, 24, batch=2),
    unnamed(Conv2d(64, 120, 4, 2, 1), 100),
    unnamed(Conv2d(96, 72, 3, 2, 1), 61, 83),
    unnamed(Conv2d(32, 48, 5, 2, 2), 51, 39, batch=3),
    unnamed(Conv2d(256, 320, 4, 2, 1), 14),
)


def all_rows() -> list[Row]:
    rows = [row for group in GROUPS if group.name in NAMED for row in group.rows] + list(UNNAMED)
    together = [
        dataclasses.replace(row, name=f"{row.name}, batch {BATCH}", input=(BATCH, *row.input[1:]))
        for row in rows
        if row.input[0] == 1 and math.prod(row.input[2:]) <= SMALL
    ]
    return rows + together


def take(row: Row, threads: int, seconds: float) -> dict:
    """What the program measured of a row."""
    report = Program().bench(row, threads, seconds, "--algorithm", "all")
    candidates = next(step["candidates"] for step in report["layers"] if "candidates" in step)
    chosen = next(one for one in candidates if one["chosen"])
    fastest = min(candidates, key=lambda one: one["ratio"])
    return {
        "name": row.name,
        "threads": report["threads"],
        "isa": report["isa"],
        "tune": report["tune"],
        "chosen": chosen["algorithm"],
        "fastest": fastest["algorithm"],
        "ratio": chosen["ratio"] / fastest["ratio"],
        "candidates": candidates,
    }


def judge(row: Row, threads: int, seconds: float) -> dict:
    """A take, or the one in the middle where the first looks bad."""
    takes = [take(row, threads, seconds)]
    if takes[0]["ratio"] > ALLOWED:
        takes += [take(row, threads, seconds) for _ in range(TAKES - 1)]
    takes.sort(key=lambda one: one["ratio"])
    middle = takes[len(takes) // 2]
    return middle | {"good": middle["ratio"] <= ALLOWED, "ratios": [one["ratio"] for one in takes]}


def judge_all(pattern: str, thread_counts: list[int], seconds: float) -> list[dict]:
    """Every row whose name contains the pattern; a line of each on the terminal."""
    choices = []
    for threads in thread_counts:
        for row in all_rows():
            if re.search(pattern, row.name):
                choices.append(judge(row, threads, seconds))
                print(line_of(choices[-1]), flush=True)
    return choices


def where(choice: dict) -> str:
    return f"{choice['name']}, {threads_text(choice['threads'])}"


def bad_choices(choices: list[dict]) -> list[str]:
    return [
        f"{where(one)}: {one['chosen']} takes {one['ratio']:.2f} times as long as {one['fastest']}, "
        f"more than {ALLOWED:.2f}"
        for one in choices
        if not one["good"]
    ]


def line_of(choice: dict) -> str:
    """A row's line on the terminal: measured ratios, and what was expected of them."""
    others = [
        f"{one['algorithm']} {one['ratio']:.2f} ({one['expected_ratio']:.2f})"
        for one in sorted(choice["candidates"], key=lambda one: one["ratio"])
    ]
    mark = " " if choice["good"] else "!"
    return f"{mark} {choice['ratio']:.2f}  {where(choice):42} {choice['chosen']:16}  {', '.join(others)}"


def markdown(choices: list[dict]) -> str:
    means = {
        tune: statistics.geometric_mean(one["ratio"] for one in choices if one["tune"] == tune)
        for tune in dict.fromkeys(one["tune"] for one in choices)
    }
    lines = [
        "# The choice of algorithms",
        "",
        f"As `./dev bench --publish` measured it, on {choices[0]['isa']}; `./dev choice` measures it again. Each",
        "candidate with its time in microseconds, that divided by the fastest one's and, in brackets, by how much the",
        f"cost model expected it to be slower than the cheapest. A choice that takes more than {ALLOWED:.2f} times as",
        f"long as the fastest is bad: {len(bad_choices(choices))} of {len(choices)} are. What has more than one image",
        "is tuned for throughput, the rest for latency.",
        "",
        *(f"- Geometric mean of the choices' ratios, tuned for {tune}: **{mean:.3f}**" for tune, mean in means.items()),
    ]
    for threads in sorted({one["threads"] for one in choices}):
        lines += ["", f"## {threads_text(threads)}", ""]
        lines += ["| layer | chosen | of the fastest | all candidates |", "|---|---|--:|---|"]
        for one in choices:
            if one["threads"] == threads:
                ratio = f"{one['ratio']:.2f}" if one["good"] else f"**{one['ratio']:.2f}**"
                others = ", ".join(
                    f"{other['algorithm']} {1e3 * other['ms']:.0f} {other['ratio']:.2f} ({other['expected_ratio']:.2f})"
                    for other in one["candidates"]
                )
                lines.append(f"| {one['name']} | {one['chosen']} | {ratio} | {others} |")
    return "\n".join(lines) + "\n"


def write(choices: list[dict], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "choice.json").write_text(json.dumps(choices, indent=1) + "\n")
    (folder / "choice.md").write_text(markdown(choices))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev choice", description="Whether upconv takes its fastest algorithm; exits with 1 where it does not."
    )
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose names contain it")
    parser.add_argument("--threads", metavar="N", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--seconds", type=float, default=0.2, help="of each take")
    parser.add_argument("--out", metavar="DIR", type=Path, default=ROOT / "build/compare", help="where the files go")
    options = parser.parse_args()
    choices = judge_all(options.rows, options.threads, options.seconds)
    if not choices:
        parser.error(f"--rows: no row's name contains {options.rows!r}")
    write(choices, options.out)
    print(f"{options.out}/choice.md, choice.json")
    for text in bad_choices(choices):
        print(f"bad: {text}", file=sys.stderr)
    return 1 if bad_choices(choices) else 0


if __name__ == "__main__":
    sys.exit(main())
