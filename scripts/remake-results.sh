#!/usr/bin/env bash
# Remakes the results under bench-results/ that the documentation quotes, from the code as it is.
#
#   scripts/remake-results.sh [NAME...]     all, or those of these names
#   scripts/remake-results.sh --list        the names, what each is, and about how long it takes on two cores
#   scripts/remake-results.sh --quick       all of them small and into a directory that goes away: whether they still run
#
# RUMORMILL names the binary; without it one is built. README's tables come from these results: a test fails where they differ,
# and prints them as they should be (cargo test -p rumormill-report --test readme).
#
# Of each run result.json is kept, of compare-10000 also its page and what that is made from, and README's picture is drawn. All
# but `worlds` and `micro` are in virtual time: there the same code makes the same figures on any machine, but for those about
# the machine. Instructions depend on the compiler.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Name, directory, minutes, what it is.
RESULTS="
compare-10000 2026-11-26-compare-10000-sim 2 full state, deltas and digests at 10,000 nodes
state 2026-11-27-state 8 full state, deltas and digests by size, compression and kind of digest
detection 2026-11-27-detection-against-loss 2 detection and false alarms against loss, 1,000 nodes
epidemics 2026-11-27-epidemics 1 rounds of push and push-pull on three clocks
worlds 2026-11-27-worlds 4 the same scenario in virtual time and on real nodes
micro 2026-11-27-micro 3 instructions of the node's own code; takes valgrind and gungraun-runner
"

main() {
    quick=
    case ${1:-} in
        --list)
            grep . <<<"$RESULTS" | while read -r name _ minutes what; do
                printf '%-14s %s (%s min)\n' "$name" "$what" "$minutes"
            done
            return
            ;;
        --quick) quick=1 && shift ;;
        -*) echo "usage: scripts/remake-results.sh [--list | --quick] [NAME...]" >&2 && return 2 ;;
    esac
    local names=("$@") name
    ((${#names[@]} > 0)) || mapfile -t names < <(grep . <<<"$RESULTS" | cut -d' ' -f1)
    for name in "${names[@]}"; do
        grep -q "^$name " <<<"$RESULTS" || { echo "remake-results: no result is called $name; see --list" >&2; return 2; }
    done
    if [[ -z ${RUMORMILL:-} ]]; then
        cargo build --release --quiet -p rumormill
        RUMORMILL=target/release/rumormill
    fi
    scratch=$(mktemp -d)
    trap "rm -rf '$scratch'" EXIT
    for name in "${names[@]}"; do
        local begun=$SECONDS
        directory=bench-results/$(grep "^$name " <<<"$RESULTS" | cut -d' ' -f2)
        "${name//-/_}"
        printf '%s: %d s\n' "$name" "$((SECONDS - begun))"
    done
}

compare_10000() {
    local nodes=10000
    [[ -z $quick ]] || nodes=20
    run compare --nodes "$nodes" --on sim
    keep result.json scenario.toml report.html series.csv convergence.csv full.hlog delta.hlog digest.hlog
    local picture=docs/compare-10000.svg
    [[ -z $quick ]] || picture=$scratch/picture.svg
    "$RUMORMILL" report "$scratch/run" --picture "$picture" >/dev/null
}

state() {
    run run "$directory/scenario.toml" --on sim ${quick:+--set matrix.nodes=[20] --seconds 20}
    keep_cells
}

detection() {
    run run "$directory/scenario.toml" --on sim ${quick:+--nodes 40 --seconds 65 --repetitions 1}
    keep_cells
}

epidemics() {
    run run "$directory/scenario.toml" ${quick:+--set repetitions=5}
    keep_cells
}

worlds() {
    run compare "$directory/scenario.toml" --worlds sim,local --fidelity quic ${quick:+--nodes 40 --seconds 115}
    keep result.json
}

micro() {
    # The first line of each count names the benchmark.
    cargo bench --quiet -p rumormill-benches --bench instructions >"$scratch/counts"
    [[ -n $quick ]] || instructions "$scratch/counts" >"$directory/instructions.csv"
}

# instructions FILE: gungraun's output as a table.
instructions() {
    printf '# %s, %s\nbenchmark,instructions\n' "$(rustc --version)" "$(valgrind --version)"
    sed -nE 's/^instructions::[a-z]+::([a-z]+ [a-z]+):.*/\1/p; s/^ *Instructions: *([0-9]+)\|.*/\1/p' "$1" | paste -d, - -
}

# run ARGUMENT...: the binary, into a directory of its own. A result that is not valid is one all the same, and the tests of
# the documentation say so.
run() {
    local code=0
    rm -rf "$scratch/run"
    "$RUMORMILL" "$@" --quiet --out "$scratch/run" >/dev/null || code=$?
    ((code == 0 || code == 3)) || { echo "remake-results: rumormill $* ended with exit code $code" >&2; return 1; }
}

# keep FILE...: these files of the run.
keep() {
    local file
    for file in "$@"; do
        [[ -f $scratch/run/$file ]] || { echo "remake-results: the run left no $file" >&2; return 1; }
        [[ -n $quick ]] || cp "$scratch/run/$file" "$directory/"
    done
}

# The result of each run of each cell, and the table of all.
keep_cells() {
    [[ -f $scratch/run/summary.txt ]] || { echo "remake-results: the runs left no summary.txt" >&2; return 1; }
    [[ -z $quick ]] || return 0
    rm -rf "$directory"/[0-9]*/
    cp "$scratch/run"/{index.json,summary.txt} "$directory/"
    (cd "$scratch/run" && find . -name result.json -print0 | xargs -0 tar c) | tar x -C "$directory"
}

main "$@"
