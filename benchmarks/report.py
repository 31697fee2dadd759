"""What compare.py found, as a page and two pictures."""

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from engines import ENGINES
from machine import threads_text
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

NOISY = 0.15  # spread between rounds beyond which a figure is marked
COLOURS = {  # Okabe and Ito's, which everyone can tell apart
    "upconv": "#000000",
    "pytorch": "#D55E00",
    "onnxruntime": "#0072B2",
    "openvino": "#009E73",
    "ncnn": "#CC79A7",
}
plt.rcParams |= {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}


def thread_counts(found: dict) -> list[int]:
    return sorted({row["threads"] for row in found["rows"]})


def peers_of(found: dict) -> list[str]:
    """The peers that were timed, in the order of ENGINES."""
    timed = {name for row in found["rows"] for name in (*row["engines"], *row["failures"])}
    return [name for name in ENGINES if name in timed and name != "upconv"]


def digits(value: float) -> str:
    """Three that matter."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def noisy(row: dict) -> list[str]:
    """What of a row moved between its rounds."""
    moved = [
        f"{ENGINES[name].title} by {engine['spread']:.0%} ({engine['stolen']:.0%} of its time stolen)"
        for name, engine in row["engines"].items()
        if name in ("upconv", row["fastest_peer"]) and engine["spread"] > NOISY
    ]
    if (row["peak_spread"] or 0) > NOISY:
        moved.append(f"the machine's own limit by {row['peak_spread']:.0%}")
    return moved


def time_text(row: dict, name: str) -> str:
    if name not in row["engines"]:
        return "failed" if name in row["failures"] else "-"
    text = digits(row["engines"][name]["ms"])
    return f"**{text}**" if name == row["fastest_peer"] else text


def promise_text(row: dict) -> str:
    """What is promised: "1.50", or of a peer by name with what was measured, "1.60 of PyTorch (1.84)"."""
    texts = [f"{row['promise']:.2f}"] if row["promise"] else []
    for name, promise in row["promises"].items():
        ratio = row["ratios"].get(name)
        texts.append(f"{promise:.2f} of {ENGINES[name].title}" + (f" ({ratio:.2f})" if ratio else ""))
    return ", ".join(texts)


def table(rows: list[dict], peers: list[str]) -> list[str]:
    heads = ["row", "upconv", *(ENGINES[name].title for name in peers)]
    heads += ["ratio", "from - to", "promised", "GFLOP/s", "of peak"]
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for row in rows:
        cells = [row["name"], *(time_text(row, name) for name in ["upconv", *peers])]
        if row["ratio"]:
            low, high = row["ratio_range"]
            cells += [f"{row['ratio']:.2f}{' ~' if noisy(row) else ''}", f"{low:.2f} - {high:.2f}"]
        else:
            cells += ["-", "-"]
        cells.append(promise_text(row))
        if "upconv" in row["engines"]:
            gflops = row["flops"] / row["engines"]["upconv"]["ms"] / 1e6
            promise = f" (promised {row['promised_peak']:.0%})" if row["promised_peak"] else ""
            cells += [digits(gflops), f"{row['of_peak']:.0%}{promise}"]
        else:
            cells += ["-", "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def means_text(found: dict, threads: int) -> list[str]:
    lines = []
    for mean in found["groups"]:
        if mean["threads"] == threads:
            promise = f" (promised {mean['promise']:.2f})" if mean["promise"] else ""
            lines.append(f"- Geometric mean of the ratios of **{mean['group']}**: **{mean['mean']:.2f}**{promise}")
    return lines


def machine_text(found: dict) -> str:
    machine = found["machine"]
    caches = ", ".join(f"{level} {size}" for level, size in machine["caches"].items())
    virtual = ", a virtual machine: others may be at work on it" if machine["virtual"] else ""
    isas = ", ".join(sorted({row["isa"] for row in found["rows"] if "isa" in row}))
    processor = f"{machine['processor']}, {threads_text(machine['threads'])}, {caches}{virtual}"
    return f"{processor}; {machine['system']}; upconv ran {isas}"


def markdown(found: dict) -> str:
    peers = peers_of(found)
    versions = ", ".join(f"{ENGINES[name].title} {version}" for name, version in found["versions"].items())
    lines = [
        "# upconv beside other engines",
        "",
        "As `./dev bench` measured it; it writes this page.",
        "",
        f"- Machine: {machine_text(found)}",
        f"- Versions: {versions}, Python {found['machine']['python']}; upconv's commit {found['commit']}",
        f"- Date: {found['date']}; {found['rounds']} rounds of {found['seconds']:g} s, {found['minutes']:.1f} minutes",
        "",
        "![Ratios](ratios.png)",
        "",
        "![Roofline](roofline.png)",
    ]
    for threads in thread_counts(found):
        rows = [row for row in found["rows"] if row["threads"] == threads]
        lines += ["", f"## {threads_text(threads).capitalize()}", "", "Milliseconds; the fastest peer is bold.", ""]
        lines += table(rows, peers) + [""] + means_text(found, threads)
    lines += ["", "## How to read it", ""]
    lines += [
        "- A row's ratio is the fastest peer's time divided by upconv's: the median over the rounds, each by itself,",
        "  with the least and the greatest. Above 1 upconv is faster. What is promised of a named peer has that peer's",
        "  ratio beside it, in brackets.",
        '- GFLOP/s count products that reach an output; "of peak" is of multiply-adds in registers on one thread,',
        "  measured in every round, times the threads; above 100% is what Winograd's algorithm saves.",
        "- Stolen is what the host of a virtual machine took; a sample that lost more than 5% is taken again.",
        "- One process for each engine, one at work at a time; BatchNorm is folded for all; each result was PyTorch's",
        "  within 1e-4 of the largest output before it was timed.",
        "- What the peers answer otherwise than PyTorch on other networks than these stands in [peers.md](peers.md).",
    ]
    lines += [f"- {ENGINES[name].title}: {ENGINES[name].about}." for name in ["upconv", *peers]]
    own = {row["name"]: row["accuracy"] for row in found["rows"] if row["accuracy"] != found["accuracy"]}
    others = "".join(f", of {name} `{accuracy}`" for name, accuracy in own.items())
    lines.append(f"- upconv's accuracy is `{found['accuracy']}`{others}.")
    moved = [(row, noisy(row)) for row in found["rows"] if noisy(row)]
    failed = [(row, name) for row in found["rows"] for name in row["failures"]]
    sections = [
        (f"Noisy (~: moved by more than {NOISY:.0%} between rounds)", [(row, ", ".join(what)) for row, what in moved]),
        ("Failed", [(row, f"{ENGINES[name].title}: {row['failures'][name]}") for row, name in failed]),
    ]
    for head, entries in sections:
        if entries:
            lines += ["", f"## {head}", ""]
            lines += [f"- {row['name']}, {threads_text(row['threads'])}: {text}" for row, text in entries]
    if found["broken_promises"]:
        lines += ["", "## Promises not kept", ""] + [f"- {text}" for text in found["broken_promises"]]
    return "\n".join(lines) + "\n"


def plain(value: float, _=None) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def draw_ratios(found: dict, file: Path) -> None:
    """A bar for each row: how much faster than its fastest peer, in that peer's colour; points for the other peers."""
    counts = thread_counts(found)
    names = list(dict.fromkeys(row["name"] for row in found["rows"]))
    figure, axes = plt.subplots(
        1, len(counts), figsize=(1.6 + 3.4 * len(counts), 1.1 + 0.23 * len(names)),
        sharex=True, sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    everything = [1.0]
    for axis, threads in zip(axes[0], counts):
        for row in found["rows"]:
            if row["threads"] != threads or not row["ratio"]:
                continue
            y = names.index(row["name"])
            axis.barh(y, row["ratio"] - 1, left=1, height=0.62, color=COLOURS[row["fastest_peer"]])
            everything.append(row["ratio"])
            for name, engine in row["engines"].items():
                if name not in ("upconv", row["fastest_peer"]):
                    ratio = engine["ms"] / row["engines"]["upconv"]["ms"]
                    axis.plot(ratio, y, "o", markersize=3.5, color=COLOURS[name])
                    everything.append(ratio)
            weight = "bold" if row["ratio"] < 1 else "normal"
            axis.text(1.01, y, f"{row['ratio']:.2f}", va="center", transform=axis.get_yaxis_transform(), weight=weight)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set_title(threads_text(threads), fontsize=9)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(FuncFormatter(plain))
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.tick_params(axis="y", length=0)
    axes[0][0].set_xlim(min(everything) / 1.1, max(everything) * 1.1)
    axes[0][0].set_yticks(range(len(names)), names)
    axes[0][0].set_ylim(len(names) - 0.5, -0.5)
    handles = [Patch(color=COLOURS[name], label=ENGINES[name].title) for name in peers_of(found)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.supxlabel("time divided by upconv's: bar and number the fastest peer, points the others", fontsize=8)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def draw_roofline(found: dict, file: Path) -> None:
    """Every layer a point under the machine's limits: filled upconv, hollow its fastest peer."""
    counts = thread_counts(found)
    layers = [row for row in found["rows"] if row["group"] == "layers" and row["ratio"]]
    names = list(dict.fromkeys(row["name"] for row in layers))
    markers, colours = "osD^v<>Pp*hX", plt.get_cmap("tab20").colors
    figure, axes = plt.subplots(
        1, len(counts), figsize=(1.8 + 3.3 * len(counts), 3.6), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, threads in zip(axes[0], counts):
        here = [row for row in layers if row["threads"] == threads]
        if here:
            draw_limits(axis, found["bandwidth_gb_s"][threads], [row["peak_gflops"] for row in here])
        for row in here:
            i = names.index(row["name"])
            style = {"marker": markers[i % len(markers)], "color": colours[2 * i % 20], "markersize": 6}
            x = row["flops"] / row["bytes"]
            mine, theirs = (row["flops"] / row["engines"][name]["ms"] / 1e6 for name in ("upconv", row["fastest_peer"]))
            axis.plot([x, x], [mine, theirs], color=style["color"], linewidth=0.8)
            axis.plot(x, theirs, fillstyle="none", **style)
            axis.plot(x, mine, **style)
        axis.set_title(threads_text(threads), fontsize=9)
        axis.grid(color="#dddddd", linewidth=0.6)
    handles = [
        Line2D([], [], linestyle="", marker=markers[i % len(markers)], color=colours[2 * i % 20], label=name)
        for i, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=7)
    figure.supxlabel("FLOP per byte of weights, input and output: filled upconv, hollow its fastest peer", fontsize=8)
    axes[0][0].set_ylabel("GFLOP/s")
    figure.savefig(file, dpi=130)
    plt.close(figure)


def draw_limits(axis, bandwidth: dict[str, float], peaks: list[float]) -> None:
    """The roof: what memory brings, and what registers do, from the least to the greatest that was measured."""
    left, right = 0.25, 512
    axis.set(xscale="log", yscale="log", xlim=(left, right))
    for at in (axis.xaxis, axis.yaxis):
        at.set_major_formatter(FuncFormatter(plain))
        at.set_minor_locator(NullLocator())
    peak = sorted(peaks)[len(peaks) // 2]
    axis.axhspan(min(peaks), max(peaks), color="#eeeeee")
    axis.axhline(peak, color="black", linewidth=1)
    axis.text(left * 1.1, peak * 1.06, f"multiply-adds {peak:.0f} GFLOP/s", fontsize=7)
    for level, rate in bandwidth.items():
        axis.plot([left, peak / rate], [left * rate, peak], color="black", linewidth=0.8, linestyle="--")
        axis.text(
            left * 1.15, left * 1.15 * rate, f"{level} {rate:.0f} GB/s", fontsize=6.5, va="bottom",
            rotation=math.degrees(math.atan(rate)), rotation_mode="anchor", transform_rotates_text=True,
        )  # fmt: skip
