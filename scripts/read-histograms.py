#!/usr/bin/env python3
"""Reads the histograms of a run with an independent implementation of HdrHistogram, and holds them against result.json.

usage: read-histograms.py RUN_DIRECTORY...

Of each directory: every summary of result.json has its histogram in the log of its variant (*.hlog), with the same count,
percentiles and extremes; and each line of a percentile distribution (*.hgrm) says of the same histogram what is true. A
percentile is the shortest time that at least that share of all times does not exceed; the implementation's own takes the
nearest rank instead, so it is asked only where both mean the same rank. Needs the package hdrhistogram.
"""

import json
import math
import pathlib
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

METRICS = [f"convergence.{key}_us" for key in ("pairs", "t50", "t90", "t99", "t100")]
METRICS += [f"detection.{key}_us" for key in ("first_suspect", "first_dead", "all_dead", "pairs")]
METRICS += ["scheduler_lag_us"]
PLOTTED = {"convergence": "convergence.pairs_us", "detection": "detection.pairs_us", "lag": "scheduler_lag_us"}
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "p999": 99.9, "max": 100}
# How many thousandths each is, so that ranks are whole numbers.
THOUSANDTHS = {"p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000}


def read_log(path: pathlib.Path) -> dict[str, HdrHistogram]:
    reader = HistogramLogReader(str(path), HdrHistogram(1, 86_400_000_000, 3))
    histograms = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        histograms[histogram.get_tag()] = histogram
    reader.close()
    return histograms


def summary_of(variant: dict, metric: str) -> dict:
    for key in metric.split("."):
        variant = variant[key]
    return variant


def steps_of(histogram: HdrHistogram) -> list[tuple[int, int]]:
    """Each recorded time, the longest that its bucket stands for, and how many were not longer."""
    steps, reached = [], 0
    for item in histogram.get_recorded_iterator():
        reached += item.count_at_value_iterated_to
        steps.append((histogram.get_highest_equivalent_value(item.value_iterated_to), reached))
    return steps


def value_at_rank(steps: list[tuple[int, int]], rank: int) -> int:
    return next(value for value, reached in steps if reached >= rank)


def wrong_summary(summary: dict, histogram: HdrHistogram) -> list[str]:
    """What differs between a summary and its histogram."""
    total, steps = histogram.get_total_count(), steps_of(histogram)
    found = {"count": total, "min": histogram.get_min_value()}
    wrong = []
    for key, thousandths in THOUSANDTHS.items():
        rank = max(-(-thousandths * total // 1000), 1)
        found[key] = value_at_rank(steps, rank)
        if int(thousandths * total / 1000 + 0.5) == rank:
            own = histogram.get_highest_equivalent_value(histogram.get_value_at_percentile(PERCENTILES[key]))
            if own != found[key]:
                wrong.append(f"{key} {own} by the implementation's own rank")
    wrong += [f"{key} {value}, not {summary[key]}" for key, value in found.items() if value != summary[key]]
    # A mean is exact to 3 significant digits.
    if abs(histogram.get_mean_value() - summary["mean"]) > 1 + 0.001 * summary["mean"]:
        wrong.append(f"mean {histogram.get_mean_value()}, not {summary['mean']}")
    return wrong


def wrong_distribution(text: str, histogram: HdrHistogram) -> list[str]:
    """Lines of a percentile distribution, in milliseconds, that are not true of a histogram."""
    total, steps = histogram.get_total_count(), steps_of(histogram)
    lines = [line.split() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0][0].isdigit()]
    wrong = []
    for value, percentile, reached, *inverse in lines:
        us, share = round(float(value) * 1000), float(percentile)
        rank = max(math.ceil(share * total - 1e-6), 1)
        true = (us, int(reached)) in steps and value_at_rank(steps, rank) == us
        if share < 1:
            exact = 1 / (1 - share)
            # Two decimals, of a percentile that has twelve.
            true = true and abs(float(inverse[0]) - exact) < 0.006 + 1e-12 * exact**2
        if not true:
            wrong.append(f"{value} {percentile} {reached}")
    if not lines or int(lines[-1][2]) != total:
        wrong.append("the last line does not reach all")
    return wrong[:3]


def check(directory: pathlib.Path) -> tuple[int, list[str]]:
    """How many histograms were read, and what is wrong with them."""
    result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    read, problems = 0, []
    for variant in result["variants"]:
        name = variant["name"]
        log = read_log(directory / f"{name}.hlog")
        for metric in METRICS:
            summary = summary_of(variant, metric)
            if (summary["count"] > 0) != (metric in log):
                problems.append(f"{name}: {metric} is in the log or not, unlike in result.json")
            elif metric in log:
                read += 1
                problems += [f"{name}: {metric}: {wrong}" for wrong in wrong_summary(summary, log[metric])]
        for file, metric in PLOTTED.items():
            path = directory / f"{name}.{file}.hgrm"
            if path.exists() != (metric in log):
                problems.append(f"{path.name} is there or not, unlike {metric}")
            elif path.exists():
                read += 1
                wrong = wrong_distribution(path.read_text(encoding="utf-8"), log[metric])
                problems += [f"{path.name}: {line}" for line in wrong]
    return read, problems


def main() -> None:
    failed = False
    for argument in sys.argv[1:]:
        read, problems = check(pathlib.Path(argument))
        print(f"{argument}: {read} histograms read, {len(problems)} problems")
        for problem in problems:
            print(f"{argument}: {problem}", file=sys.stderr)
        failed |= bool(problems) or read == 0
    sys.exit(1 if failed or len(sys.argv) < 2 else 0)


if __name__ == "__main__":
    main()
