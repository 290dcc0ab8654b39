#!/usr/bin/env python3
"""Remakes the table of Lifeguard's paper (arXiv 1707.00788, section 5) in virtual time.

  cargo build --release -p rumormill
  scripts/lifeguard-table.py bench-results/lifeguard

Runs scenarios/lifeguard.toml for each of the five configurations and each cell of a grid of blocked members (C),
durations (D) and intervals (I), sums up as the paper does, and writes table.json and cells.csv into the directory.
Cells that cells.csv has already are not run again.
"""

import argparse
import concurrent.futures
import csv
import itertools
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIGURATIONS = ["off", "probe", "suspicion", "buddy", "all"]
FIGURES = ["fp", "fp_healthy", "messages", "udp_bytes", "payload_bytes"]
COLUMNS = ["config", "blocked", "duration_ms", "interval_ms", *FIGURES]

# Percent of SWIM: false positives, those at healthy members, messages, bytes handed to UDP [paper].
PAPER = {
    "off": (100, 100, 100, 100),
    "probe": (67.7, 32.9, 98.5, 90.0),
    "suspicion": (3.0, 6.7, 111.3, 106.5),
    "buddy": (94.1, 44.6, 100.1, 99.0),
    "all": (1.5, 1.9, 110.6, 98.0),
}


def arguments():
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--blocked", type=numbers, default=[1, 8, 16, 24, 32])
    parser.add_argument("--durations-ms", type=numbers, default=[128 << at for at in range(9)])
    parser.add_argument("--intervals-ms", type=numbers, default=[4**at for at in range(8)])
    parser.add_argument("--reading-us", type=int, default=50, help="what a released member takes to read a packet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=str(ROOT / "target/release/rumormill"))
    return parser.parse_args()


def run(asked, config, blocked, duration, interval):
    fault = (
        f'fault=[{{at = "0s", kind = "block", nodes = {blocked}, for = "{duration}ms", '
        f'every = "{duration + interval}ms", during = "120s", timing = "together", reading = "{asked.reading_us}us"}}]'
    )
    command = [
        asked.binary, "run", str(ROOT / "scenarios/lifeguard.toml"), "--on", "sim",
        "--shards", "1", "--json", "--quiet", "--seed", str(asked.seed),
        # Members have met when the blocks begin: the paper's need no connection.
        "--set", "phases.warm_up=300s", "--set", f"node.lifeguard={config}", "--set", fault,
    ]  # fmt: skip
    # Verdicts other than valid have their own exit code; what matters is that there is a result.
    variant = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)["variants"][0]
    detection, bandwidth = variant["detection"], variant["bandwidth"]
    node_seconds = variant["nodes"] * variant["measured_seconds"]
    layers = bandwidth["layers_bytes_per_node_per_second"]
    return {
        "config": config, "blocked": blocked, "duration_ms": duration, "interval_ms": interval,
        "fp": detection["false_deaths_of_healthy"], "fp_healthy": detection["false_deaths_of_healthy_at_healthy"],
        "messages": round(bandwidth["messages_per_node_per_second"] * node_seconds),
        "udp_bytes": round(layers["quic"] * node_seconds),
        "payload_bytes": round(layers["payload"] * node_seconds),
    }  # fmt: skip


def known_cells(path):
    if not path.exists():
        return []
    with path.open() as file:
        return [{name: row[name] if name == "config" else int(row[name]) for name in COLUMNS} for row in csv.DictReader(file)]


def table(cells):
    sums = {config: [sum(cell[name] for cell in cells if cell["config"] == config) for name in FIGURES] for config in CONFIGURATIONS}
    rows = {}
    for config in CONFIGURATIONS:
        percent = [round(100 * own / swim, 1) if swim else None for own, swim in zip(sums[config], sums["off"])]
        rows[config] = {**dict(zip(FIGURES, sums[config])), "percent_of_swim": percent, "paper_percent": PAPER[config]}
    return rows


def main():
    asked = arguments()
    asked.directory.mkdir(parents=True, exist_ok=True)
    path = asked.directory / "cells.csv"
    cells = known_cells(path)
    have = {(cell["config"], cell["blocked"], cell["duration_ms"], cell["interval_ms"]) for cell in cells}
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not cells:
            writer.writeheader()
        grid = itertools.product(asked.durations_ms, asked.intervals_ms, asked.blocked, CONFIGURATIONS)
        wanted = [(config, blocked, duration, interval) for duration, interval, blocked, config in grid]
        wanted = [cell for cell in wanted if cell not in have]
        # Threads that wait for processes, one a core.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            for cell in workers.map(lambda cell: run(asked, *cell), wanted):
                cells.append(cell)
                writer.writerow(cell)
                file.flush()
    rows = table(cells)
    (asked.directory / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    for config, row in rows.items():
        print(f"{config:10}", row["fp"], row["fp_healthy"], row["percent_of_swim"], "paper", row["paper_percent"])


if __name__ == "__main__":
    main()
