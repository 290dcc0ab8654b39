#!/usr/bin/env python3
"""Checks the result of a fleet of hosts that share nothing: what each agent's nodes handed to the kernel is what the interface
of its host counted, to 1 %.

usage: scripts/check-fleet.py RESULT.json
"""

import json
import sys

DIFFERENCE_MAX = 0.01


def main(path):
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    wrong = []
    for variant in result["variants"]:
        fleet = variant["fleet"]
        print(f"{variant['name']}: times between hosts are right to {fleet['time_uncertainty_us']} us")
        for agent in fleet["agents"]:
            name = f"{agent['host']} ({agent['address']})"
            if agent["lost"]:
                wrong.append(f"{name} was lost")
                continue
            reported, counted = agent["handed_over_wire_bytes"], agent["interface_wire_bytes"]
            if counted is None or reported == 0:
                wrong.append(f"of {name} there is no figure")
                continue
            difference = counted / reported - 1
            print(f"  {name}: {reported} B by the nodes, {counted} B by the interface, {difference:+.2%}")
            if abs(difference) > DIFFERENCE_MAX:
                wrong.append(f"{name} differs by {difference:+.2%}")
            if agent["interface_shared_with"]:
                print(f"    {agent['interface_shared_with']} may have used it too")
    for sentence in wrong:
        print(f"check-fleet: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
