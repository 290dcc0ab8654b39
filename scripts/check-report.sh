#!/usr/bin/env bash
# Checks what a run leaves for people and for other tools: the schema of its result, its histograms with an independent
# implementation of HdrHistogram, and its report in a headless Chromium, at two widths, light and dark.
#
# usage: check-report.sh [RUMORMILL]     the binary, target/release/rumormill without it
#
# Takes Debian or Ubuntu with python3; Chromium is installed where it is missing, Python's packages into a directory that goes
# away again. SCREENSHOTS=DIR leaves pictures there. Exit code 69: what it takes is not there and cannot be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rumormill=${1:-target/release/rumormill}
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

main() {
    tools
    # One of everything: bytes, writes, a crash, and a fault that ends; simulated, so that any machine does.
    run compare --on sim --nodes 80 --seconds 12 --set workload.writes_per_second=4 --out "$home/compare"
    printf '%s\n' 'name = "faults"' '[cluster]' 'nodes = 60' '[workload]' 'writes_per_second = 4.0' '[phases]' \
        'measure = "30s"' '[[fault]]' 'at = "4s"' 'kind = "partition"' 'nodes = 9' 'for = "8s"' '[[fault]]' \
        'at = "15s"' 'kind = "crash"' 'nodes = 3' >"$home/faults.toml"
    run run "$home/faults.toml" --on sim --out "$home/faults"
    run run --preset epidemic --nodes 1000 --set repetitions=10 --out "$home/epidemic"
    # A result of before there were histograms and series.
    cp -r bench-results/2026-11-24-compare-100 "$home/old"
    "$rumormill" report "$home/old" >/dev/null

    local runs=("$home/compare" "$home/faults" "$home/epidemic" "$home/old") python=$home/python/bin/python
    "$python" - docs/result.schema.json "${runs[@]/%//result.json}" <<'PYTHON'
import json, sys
import jsonschema
schema, *results = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
for result in results:
    jsonschema.Draft202012Validator(schema).validate(result)
print(f"{len(results)} results are of the schema")
PYTHON
    "$python" scripts/read-histograms.py "$home/compare" "$home/faults"
    "$python" scripts/report-in-chromium.py ${SCREENSHOTS:+--screenshots "$SCREENSHOTS"} \
        --charts totals,causes,layers,convergence,percentiles,detection,timeline,causes-over-time \
        "$home/compare" "$home/faults"
    "$python" scripts/report-in-chromium.py ${SCREENSHOTS:+--screenshots "$SCREENSHOTS"} --charts rounds "$home/epidemic"
    "$python" scripts/report-in-chromium.py ${SCREENSHOTS:+--screenshots "$SCREENSHOTS"} --charts totals,causes "$home/old"
}

# A run that is not valid is still one.
run() {
    local code=0
    "$rumormill" "$@" --quiet >/dev/null || code=$?
    ((code == 0 || code == 3))
}

tools() {
    if ! { browser && packages; }; then
        echo "check-report: Chromium, or Python's packages, cannot be installed here" >&2
        exit 69
    fi
}

browser() {
    local root=()
    ((EUID == 0)) || root=(sudo)
    if command -v chromium >/dev/null && python3 -c 'import ensurepip' 2>/dev/null; then
        return
    fi
    timeout 120 "${root[@]}" apt-get update -qq &&
        timeout 240 "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium fonts-dejavu-core python3-venv >/dev/null
}

packages() {
    python3 -m venv "$home/python" &&
        timeout 120 "$home/python/bin/pip" install -q hdrhistogram==0.10.3 jsonschema==4.* websocket-client==1.*
}

main
printf 'the report is sound, in %d s\n' "$SECONDS"
