#!/usr/bin/env bash
# Compares the working tree with a base commit, on this machine, and writes what came out as Markdown on standard output:
# instructions, which decide the exit code, and times, which only inform.
#
#   scripts/benchmark-report.sh BASE
set -euo pipefail

main() {
    local here base=$1 code=0
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    cd "$here"
    scratch=$(mktemp -d)
    trap "rm -rf '$scratch'" EXIT

    "$here/scripts/instructions.sh" "$base" >"$scratch/instructions" 2>&1 || code=$?
    times "$base" >"$scratch/times" 2>&1 || echo "times: the comparison did not come to an end" >>"$scratch/times"

    if ((code == 0)); then
        echo "**Instructions:** nothing takes notably more than at the base."
    else
        echo "**Instructions:** something takes notably more than at the base, or the count failed (exit code $code)."
    fi
    block "Instructions" "$scratch/instructions"
    block "Times on a shared runner: a hint, no gate" "$scratch/times"
    return "$code"
}

# times BASE: criterion measures the base and then the working tree, and says how they differ.
times() {
    local root=$PWD
    export CRITERION_HOME=$scratch/criterion
    git worktree add --quiet --detach "$scratch/base" "$1"
    if [[ -d $scratch/base/benches/benches ]]; then
        (cd "$scratch/base" && CARGO_TARGET_DIR=$root/target/base bench --save-baseline base) >/dev/null
        bench --baseline base | grep -E 'time:|change:|Performance|^[a-z]'
    else
        echo "the base has no benchmarks yet"
    fi
    git worktree remove --force "$scratch/base"
}

bench() {
    cargo bench --quiet -p rumormill-benches --bench codec --bench node -- --noplot \
        --warm-up-time 0.5 --measurement-time 2 "$@"
}

# block HEADING FILE: folded away, without colours.
block() {
    printf '\n<details><summary>%s</summary>\n\n```\n' "$1"
    sed 's/\x1b\[[0-9;]*m//g' "$2"
    printf '```\n\n</details>\n'
}

main "${1:?usage: scripts/benchmark-report.sh BASE}"
