#!/usr/bin/env python3
"""Checks fleets on four hosts of scripts/hosts.sh, which need root, iproute2, and an sshd, nftables or Slurm as the check says.

usage: scripts/check-hosts.py [--program RUMORMILL] [--seconds S] CHECK...

Each check has hosts of its own. Those that only wait run beside each other, after those that measure. What a busy machine does
to a run (the verdict `saturated`) is said and is no failure; wrong bytes, what is not noticed, what does not end and what is
left behind are.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent
HOSTS_SH, SLURM_SH = SCRIPTS / "hosts.sh", SCRIPTS / "slurm.sh"
DEMO = SCRIPTS.parent / "scenarios" / "fleet-demo.toml"
HOSTS = 4
# A check that has not ended so long after what it measures is ended, with all that it started.
CHECK_SECONDS_MAX = 90
# Agents whose coordinator is gone end within so long.
END_SECONDS_MAX = 10
NODES_OF_A_HOST = 6
# Small clusters that notice failures within seconds.
SMALL = [
    "--preset", "idle", "--nodes", str(HOSTS * NODES_OF_A_HOST),
    "--set", "node.protocol_period=500ms", "--set", "node.probe_timeout=200ms",
    "--set", "node.suspicion_max_mult=2", "--set", "phases.warm_up=1s",
]  # fmt: skip
CLOCK_AHEAD_US = 250_000
# What this machine's clock may be stepped by between the starts of two processes.
CLOCK_STEP_US = 2_000
# Percentiles of two small runs differ by less, and by more if the clock counted.
ALIKE_US = 100_000


class Wrong(Exception):
    """What is not as it should be."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/rumormill", type=pathlib.Path)
    parser.add_argument("--seconds", default=60, type=int, help="the measured phase of the checks ssh and slurm")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("checks", nargs="+", choices=sorted(CHECKS), metavar="CHECK", help=", ".join(CHECKS))
    asked = parser.parse_args()
    if asked.inside:
        inside(asked)
        return 0
    asked.program = asked.program.resolve(strict=True)
    measure = [name for name in asked.checks if name in MEASURING]
    wait = [name for name in asked.checks if name not in MEASURING]
    passed = [outside(name, asked) for name in measure]
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(CHECKS)) as beside:
        passed += beside.map(lambda name: outside(name, asked), wait)
    return 0 if all(passed) else 1


def outside(name, asked):
    """Runs a check in hosts of its own, and says how it went. Nothing of the hosts may be left."""
    own = [__file__, "--inside", "--program", asked.program, "--seconds", str(asked.seconds), name]
    command = [HOSTS_SH, "run", str(HOSTS), *([SLURM_SH] if name == "slurm" else []), *own]
    begun = time.monotonic()
    limit = CHECK_SECONDS_MAX + (asked.seconds if name in MEASURING else 0)
    # In this process's group: whoever ends that ends all.
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        # The hosts are removed all the same, and with them what is in them.
        child.terminate()
        said, _ = child.communicate(timeout=END_SECONDS_MAX * 3)
        said += f"it had not ended after {limit} s\n"
    left = [space for space in spaces() if space.split("-")[0] == f"rmh{child.pid}"]
    passed = child.returncode == 0 and not left
    took = time.monotonic() - begun
    text = f"-- {name}: {'passed' if passed else 'FAILED'} in {took:.0f} s\n{said}"
    print(text + "".join(f"{space} is left\n" for space in left), end="", flush=True)
    return passed


def spaces():
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True, timeout=10)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def inside(asked):
    os.chdir(os.environ["HOSTS_STATE"])
    for name in asked.checks:
        try:
            CHECKS[name](asked)
        except Wrong as wrong:
            sys.exit(f"check-hosts: {name}: {wrong}")


def ssh(asked):
    """Nodes of the scenario for trying out, by real sshds: bytes are those of the interfaces."""
    demo(asked, ssh_options(asked))


def slurm(asked):
    """The same by a real Slurm."""
    head = os.environ["HOSTS_HEAD"]
    demo(asked, ["--engine", "slurm", "--agents", str(HOSTS), "--listen", f"{head}:0", "--agent-program", asked.program])


def demo(asked, engine):
    run = Run(asked, ["run", DEMO, "--on", "fleet", "--seconds", str(asked.seconds), *engine])
    variant = run.measured()
    detection, convergence = variant["detection"], variant["convergence"]
    expect(detection["failures"] == 4, f"4 nodes were to fail: {detection}")
    expect(convergence["writes"] > 0, "nothing was written")
    if is_valid(variant):
        expect(detection["undetected"] == 0, f"not all failures were seen: {detection}")
        expect(convergence["unconverged_writes"] == 0, f"some writes did not reach all: {convergence}")
    counted = subprocess.run([SCRIPTS / "check-fleet.py", "result/result.json"], timeout=10, check=False)
    expect(counted.returncode == 0, "the nodes' bytes are not the interfaces'")
    agents_are_gone(asked)


def partition(asked):
    """Two hosts are cut from the other two: in the end every node takes all of its side for alive and all of the other for
    dead, the result says so, and no agent is lost."""
    options = [*SMALL, "--seconds", "25", "--set", "phases.cool_down=5s"]
    run = Run(asked, ["run", *options, "--on", "fleet", *ssh_options(asked)])
    run.wait_for(": measure")
    one, other = (", ".join(side) for side in (addresses()[: HOSTS // 2], addresses()[HOSTS // 2 :]))
    # A table of the bridge, which what hosts say to the head does not pass.
    rules = f"""table bridge cut {{
        chain forward {{
            type filter hook forward priority 0; policy accept
            ip saddr {{ {one} }} ip daddr {{ {other} }} drop
            ip saddr {{ {other} }} ip daddr {{ {one} }} drop
        }}
    }}"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=10)
    variant = run.measured()
    detection, membership = variant["detection"], variant["membership"]
    side = HOSTS // 2 * NODES_OF_A_HOST
    print(f"{detection['false_positives']} of {2 * side} nodes were declared dead; at the end {membership}")
    expect(membership["observers"] == 2 * side, f"some nodes are gone: {membership}")
    if is_valid(variant):
        expect(detection["false_positives"] >= 2 * side, f"not every node was declared dead: {detection}")
        expect(membership["wrongly_gone_pairs"] == 2 * side * side, f"not all of both sides noticed: {membership}")
        expect(membership["alive_pairs"] == 2 * side * side, f"sides do not hold together: {membership}")
    # One side alone cannot hold more.
    expect(membership["wrongly_gone_pairs"] > side * side, f"both sides were to notice: {membership}")
    expect(not any(agent["lost"] for agent in variant["fleet"]["agents"]), "an agent was lost, but its nodes alone were cut off")
    agents_are_gone(asked)


def link_down(asked):
    """A host's link is set down: the others' nodes take its nodes for dead, its agent ends itself, and the result is not
    valid."""
    options = [*SMALL, "--seconds", "20", "--set", "phases.cool_down=5s", "--on-lost-agent", "go-on"]
    run = Run(asked, ["run", *options, "--on", "fleet", *ssh_options(asked)])
    run.wait_for(": measure")
    time.sleep(1)
    expect(len(programs(asked, 2)) == 1, "there is not one agent behind the link")
    subprocess.run(["ip", "link", "set", "host2", "down"], check=True, timeout=10)
    down = time.monotonic()
    while programs(asked, 2):
        expect(time.monotonic() < down + END_SECONDS_MAX + 1, "the agent behind the link does not end")
        time.sleep(0.1)
    print(f"the agent behind the link ended after {time.monotonic() - down:.1f} s")
    code, variant = run.ended()
    expect(code == 3 and variant["verdict"]["status"] == "invalid", f"exit code {code}, {variant['verdict']}")
    lost = [agent["address"] for agent in variant["fleet"]["agents"] if agent["lost"]]
    expect(lost == [addresses()[1]], f"lost are {lost}")
    reasons = json.dumps(variant["verdict"]["reasons"])
    expect(f"{NODES_OF_A_HOST} of {HOSTS * NODES_OF_A_HOST} nodes ended" in reasons, f"the reasons are {reasons}")
    membership = variant["membership"]
    expect(membership["observers"] == (HOSTS - 1) * NODES_OF_A_HOST, f"who is left: {membership}")
    expect(membership["phantom_pairs"] == 0, f"some do not take the lost nodes for dead: {membership}")
    agents_are_gone(asked)


def agent_killed(asked):
    """An agent is killed: the run ends with exit code 5, says which, and leaves nothing."""
    run = Run(asked, ["run", *SMALL, "--seconds", "60", "--on", "fleet", *ssh_options(asked)])
    run.wait_for(": measure")
    victims = programs(asked, 3)
    expect(len(victims) == 1, f"of the third host's agents there are {victims}")
    os.kill(victims[0], signal.SIGKILL)
    killed = time.monotonic()
    code, _ = run.ended()
    print(f"the run ended {time.monotonic() - killed:.1f} s after its agent")
    expect(code == 5, f"exit code {code}")
    expect(f"({addresses()[2]})" in run.said[-1] and "lost agent" in run.said[-1], f"it said {run.said[-1]}")
    expect(time.monotonic() < killed + 15, "it took too long")
    agents_are_gone(asked)


def coordinator_killed(asked):
    """The coordinator is killed: all agents are gone within 10 s, and what started them."""
    run = Run(asked, ["run", *SMALL, "--seconds", "60", "--on", "fleet", *ssh_options(asked)])
    run.wait_for(": measure")
    agents = [len(programs(asked, number)) for number in range(1, HOSTS + 1)]
    expect(agents == [1] * HOSTS, f"by host there are {agents} agents")
    run.child.kill()
    killed = time.monotonic()
    run.child.wait(timeout=10)
    took = agents_are_gone(asked)
    print(f"all agents were gone {took:.1f} s after their coordinator")
    while started := running("ssh", os.environ["HOSTS_NAME"]):
        expect(time.monotonic() < killed + END_SECONDS_MAX + 2, f"what started agents is left: {started}")
        time.sleep(0.1)


def clock(asked):
    """The same run twice, once with a host whose clock seems to be 250 ms ahead: that is found out, to the stated uncertainty
    and what the machine's clock was stepped by meanwhile, and no percentile moves by more than two runs of one seed differ."""
    percentiles, valid = [], True
    for ahead_us in (0, CLOCK_AHEAD_US):
        variant = with_clocks(asked, ahead_us)
        fleet, pairs = variant["fleet"], variant["convergence"]["pairs_us"]
        for agent in fleet["agents"]:
            truth_us = ahead_us if agent["address"] == addresses()[1] else 0
            for known in agent["clock"]:
                error_us = abs(known["offset_us"] - truth_us)
                expect(error_us <= known["uncertainty_us"] + CLOCK_STEP_US, f"{agent['address']}: {known}")
        percentiles.append({name: pairs[name] for name in ("p50", "p90", "p99")})
        uncertainty_us = fleet["time_uncertainty_us"]
        print(f"{ahead_us} us ahead: times are right to {uncertainty_us} us; of {pairs['count']} pairs {percentiles[-1]}")
        expect(uncertainty_us < ALIKE_US, "clocks are too uncertain for this")
        valid = valid and is_valid(variant)
    if valid:
        for name, before in percentiles[0].items():
            expect(abs(percentiles[1][name] - before) < ALIKE_US, f"{name} has moved with the clock: {percentiles}")


def with_clocks(asked, ahead_us):
    """A run of many writes in which the second host's clock seems to be so far ahead."""
    address = f"{os.environ['HOSTS_HEAD']}:7777"
    options = [*SMALL, "--set", "workload.writes_per_second=20", "--seconds", "10", "--set", "phases.cool_down=10s"]
    options += ["--agents", str(HOSTS), "--listen", address, "--token-file", "run.token"]
    run = Run(asked, ["coordinate", *options])
    run.wait_for(f"start {HOSTS} agents")
    agents = []
    for number in range(1, HOSTS + 1):
        ahead = ["--clock-ahead", f"{ahead_us}us"] if number == 2 else []
        agent = [asked.program, "agent", "--coordinator", address, "--token-file", "run.token", *ahead]
        agents.append(subprocess.Popen(["ip", "netns", "exec", f"{os.environ['HOSTS_NAME']}-{number}", *agent]))
    variant = run.measured()
    expect(all(agent.wait(END_SECONDS_MAX) == 0 for agent in agents), "an agent did not end as it was told to")
    return variant


MEASURING = ["ssh", "slurm"]
CHECKS = {
    "ssh": ssh,
    "slurm": slurm,
    "partition": partition,
    "link-down": link_down,
    "agent-killed": agent_killed,
    "coordinator-killed": coordinator_killed,
    "clock": clock,
}


class Run:
    """A run under way, and what it has said."""

    def __init__(self, asked, arguments):
        self.said = []
        command = [asked.program, *arguments, "--out", "result", "--overwrite"]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait_for(self, text):
        # The run ends by itself, so this does.
        for line in self.child.stderr:
            self.said.append(line.rstrip())
            if text in line:
                return
        raise Wrong(f"the run ended before it said {text}: {self.said[-3:]}")

    def ended(self):
        """The exit code, and the variant of its result where there is one."""
        self.said += [line.rstrip() for line in self.child.stderr]
        code = self.child.wait(timeout=10)
        result = pathlib.Path("result/result.json")
        variant = json.loads(result.read_text(encoding="utf-8"))["variants"][0] if result.exists() else None
        return code, variant

    def measured(self):
        """The variant of a result whose figures a busy machine may have changed, and nothing else."""
        code, variant = self.ended()
        expect(variant is not None, f"exit code {code}: {self.said[-3:]}")
        verdict = variant["verdict"]
        expect({"valid": 0, "saturated": 3}.get(verdict["status"]) == code, f"exit code {code}, {verdict}")
        print(f"{variant['nodes']} nodes on {len(variant['fleet']['agents'])} hosts: {verdict['status']} {verdict['reasons'] or ''}")
        return variant


def is_valid(variant):
    """Whether the machine kept up, so that nodes had the time that they need."""
    return variant["verdict"]["status"] == "valid"


def ssh_options(asked):
    config = os.environ["SSH_CONFIG"]
    return ["--engine", "ssh", "--hosts", os.environ["HOSTS"], "--ssh-config", config, "--agent-program", asked.program]


def addresses():
    return os.environ["HOSTS"].split(",")


def programs(asked, host):
    """The processes of the program on a host."""
    return running(asked.program.name, f"{os.environ['HOSTS_NAME']}-{host}")


def running(program, space):
    """The processes of that name in a namespace."""
    listed = subprocess.run(["ip", "netns", "pids", space], check=True, capture_output=True, text=True, timeout=10)
    found = []
    for process in map(int, listed.stdout.split()):
        try:
            # The kernel keeps 15 characters of a name.
            if pathlib.Path(f"/proc/{process}/comm").read_text(encoding="utf-8").rstrip("\n") == program[:15]:
                found.append(process)
        except OSError:
            # It has just ended.
            pass
    return found


def agents_are_gone(asked):
    """Waits until no agent is left on any host, and says how long that took."""
    begun = time.monotonic()
    while left := {host: found for host in range(1, HOSTS + 1) if (found := programs(asked, host))}:
        expect(time.monotonic() < begun + END_SECONDS_MAX, f"agents are left, by host: {left}")
        time.sleep(0.1)
    return time.monotonic() - begun


def expect(holds, otherwise):
    if not holds:
        raise Wrong(otherwise)


if __name__ == "__main__":
    sys.exit(main())
