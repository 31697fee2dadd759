"""Costs of machines, fitted to what `./dev choice` measured: `./dev fit`.

The costs that the library reckons with (MachineCosts, layers/convolution/machine.h) are fitted by least squares within
bounds, a set for every class of machines. For each row the logarithms of what is expected of its candidates, less those
of what they took, should be the same number; candidates near the fastest count more, since only they decide. The
choice itself counts too: what is expected to be cheapest, softly, by how much longer it takes than the fastest. A
constant that the measurements do not tell stays where the default is.

What was measured lies in benchmarks/machines, a file for each machine. `--measure NAME` adds this one, or measures it
again; `--write` puts what was found into layers/convolution/machine_class.cpp.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import choice
import numpy
from paths import ROOT
from rows import Row
from scipy.optimize import least_squares

MACHINES = ROOT / "benchmarks/machines"
SOURCE = ROOT / "layers/convolution/machine_class.cpp"
COSTS = ROOT / "build/release/upconv_costs"

NEAR = 0.2  # how far from the fastest, in logarithms of time, a candidate counts half
FAR = 0.4  # from this error on, in logarithms, more of it counts less and less
SOFT = 0.03  # candidates within this of the cheapest are chosen nearly as often
CHOICE = 8  # how much the choice counts beside the errors of all candidates
PRIOR = 0.5  # how far from the default a constant may lie without a word, in logarithms
PRIOR_WEIGHT = 0.02  # how much it counts, beside a row
SAME = 0.002  # regrets that differ by less are the same


# The constants that are fitted, with the least and the most that is believed of them. The others were tried too, and no
# machine told them: those of gathered pixels, of what rows do around their products, of merged phases and of schemes
# along rows.
BOUNDS = {
    "tile_overhead": (0.5, 5),
    "lone_vector": (1, 2),
    "narrow_tiles": (0.9, 1.6),
    "near_bytes": (4, 64),
    "far_bytes": (2, 32),
    "beyond_bytes": (1, 16),
    "shows": (1, 10),
    "shows_alone": (1, 6),
    "transform_small": (1.5, 12),
    "transform_middle": (2, 16),
    "transform_large": (3, 20),
    "inputs_in_halves": (0.8, 2),
    "lean_product": (0.8, 2),
    "lean_point": (0.1, 4),
    "rows_few": (0.9, 2),
    "rows_one_phase": (0.9, 2),
    "rows_two_phases": (0.9, 2),
    "rows_strip": (20, 400),
    "rows_transform_small": (2, 16),
    "rows_transform": (2, 20),
    "matrix_product": (8, 40),
    "matrix_load": (1, 40),
    "matrix_in": (0.1, 3),
    "matrix_out": (0.1, 3),
}


@dataclass(frozen=True)
class Properties:
    """Those of layers/convolution/machine_class.h."""

    wide: bool
    halves: bool
    own_additions: bool

    def source(self) -> str:
        return "{" + ", ".join(f".{name} = true" for name, value in vars(self).items() if value) + "}"


class Costs:
    """The library's own reckoning, for one instruction set."""

    def __init__(self, rows: list[Row], isa: str, properties: Properties):
        self.process = subprocess.Popen([COSTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        asked = [
            {
                "spec": row.spec,
                "input": row.input,
                "isa": isa,
                "tune": "throughput" if row.input[0] > 1 else "latency",
                "accuracy": row.accuracy or "standard",
            }
            for row in rows
        ]
        answer = self.ask({"properties": vars(properties), "rows": asked})
        self.candidates, self.defaults, self.today = answer["candidates"], answer["defaults"], answer["today"]

    def ask(self, question) -> list:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("upconv_costs has ended")
        return json.loads(answer)


@dataclass
class Sample:
    """A row on so many threads: which of its candidates were measured, and the logarithms of their times divided by the
    fastest one's."""

    row: int
    candidates: list[int]
    times: numpy.ndarray


class Machine:
    """What was measured on one, of what there still is."""

    def __init__(self, path: Path):
        measured = json.loads(path.read_text())
        self.name = path.stem
        self.title = measured["machine"]["title"]
        self.properties = Properties(**measured["machine"]["properties"])
        known = {row.name: row for row in choice.all_rows()}
        kept = [one for one in measured["choices"] if one["name"] in known]
        self.rows = list(dict.fromkeys(one["name"] for one in kept))
        self.costs = Costs([known[name] for name in self.rows], measured["machine"]["isa"], self.properties)
        self.samples = []
        for one in kept:
            row = self.rows.index(one["name"])
            there = [i for i, name in enumerate(self.costs.candidates[row]) if name in one["ratios"]]
            times = numpy.log([one["ratios"][self.costs.candidates[row][i]] for i in there])
            self.samples.append(Sample(row, there, times - times.min()))

    def expected(self, constants: dict[str, float]) -> list[numpy.ndarray]:
        """The logarithms of cycles, for each sample."""
        own = constants | {
            "vector_cycles": 2 if self.properties.halves else 1,
            "l2_bytes": (1024 if self.properties.wide else 512) << 10,
        }
        cycles = self.costs.ask(own)
        return [numpy.log([cycles[one.row][i] for i in one.candidates]) for one in self.samples]

    def judge(self, constants: dict[str, float]) -> "Verdict":
        taken = []
        for sample, expected in zip(self.samples, self.expected(constants)):
            names = [self.costs.candidates[sample.row][i] for i in sample.candidates]
            chosen = int(expected.argmin())
            text = f"{self.rows[sample.row]}: {names[chosen]} for {names[int(sample.times.argmin())]}"
            taken.append((math.exp(sample.times[chosen]), text))
        return Verdict(taken)


@dataclass
class Verdict:
    """What the choices of some constants take, divided by what the fastest takes, and which they are."""

    taken: list[tuple[float, str]]

    @property
    def worst(self) -> float:
        return max(self.taken)[0]

    @property
    def regret(self) -> float:
        return choice.regret(ratio for ratio, _ in self.taken)


@dataclass
class Fit:
    """Constants, and how far each of them is known, in logarithms."""

    constants: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)


def residuals(machines: list[Machine], constants: dict[str, float]) -> list[numpy.ndarray]:
    parts = []
    for machine in machines:
        for sample, expected in zip(machine.samples, machine.expected(constants)):
            weights = 1 / (1 + (sample.times / NEAR) ** 2)
            errors = expected - sample.times
            errors = errors - (weights * errors).sum() / weights.sum()
            parts.append(numpy.sqrt(weights) * FAR * numpy.tanh(errors / FAR))
            taken = numpy.exp((expected.min() - expected) / SOFT)
            parts.append(CHOICE * numpy.sqrt(taken / taken.sum()) * sample.times)
    return parts


def fit(machines: list[Machine], defaults: dict[str, float]) -> Fit:
    """The constants of all these machines."""
    names = list(BOUNDS)
    least, most = (numpy.log([BOUNDS[name][i] for name in names]) for i in (0, 1))
    start = numpy.log([defaults[name] for name in names])
    weight = PRIOR_WEIGHT * math.sqrt(sum(len(machine.samples) for machine in machines)) / PRIOR

    def all_residuals(point: numpy.ndarray) -> numpy.ndarray:
        constants = defaults | dict(zip(names, numpy.exp(point)))
        return numpy.concatenate([*residuals(machines, constants), weight * (point - start)])

    found = least_squares(all_residuals, start, bounds=(least, most), diff_step=1e-3, max_nfev=40)
    spread = math.sqrt(2 * found.cost / max(1, len(found.fun) - len(names)))
    errors = spread * numpy.sqrt(numpy.diag(numpy.linalg.inv(found.jac.T @ found.jac)))
    return Fit(
        defaults | {name: rounded(math.exp(value)) for name, value in zip(names, found.x)},
        dict(zip(names, errors)),
    )


def rounded(value: float) -> float:
    """Three digits say all that is known."""
    return float(f"{value:.3g}")


def classes_of(machines: list[Machine]) -> dict[Properties, list[Machine]]:
    found: dict[Properties, list[Machine]] = {}
    for machine in machines:
        found.setdefault(machine.properties, []).append(machine)
    return found


def fit_class(properties: Properties, machines: list[Machine], defaults: dict[str, float]) -> Fit:
    """The constants of one class, near those of all machines with vectors as wide where nothing tells more; those of
    today where they choose as well, so that an entry does not change because another machine was measured."""
    members = [machine for machine in machines if machine.properties == properties]
    found = fit(members, fit_others(properties.wide, machines, defaults).constants)
    today = members[0].costs.today

    def regret(constants: dict[str, float]) -> float:
        return statistics.mean(machine.judge(constants).regret for machine in members)

    return found if regret(found.constants) < regret(today) - SAME else Fit(today, found.errors)


def fit_others(wide: bool, machines: list[Machine], defaults: dict[str, float]) -> Fit:
    """The constants of classes of which no machine was measured."""
    return fit([machine for machine in machines if machine.properties.wide == wide], defaults)


def left_out(machine: Machine, machines: list[Machine], defaults: dict[str, float]) -> dict[str, float]:
    """What this machine would take where it had not been measured."""
    rest = [one for one in machines if one is not machine]
    if not any(one.properties.wide == machine.properties.wide for one in rest):
        return defaults
    if any(one.properties == machine.properties for one in rest):
        return fit_class(machine.properties, rest, defaults).constants
    return fit_others(machine.properties.wide, rest, defaults).constants


def table(title: str, found: Fit, today: dict[str, float]) -> None:
    print(f"\n{title}\n{'constant':20} {'before':>8} {'after':>8} {'bounds':>16}  error")
    for name, (least, most) in BOUNDS.items():
        told = f"{100 * found.errors[name]:3.0f} %"
        print(f"{name:20} {today[name]:8.3g} {found.constants[name]:8.3g} {f'{least:g} to {most:g}':>16}  {told}")


def verdicts(machine: Machine, named: dict[str, dict[str, float]], worst: int) -> None:
    for word, constants in named.items():
        verdict = machine.judge(constants)
        print(f"{machine.name:16} {word:10} worst {verdict.worst:.2f}, regret {verdict.regret:.3f}")
        for ratio, text in sorted(verdict.taken, reverse=True)[:worst]:
            print(f"    {ratio:.2f} {text}")


def entry(name: str, properties: Properties, found: Fit, defaults: dict[str, float]) -> str:
    """One of machine_class.cpp."""
    costs = [f".{name} = {value:g}" for name, value in found.constants.items() if value != defaults[name]]
    return (
        f'    {{.name = "{name}",\n     .properties = {properties.source()},\n     .costs = {{{", ".join(costs)}}}}},\n'
    )


def write_source(fits: dict[Properties, Fit], machines: list[Machine], defaults: dict[str, float]) -> None:
    entries = {"fitted": "", "others": ""}
    for properties, found in fits.items():
        titles = dict.fromkeys(machine.title for machine in machines if machine.properties == properties)
        entries["fitted"] += entry(", ".join(titles), properties, found, defaults)
    for wide, name in ((False, "others without AVX-512"), (True, "others with AVX-512")):
        found = fit_others(wide, machines, defaults)
        entries["others"] += entry(name, Properties(wide, False, False), found, defaults)
    text = SOURCE.read_text()
    for place, lines in entries.items():
        # `lines` has no backslash that a replacement would obey.
        text = re.sub(rf"(// <{place}>\n).*?(// </{place}>)", rf"\g<1>{lines}\g<2>", text, flags=re.S)
    SOURCE.write_text(text)


def measure(name: str, title: str, seconds: float) -> None:
    """Measures this machine, on one thread and on two, into a file of benchmarks/machines; without a title its old one
    stays."""
    path = MACHINES / f"{name}.json"
    if not title:
        title = json.loads(path.read_text())["machine"]["title"] if path.exists() else name
    choices = choice.judge_all("", [1, 2], seconds)
    properties = {key: choices[0].machine[key] for key in ("wide", "halves", "own_additions")}
    head = {"title": title, "isa": choices[0].isa, "properties": properties}
    lines = [
        json.dumps(
            {
                "name": one.name,
                "threads": one.threads,
                "ratios": {other["algorithm"]: round(other["ratio"], 3) for other in one.candidates},
            }
        )
        for one in choices
    ]
    rows = ",\n  ".join(lines)
    path.write_text(f'{{"machine": {json.dumps(head)},\n "choices": [\n  {rows}\n ]}}\n')


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fit", description="Fit the costs of machines to what was measured.")
    parser.add_argument(
        "--measure", metavar="NAME", help="measure this machine first, into benchmarks/machines/NAME.json"
    )
    parser.add_argument("--title", default="", help='what its entry is called, such as "Zen 5"')
    parser.add_argument("--seconds", type=float, default=0.2, help="of each take, where it is measured")
    parser.add_argument("--from", metavar="FILE", dest="files", type=Path, nargs="+", help="instead of all there are")
    parser.add_argument(
        "--worst", metavar="N", type=int, default=0, help="show so many of each machine's worst choices"
    )
    parser.add_argument("--write", action="store_true", help=f"put what is found into {SOURCE.relative_to(ROOT)}")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.title, options.seconds)
    machines = [Machine(path) for path in options.files or sorted(MACHINES.glob("*.json"))]
    defaults = machines[0].costs.defaults
    fits = {properties: fit_class(properties, machines, defaults) for properties in classes_of(machines)}
    for properties, members in classes_of(machines).items():
        table(", ".join(machine.title for machine in members), fits[properties], members[0].costs.today)
    print()
    for machine in machines:
        named = {
            "before": machine.costs.today,
            "after": fits[machine.properties].constants,
            "left out": left_out(machine, machines, defaults),
        }
        verdicts(machine, named, options.worst)
    if options.write:
        write_source(fits, machines, defaults)
        print(SOURCE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
