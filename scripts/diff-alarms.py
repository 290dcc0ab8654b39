#!/usr/bin/env python3
"""How often `rumormill diff` raises a false alarm, and how often it sees deltas that are a fifth larger.

    cargo build --release -p rumormill
    scripts/diff-alarms.py target/release/rumormill [SEEDS]

Every scenario below is run with so many seeds (20) in virtual time. Then every third pair of seeds is compared: whatever
is found is a false alarm. And each seed is compared with the next one's result in which the bytes of `delta`, and with
them the wire, were made 20 % larger by arithmetic.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SCENARIOS = {
    "writes, 50 nodes": "run --preset writes --nodes 50 --seconds 30",
    "compare, 50 nodes": "compare --nodes 50 --seconds 30",
    "crash, 100 nodes, 5 % loss": "run --preset crash --nodes 100 --seconds 20 --set network.loss=0.05 "
    "--set workload.writes_per_second=2",
    "writes, 60 uniform peers, push-pull": "run --preset writes --nodes 60 --seconds 30 --set node.peers=uniform "
    "--set node.dissemination=push-pull",
}
DELTA = "bandwidth.by_cause_bytes_per_node_per_second.delta"


def larger(result):
    for variant in result["variants"]:
        bandwidth = variant["bandwidth"]
        causes = bandwidth["by_cause_bytes_per_node_per_second"]
        more = causes.get("delta", 0.0) * 0.2
        causes["delta"] = causes.get("delta", 0.0) + more
        bandwidth["wire_bytes_per_node_per_second"]["mean"] += more
        errors = variant["standard_errors"]
        if DELTA in errors:
            errors[DELTA] *= 1.2
    return result


def main():
    program = str(Path(sys.argv[1]).resolve())
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 20

    def diff(old, new):
        run = subprocess.run([program, "diff", old, new, "--json"], capture_output=True, text=True)
        found = json.loads(run.stdout)
        worse = [row["variant"] + " " + row["figure"] for row in found["diff"]["rows"] if row["finding"] == "worse"]
        return run.returncode, worse

    with tempfile.TemporaryDirectory() as home:
        for name, line in SCENARIOS.items():
            results = {}
            for seed in range(1, seeds + 1):
                out = f"{home}/{len(results)}-{name}"
                run = [program, *line.split(), "--on", "sim", "--seed", str(seed), "--quiet", "--out", out]
                subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
                results[seed] = f"{out}/result.json"
            pairs = list(itertools.combinations(results, 2))[::3]
            alarms, figures = 0, Counter()
            for old, new in pairs:
                code, worse = diff(results[old], results[new])
                alarms += code != 0
                figures.update(worse)
            seen, named = 0, 0
            for seed in range(1, seeds):
                heavier = Path(home) / "heavier.json"
                heavier.write_text(json.dumps(larger(json.loads(Path(results[seed + 1]).read_text()))))
                code, worse = diff(results[seed], str(heavier))
                seen += code == 1
                named += any(figure.endswith(".delta") for figure in worse)
            print(f"{name}: {alarms} false alarms in {len(pairs)} comparisons {dict(figures) or ''}")
            print(f"    deltas a fifth larger: seen in {seen} of {seeds - 1}, the cause named in {named}")


if __name__ == "__main__":
    main()
