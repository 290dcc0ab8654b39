#!/usr/bin/env python3
"""Checks what must hold of a result of `rumormill compare` on any machine, however slow.

usage: check-comparison.py RESULT.json EXIT_CODE
"""

import json
import sys


def claims_of_variant(name: str, variant: dict) -> list[tuple[bool, str]]:
    """What must hold of every variant by itself."""
    bandwidth, membership = variant["bandwidth"], variant["membership"]
    wire = bandwidth["layers_bytes_per_node_per_second"]["wire"]
    causes = sum(bandwidth["by_cause_bytes_per_node_per_second"].values())
    kernel, ours = bandwidth["kernel_wire_bytes"], bandwidth["handed_over_wire_bytes"]
    live_pairs = membership["alive_pairs"] + membership["suspect_pairs"] + membership["wrongly_gone_pairs"]
    return [
        (abs(causes - wire) <= 1e-6 * wire, f"{name}: the causes add up to the wire's bytes"),
        (variant["boot"]["nodes_up"] == variant["nodes"], f"{name}: all nodes were up after the boot"),
        (
            abs(kernel - ours) <= 0.01 * ours if kernel is not None else bool(bandwidth["kernel_wire_bytes_reason"]),
            f"{name}: the kernel's count {kernel} agrees with {ours}, or there is a reason why it is not known",
        ),
        (live_pairs > 0 and membership["unknown_pairs"] == 0, f"{name}: nobody is unknown to anybody at the end"),
    ]


def main() -> None:
    path, code = sys.argv[1], int(sys.argv[2])
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    variants = {variant["name"]: variant for variant in result["variants"]}
    full, delta, digest = variants["full"], variants["delta"], variants["digest"]
    status = result["verdict"]["status"]
    wire = {name: variant["bandwidth"]["wire_bytes_per_node_per_second"]["mean"] for name, variant in variants.items()}
    environment = result["environment"]
    claims = [
        (code in (0, 3), f"exit code {code} is 0 or 3"),
        ((code == 0) == (status == "valid"), f"exit code {code} agrees with the verdict {status}"),
        (status in ("valid", "saturated"), f"the verdict {status} is valid or saturated"),
        (wire["full"] > wire["delta"] > 0, f"full state costs more than delta: {wire}"),
        (wire["full"] > wire["digest"] > 0, f"full state costs more than digests: {wire}"),
        (
            len({variant["convergence"]["writes"] for variant in variants.values()}) == 1
            and full["convergence"]["writes"] > 0,
            "all variants saw the same writes",
        ),
        (delta["convergence"]["unconverged_writes"] == 0, "every write of delta converged"),
        (digest["convergence"]["unconverged_writes"] == 0, "every write of digest converged"),
        (delta["detection"]["failures"] == 1, "one node crashed"),
        (delta["detection"]["undetected"] == 0, "all nodes of delta noticed"),
        (environment["crypto_provider"] is not None, "the crypto provider is known"),
        (environment["socket_receive_buffer_bytes"] > 0, "the sockets' buffers are known"),
    ]
    for name, variant in variants.items():
        claims += claims_of_variant(name, variant)
    for holds, claim in claims:
        print("ok  " if holds else "FAIL", claim)
    if status != "valid":
        print("reasons:", *result["verdict"]["reasons"], sep="\n  ")
    if not all(holds for holds, _ in claims):
        sys.exit(1)


main()
