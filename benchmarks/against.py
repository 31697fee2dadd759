"""This tree beside another commit, on this machine, now: `./dev against COMMIT`. It needs nothing but Python itself.

The other commit is built once, with this tree's compiler and flags, and stays in build/against/HASH. For each row
(rows.py) both programs measure themselves in rounds, the one first in even rounds and the other in odd ones, with
random weights. A row's ratio is the median over the rounds of the other's time divided by this tree's in the same
round, so more than 1 means that this tree is faster, and what slows the machine for a while slows both. On a machine
that is not one's own single ratios reach from 0.6 to 1.7, so a row goes on until its median is settled. A group's is
the geometric mean of its rows'. With --bits nothing is timed: both must compute the same bits (bits.py).
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import bits
import judge
import machine
from paths import PROGRAM, ROOT
from program import Program
from rows import GROUPS, Group, Row

ROUNDS, SECONDS = 6, 0.06  # of each row at least, and of each sample
SETTLED = 0.01  # the error of a row's median, as the spread of its ratios lets one expect it
MOST_SECONDS = 12  # of one row that does not settle; then two rounds are enough, unless --rounds says how many
GROUP_SECONDS = 80  # which the rows of a small group share: a row's error counts for more where few are averaged
KEPT = ("CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELEASE", "CMAKE_BUILD_TYPE", "xsimd_DIR", "TBB_DIR")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"./dev against: git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def cached(cache: Path) -> dict[str, str]:
    """What this tree's CMakeCache.txt says of KEPT."""
    entries = re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.MULTILINE)
    return {name: value for name, value in entries if name in KEPT and not value.endswith("-NOTFOUND")}


def build(commit: str) -> Path:
    """The other commit's program."""
    folder = ROOT / "build/against" / commit
    source = folder / "source"
    if not (source / "CMakeLists.txt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(source))
        git("-C", str(source), "checkout", "--quiet", "--detach", commit)
    options = {name: "OFF" for name in ("UPCONV_TESTS", "UPCONV_BENCHMARKS", "UPCONV_INSTALL")}
    options |= cached(PROGRAM.parent / "CMakeCache.txt")
    definitions = [f"-D{name}={value}" for name, value in options.items()]
    configure = ["cmake", "--log-level=WARNING", "-G", "Ninja", "-S", source, "-B", folder / "build", *definitions]
    for command in (configure, ["cmake", "--build", folder / "build", "--target", "upconv_program"]):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            sys.exit(f"./dev against: {commit} does not build")
    return folder / "build/upconv"


def settled(ratios: list[float]) -> bool:
    """Whether the median is known well enough: by the quartiles, since ratios have long tails."""
    if len(ratios) < ROUNDS:
        return False
    first, _, third = statistics.quantiles(ratios, n=4)
    return 0.93 * (third - first) / len(ratios) ** 0.5 < SETTLED  # 1.253 deviations, each 0.741 quartile distances


def measure(row: Row, group: Group, programs: list[Program], threads: int, options: argparse.Namespace) -> dict:
    """The row's rounds: the ratio of each, and what both programs took."""
    start, rounds = time.monotonic(), 0
    most = max(MOST_SECONDS, GROUP_SECONDS / len(group.rows))
    times = [[], []]
    while rounds < options.rounds if options.rounds else not settled([other / this for this, other in zip(*times)]):
        for which in (0, 1) if rounds % 2 == 0 else (1, 0):
            run = partial(programs[which].bench, row, threads, options.seconds)
            times[which].append(machine.sample(run, threads)["median_ms"])
        rounds += 1
        if not options.rounds and rounds >= 2 and time.monotonic() - start > most:
            break
    ratios = [other / this for this, other in zip(*times)]
    return {
        "name": row.name,
        "threads": threads,
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "ms": [statistics.median(one) for one in times],
    }


def knows(program: Program, row: Row, threads: int) -> bool:
    """Whether it has the row's network and precision: an older program may not."""
    unknown = ["unknown network", "names no example"]
    if row.precision != "float32":
        unknown.append("arguments were not expected")
    try:
        program.bench(row, threads, 0)
    except RuntimeError as error:
        if not any(words in str(error) for words in unknown):
            raise
        return False
    return True


def line_of(row: dict) -> str:
    this, other = row["ms"]
    spread = f"{min(row['ratios']):.3f} - {max(row['ratios']):.3f}"
    where = f"{row['name']:29} {machine.threads_text(row['threads']):9}"
    pairs = " ".join(f"{ratio:.3f}" for ratio in row["ratios"])
    return f"{where} {row['ratio']:6.3f}  {spread}  {this:9.3f} ms, was {other:9.3f}   {pairs}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev against",
        description="This tree beside another commit: ratios of their times, more than 1 where this tree is faster.",
    )
    parser.add_argument("commit", metavar="COMMIT", help="any name that git has for it")
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose names contain it")
    parser.add_argument(
        "--threads", metavar="1,2", type=machine.numbers, default=machine.thread_counts(), help="numbers of threads"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"rounds of each row (default: at least {ROUNDS}, until the median is within {SETTLED:.0%}% or "
        f"{MOST_SECONDS} seconds have passed, or more in small groups)",
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each sample (default {SECONDS})")
    parser.add_argument("--long", action="store_true", help="also rows of which one run takes seconds")
    parser.add_argument(
        "--check", metavar="R", type=float, help="exit with 1 where a group's geometric mean is less than R"
    )
    parser.add_argument(
        "--bits",
        metavar="N",
        type=int,
        nargs="?",
        const=300,
        help="no times: the same pictures, and the same results of N random modules (default 300), on every "
        "instruction set",
    )
    options = parser.parse_args()
    if (options.rounds or 1) < 1 or options.seconds < 0 or (options.bits or 1) < 1:
        parser.error("--rounds, --seconds and --bits are not negative")
    options.chosen = [
        (threads, group, row)
        for threads in options.threads
        for group in GROUPS
        for row in group.rows
        if group.measured_on(threads) and re.search(options.rows, row.name) and (options.long or not row.long)
    ]
    if not options.chosen:
        parser.error(f"--rows: no row for these numbers of threads has a name that contains {options.rows!r}")
    return options


def compare(programs: list[Program], options: argparse.Namespace) -> int:
    rows = []
    for threads, group, row in options.chosen:
        if (row.network or row.precision != "float32") and not all(
            knows(program, row, threads) for program in programs
        ):
            print(f"{row.name}: not in both")
            continue
        rows.append(measure(row, group, programs, threads, options) | {"group": group.name})
        print(line_of(rows[-1]), flush=True)
    slower = []
    for group, threads in dict.fromkeys((row["group"], row["threads"]) for row in rows):
        mean = judge.mean_of(group, threads, rows)
        where = f"geometric mean of {group}, {machine.threads_text(threads)}"
        print(f"{where}: {mean:.3f}")
        if options.check and mean < options.check:
            slower.append(f"{where}: {mean:.3f} is less than {options.check}")
    for text in slower:
        print(f"slower: {text}", file=sys.stderr)
    return 1 if slower else 0


def main() -> int:
    options = arguments()
    commit = git("rev-parse", "--short=12", "--verify", f"{options.commit}^{{commit}}")
    this = git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain") else "")
    programs = [Program(), Program(build(commit))]
    here = machine.describe()
    print(f"{this} against {commit}, on {here['processor']}, {machine.threads_text(here['threads'])}, {here['system']}")
    start = time.monotonic()
    failed = bits.compare(programs, options.bits) if options.bits else compare(programs, options)
    print(f"{this} against {commit}: {(time.monotonic() - start) / 60:.1f} minutes")
    return failed


if __name__ == "__main__":
    sys.exit(main())
