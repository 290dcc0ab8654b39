#!/bin/sh
# Ten thousand real nodes on one machine: what the doctor says, an idle cluster, one in which 1 % crash, and one that
# is more than two cores carry, which must be found out as such.
#
# usage: scripts/ten-thousand.sh [N] [OUT]      default: 10000, ten-thousand
#
# RUMORMILL names the binary; without it one is built. Everything goes to the directory OUT, a table to OUT/summary.txt.
# Exit code 0: the doctor lets the nodes in, idle and crash are valid, and the fourth run was carried out.
set -u
nodes=${1:-10000}
out=${2:-ten-thousand}
cd "$(dirname "$0")/.." || exit 5
if [ -z "${RUMORMILL:-}" ]; then
    cargo build --release -p rumormill || exit 5
    RUMORMILL=target/release/rumormill
fi
mkdir -p "$out" || exit 5
summary=$out/summary.txt
: >"$summary"
good=0

say() { printf '%s\n' "$*" | tee -a "$summary"; }

# The figures that matter of a result.
figures() {
    python3 - "$1" <<'PYTHON' | tee -a "$summary"
import json, sys
variant = json.load(open(sys.argv[1]))["variants"][0]
detection, load = variant["detection"], variant
cores = load["cpu_seconds"] / load["wall_seconds"] if load["wall_seconds"] else 0.0
print(f"  {variant['verdict']['status']}: boot {variant['boot']['seconds']:.1f} s, lag p99 "
      f"{variant['scheduler_lag_us']['p99'] / 1e3:.1f} ms, {cores:.2f} cores, foreign {load['foreign_share'] or 0:.1%}, "
      f"peak memory {load['peak_rss_bytes'] / 1e9:.2f} GB")
print(f"  {variant['bandwidth']['wire_bytes_per_node_per_second']['mean']:.0f} B and "
      f"{variant['bandwidth']['packets_per_node_per_second']:.2f} packets a node and second, "
      f"{variant['transport']['kernel_drops']} dropped by the kernel")
if detection["failures"]:
    print(f"  {detection['failures']} failures, dead to all p50 {detection['all_dead_us']['p50'] / 1e6:.2f} s, "
          f"undetected {detection['undetected']}, false positives {detection['false_positives']}")
for reason in variant["verdict"]["reasons"]:
    print(f"  reason: {reason}")
PYTHON
}

# try NAME EXPECTED ARGUMENTS...: a run, its exit code and its figures.
try() {
    name=$1 expected=$2
    shift 2
    say "$name: rumormill run $*"
    "$RUMORMILL" run "$@" --nodes "$nodes" --on local --out "$out/$name" --overwrite \
        >"$out/$name.txt" 2>"$out/$name.progress"
    code=$?
    say "  exit code $code"
    case " $expected " in *" $code "*) ;; *) good=1 ;; esac
    if [ -f "$out/$name/result.json" ]; then figures "$out/$name/result.json"; fi
}

"$RUMORMILL" doctor --nodes "$nodes" >"$out/doctor.txt" 2>&1
code=$?
say "doctor: exit code $code"
cat "$out/doctor.txt"
if [ "$code" != 0 ]; then exit "$code"; fi

try idle 0 --preset idle --seconds 30
try crash 0 --preset crash --seconds 150
try saturated "0 3" --preset idle --seconds 20 --set node.protocol_period=100ms --set node.probe_timeout=50ms --force
exit "$good"
