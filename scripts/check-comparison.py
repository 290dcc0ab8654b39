#!/usr/bin/env python3
"""Checks what must hold of a result of `rumormill compare` on any machine, however slow.

usage: check-comparison.py RESULT.json EXIT_CODE
"""

import json
import sys


def main() -> None:
    path, code = sys.argv[1], int(sys.argv[2])
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    variants = {variant["name"]: variant for variant in result["variants"]}
    full, delta = variants["full"], variants["delta"]
    status = result["verdict"]["status"]
    wire = {name: variant["bandwidth"]["wire_bytes_per_node_per_second"]["mean"] for name, variant in variants.items()}
    claims = [
        (code in (0, 3), f"exit code {code} is 0 or 3"),
        ((code == 0) == (status == "valid"), f"exit code {code} agrees with the verdict {status}"),
        (status in ("valid", "saturated"), f"the verdict {status} is valid or saturated"),
        (wire["full"] > wire["delta"] > 0, f"full state costs more than delta: {wire}"),
        (full["convergence"]["writes"] == delta["convergence"]["writes"] > 0, "both variants saw the same writes"),
        (delta["convergence"]["unconverged_writes"] == 0, "every write of delta converged"),
        (delta["detection"]["failures"] == 1, "one node crashed"),
        (delta["detection"]["undetected"] == 0, "all nodes of delta noticed"),
    ]
    for holds, claim in claims:
        print("ok  " if holds else "FAIL", claim)
    if status != "valid":
        print("reasons:", *result["verdict"]["reasons"], sep="\n  ")
    if not all(holds for holds, _ in claims):
        sys.exit(1)


main()
