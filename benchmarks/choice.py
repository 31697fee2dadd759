"""Whether upconv takes its fastest algorithm: `./dev choice`, which is also a part of `./dev bench --check`.

`upconv bench --algorithm all` measures every candidate for a layer in turns, within one process, and says what its
cost model expected, and which one Tune::measured took there. Both are judged by LIMITS: a choice is good where it takes
at most so many times as long as the fastest candidate, and all together where their regret, the geometric mean of that,
is small enough. What looks bad is measured TAKES times, and the take with the median ratio counts. What comes in a
batch is tuned for throughput, as everywhere; small pictures come alone and in a batch, since that is where the two
choices differ.
"""

import argparse
import dataclasses
import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from machine import describe, threads_text
from paths import ROOT
from program import Program
from rows import GROUPS, Conv2d, ConvTranspose2d, Row, layer


@dataclasses.dataclass(frozen=True)
class Limits:
    worst: float  # of a choice, times the fastest
    regret: float  # of all of them


# Who chooses: the costs of machines, where there is an entry for this class and where all others stand in, and
# the clock.
EXPECTED, FOREIGN, MEASURED = Limits(1.12, 1.03), Limits(1.25, 1.06), Limits(1.05, 1.01)
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


def all_rows(precision: str = "float32") -> list[Row]:
    rows = [row for group in GROUPS if group.name in NAMED for row in group.rows] + list(UNNAMED)
    together = [
        dataclasses.replace(row, name=f"{row.name}, batch {BATCH}", input=(BATCH, *row.input[1:]))
        for row in rows
        if row.input[0] == 1 and math.prod(row.input[2:]) <= SMALL
    ]
    return [dataclasses.replace(row, precision=precision) for row in rows + together]


@dataclasses.dataclass
class Judgement:
    """Of one who chooses, for one row: the algorithm, and its time divided by the fastest one's, of each take."""

    algorithm: str
    ratios: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


@dataclasses.dataclass
class Choice:
    """A row on so many threads. What its candidates took is of the take whose choice is the one in the middle."""

    name: str
    threads: int
    isa: str
    tune: str
    machine: dict  # its properties, whose costs they were expected by, and whether those are measured ones
    expected: Judgement
    measured: Judgement
    candidates: list[dict]

    @property
    def where(self) -> str:
        return f"{self.name}, {threads_text(self.threads)}"

    @property
    def fastest(self) -> str:
        return min(self.candidates, key=lambda one: one["ratio"])["algorithm"]

    def line(self) -> str:
        """On the terminal: measured ratios, and what was expected of them."""
        others = [
            f"{one['algorithm']} {one['ratio']:.2f} ({one['expected_ratio']:.2f})"
            for one in sorted(self.candidates, key=lambda one: one["ratio"])
        ]
        marks = "".join("!" if bad(self, one) else " " for one in JUDGES)
        of = f"{self.expected.ratio:.2f} {self.measured.ratio:.2f}"
        return f"{marks} {of}  {self.where:42} {self.expected.algorithm:16}  {', '.join(others)}"


@dataclasses.dataclass(frozen=True)
class Judge:
    """One of those who choose."""

    name: str
    of: Callable[[Choice], Judgement]
    limits: Callable[[Choice], Limits]


JUDGES = (
    Judge("expected", lambda one: one.expected, lambda one: EXPECTED if one.machine["measured"] else FOREIGN),
    Judge("measured", lambda one: one.measured, lambda _: MEASURED),
)


def bad(choice: Choice, judge: Judge) -> bool:
    return judge.of(choice).ratio > judge.limits(choice).worst


def take(row: Row, threads: int, seconds: float) -> Choice:
    """What the program measured of a row."""
    report = Program().bench(row, threads, seconds, "--algorithm", "all")
    candidates = next(step["candidates"] for step in report["layers"] if "candidates" in step)
    least = min(one["ratio"] for one in candidates)

    def judgement(word: str) -> Judgement:
        chosen = next(one for one in candidates if one[word])
        return Judgement(chosen["algorithm"], [chosen["ratio"] / least])

    return Choice(
        row.name, report["threads"], report["isa"], report["tune"], report["machine"],
        judgement("chosen"), judgement("measured"), candidates,
    )  # fmt: skip


def middle(takes: list[Choice]) -> Choice:
    """The take whose choice is the one in the middle, with the ratios of all."""
    takes = sorted(takes, key=lambda one: one.expected.ratio)
    one = takes[len(takes) // 2]
    return dataclasses.replace(
        one,
        expected=Judgement(one.expected.algorithm, [take.expected.ratio for take in takes]),
        measured=Judgement(one.measured.algorithm, [take.measured.ratio for take in takes]),
    )


def judge_all(pattern: str, thread_counts: list[int], seconds: float, precision: str = "float32") -> list[Choice]:
    """Every row whose name contains the pattern; a line of each on the terminal. What looks bad is taken again when all
    others were, so that what slowed the machine for some seconds is over."""
    takes = []
    for threads in thread_counts:
        for row in all_rows(precision):
            if re.search(pattern, row.name):
                takes.append((row, threads, [take(row, threads, seconds)]))
                print(takes[-1][2][0].line(), flush=True)
    again = [one for one in takes if any(bad(one[2][0], judge) for judge in JUDGES)]
    for _ in range(TAKES - 1):
        for row, threads, own in again:
            own.append(take(row, threads, seconds))
    if again:
        print("\ntaken again:")
    for _, _, own in again:
        print(middle(own).line())
    return [middle(own) for _, _, own in takes]


def regret(ratios: Iterable[float]) -> float:
    return statistics.geometric_mean(ratios)


def bad_choices(choices: list[Choice]) -> list[str]:
    """What breaks a limit, in words."""
    found = []
    if not choices:
        return found
    for one in JUDGES:
        for choice in choices:
            of, limits = one.of(choice), one.limits(choice)
            if bad(choice, one):
                found.append(
                    f"{choice.where}: {of.algorithm}, as {one.name}, takes {of.ratio:.2f} times as long as "
                    f"{choice.fastest}, more than {limits.worst:.2f}"
                )
        whole, limits = regret(one.of(choice).ratio for choice in choices), one.limits(choices[0])
        if whole > limits.regret:
            found.append(f"the regret of what is {one.name} is {whole:.3f}, more than {limits.regret:.2f}")
    return found


def summary(choices: list[Choice]) -> list[str]:
    """For each who chooses, on each number of threads: the worst choice, and the regret."""
    lines = []
    for one in JUDGES:
        for threads in sorted({choice.threads for choice in choices}):
            ratios = [one.of(choice).ratio for choice in choices if choice.threads == threads]
            lines.append(
                f"as {one.name}, {threads_text(threads)}: the worst choice {max(ratios):.2f}, "
                f"the regret of {len(ratios)} {regret(ratios):.3f}"
            )
    return lines


def markdown(choices: list[Choice]) -> str:
    limits = JUDGES[0].limits(choices[0])
    lines = [
        "# The choice of algorithms",
        "",
        f"As `./dev bench --publish` measured it, on {choices[0].isa}, with the costs of",
        f"{choices[0].machine['costs']}; `./dev choice` measures it again.",
        "",
        "Each candidate has its time in microseconds, that divided by the fastest one's and, in brackets, by how",
        "much the costs expected it to be slower than the cheapest. What is expected to be fastest and what",
        "`Tune::measured` took have their times divided by the fastest one's; those beyond",
        f"{limits.worst:.2f} and {MEASURED.worst:.2f} are bad. What has more than one image is tuned for throughput,",
        "the rest for latency.",
        "",
        *(f"- {line[0].upper()}{line[1:]}" for line in summary(choices)),
    ]
    for threads in sorted({one.threads for one in choices}):
        lines += ["", f"## {threads_text(threads)}", ""]
        lines += ["| layer | expected | of the fastest | measured | of the fastest | all candidates |"]
        lines += ["|---|---|--:|---|--:|---|"]
        for choice in choices:
            if choice.threads == threads:
                cells = [choice.name]
                for one in JUDGES:
                    ratio = f"{one.of(choice).ratio:.2f}"
                    cells += [one.of(choice).algorithm, f"**{ratio}**" if bad(choice, one) else ratio]
                others = ", ".join(
                    f"{other['algorithm']} {1e3 * other['ms']:.0f} {other['ratio']:.2f} ({other['expected_ratio']:.2f})"
                    for other in choice.candidates
                )
                lines.append(f"| {' | '.join(cells)} | {others} |")
    return "\n".join(lines) + "\n"


def write(choices: list[Choice], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"machine": describe(), "choices": [dataclasses.asdict(one) for one in choices]}
    (folder / "choice.json").write_text(json.dumps(whole, indent=1) + "\n")
    (folder / "choice.md").write_text(markdown(choices))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev choice", description="Whether upconv takes its fastest algorithm; exits with 1 where it does not."
    )
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose names contain it")
    parser.add_argument("--threads", metavar="N", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--seconds", type=float, default=0.2, help="of each take")
    parser.add_argument("--out", metavar="DIR", type=Path, default=ROOT / "build/compare", help="where the files go")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of the layers")
    options = parser.parse_args()
    choices = judge_all(options.rows, options.threads, options.seconds, options.precision)
    if not choices:
        parser.error(f"--rows: no row's name contains {options.rows!r}")
    write(choices, options.out)
    print(f"{options.out}/choice.md, choice.json")
    for text in summary(choices):
        print(text)
    for text in bad_choices(choices):
        print(f"bad: {text}", file=sys.stderr)
    return 1 if bad_choices(choices) else 0


if __name__ == "__main__":
    sys.exit(main())
