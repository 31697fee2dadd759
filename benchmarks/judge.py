"""What a row's samples come to, and whether what rows.py promises is kept."""

import statistics

from machine import threads_text
from rows import GROUPS, Group, Row


def spread(values: list[float]) -> float:
    return max(values) / min(values) - 1


def summary(
    row: Row, group: Group, accuracy: str, threads: int, size: dict, samples: dict, peaks: list[float], failures: dict
) -> dict:
    """What is known of a row, as the JSON file has it."""
    engines = {}
    for name, taken in samples.items():
        medians = [one["median_ms"] for one in taken]
        engines[name] = {
            "ms": statistics.median(medians),
            "min_ms": min(one["min_ms"] for one in taken),
            "spread": spread(medians),
            "rounds_ms": medians,
            "stolen": statistics.mean(one["stolen"] for one in taken),
        }
    found = {
        "name": row.name,
        "group": group.name,
        "threads": threads,
        "accuracy": accuracy,
        "promise": row.promise,
        "promises": row.promises,
        "promised_peak": row.promised_peak,
        "input": row.input,
        **size,
        "peak_gflops": statistics.median(peaks) if peaks else None,
        "peak_spread": spread(peaks) if peaks else None,
        "engines": engines,
        "failures": failures,
        "without": row.without,
        "fastest_peer": None,
        "ratios": {},
        "ratio": None,
        "of_peak": None,
    }
    peers = [name for name in engines if name != "upconv"]
    if "upconv" in engines:
        times = engines["upconv"]["rounds_ms"]
        found["of_peak"] = statistics.median(size["flops"] / ms / 1e6 / limit for ms, limit in zip(times, peaks))
        found["isa"] = samples["upconv"][0]["isa"]
        found["algorithms"] = [layer["algorithm"] for layer in samples["upconv"][0]["layers"] if layer["gflops"]]
    if "upconv" in engines and peers:
        ratios = {name: [a / b for a, b in zip(engines[name]["rounds_ms"], times)] for name in peers}
        fastest = min(peers, key=lambda name: engines[name]["ms"])
        found["fastest_peer"] = fastest
        found["ratios"] = {name: statistics.median(values) for name, values in ratios.items()}
        found["ratio"] = found["ratios"][fastest]
        found["ratio_range"] = [min(ratios[fastest]), max(ratios[fastest])]
    return found


def mean_of(group: str, threads: int, rows: list[dict]) -> float | None:
    """The geometric mean of a group's ratios, where every row has one."""
    ratios = [row["ratio"] for row in rows if (row["group"], row["threads"]) == (group, threads)]
    return statistics.geometric_mean(ratios) if ratios and all(ratios) else None


def group_means(rows: list[dict], thread_counts: list[int]) -> list[dict]:
    """The geometric mean of each group that was measured whole."""
    means = []
    for group in GROUPS:
        for threads in thread_counts:
            measured = [row for row in rows if (row["group"], row["threads"]) == (group.name, threads)]
            if len(measured) == len(group.rows) and (mean := mean_of(group.name, threads, measured)):
                means.append({"group": group.name, "threads": threads, "mean": mean, "promise": group.promised_mean})
    return means


def broken_promises(rows: list[dict], means: list[dict]) -> list[str]:
    broken = []
    for row in rows:
        where = f"{row['name']}, {threads_text(row['threads'])}"
        broken += [f"{where}: not known, {name} failed: {why}" for name, why in row["failures"].items()]
        if row["promise"] and row["ratio"] is None:
            broken.append(f"{where}: promised {row['promise']:.2f}, but no peer was measured")
        elif row["promise"] and row["ratio"] < row["promise"]:
            broken.append(f"{where}: promised {row['promise']:.2f}, measured {row['ratio']:.3f}")
        for name, promise in row["promises"].items():
            if name not in row["ratios"]:
                broken.append(f"{where}: promised {promise:.2f} of {name}, which was not measured")
            elif row["ratios"][name] < promise:
                broken.append(f"{where}: promised {promise:.2f} of {name}, measured {row['ratios'][name]:.3f}")
        if row["promised_peak"] and row["of_peak"] is not None and row["of_peak"] < row["promised_peak"]:
            broken.append(f"{where}: promised {row['promised_peak']:.0%} of peak, measured {row['of_peak']:.1%}")
    for mean in means:
        if mean["promise"] and mean["mean"] < mean["promise"]:
            where = f"{mean['group']}, {threads_text(mean['threads'])}"
            broken.append(f"{where}: promised a geometric mean of {mean['promise']:.2f}, measured {mean['mean']:.3f}")
    return broken
