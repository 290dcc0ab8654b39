#!/usr/bin/env bash
# Counts the instructions of the hot paths here and at another commit, on this machine with this compiler, and fails
# where one takes more than LIMIT_PERCENT more.
#
#   scripts/instructions.sh [BASE]        compares the working tree with BASE (default: origin/main)
#   scripts/instructions.sh --self-test   shows on a copy that an unchanged tree passes, and that a delta encoding that
#                                         takes some 5 % more does not
#
# Takes valgrind, and gungraun-runner of the version of gungraun in Cargo.lock:
#
#   cargo install gungraun-runner --locked --version "$(scripts/instructions.sh --version)"
set -euo pipefail

LIMIT_PERCENT=2

main() {
    local here
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    case "${1:-origin/main}" in
        --version) version "$here" ;;
        --self-test) self_test "$here" ;;
        -*) echo "usage: scripts/instructions.sh [BASE | --self-test | --version]" >&2; return 2 ;;
        *) against "$here" "${1:-origin/main}" ;;
    esac
}

version() {
    grep -A1 '^name = "gungraun"$' "$1/Cargo.lock" | sed -n 's/^version = "\(.*\)"$/\1/p'
}

# against ROOT COMMIT: compares the tree at ROOT with a commit of its repository.
against() {
    local root=$1 base
    scratch
    base=$scratch/base
    git -C "$root" worktree add --quiet --detach "$base" "$2"
    trap "git -C '$root' worktree remove --force '$base'; rm -rf '$scratch'" EXIT
    if [[ ! -f $base/benches/benches/instructions.rs ]]; then
        echo "instructions: $2 has no instruction benchmarks yet: nothing to compare with"
        return
    fi
    compare "$base" "$root"
}

# compare BASE CHANGED: counts both trees.
compare() {
    count "$1" --save-baseline=base >/dev/null
    count "$2" --baseline=base --callgrind-limits="ir=$LIMIT_PERCENT%"
}

# count TREE ARGUMENT...: runs the tree's benchmarks, built in the tree: in a common place cargo would take one tree's
# crates for the other's. The counts of all are kept in one place.
count() {
    local tree=$1
    shift
    (cd "$tree" && CARGO_TARGET_DIR=$tree/target GUNGRAUN_HOME=$scratch/counts \
        cargo bench --quiet -p rumormill-benches --bench instructions -- "$@")
}

self_test() {
    local root=$1 copy file
    scratch
    copy=$scratch/copy
    mkdir "$copy"
    git -C "$root" ls-files -z | (cd "$root" && xargs -0 tar c) | tar x -C "$copy"
    compare "$root" "$copy"
    # A few instructions more for each entry.
    file=crates/node/src/codec/write.rs
    sed -i 's/^ *self.text(&entry.value);$/&\nlet _ = std::hint::black_box(entry.value.first());\nlet _ = std::hint::black_box(entry.key.len());\nlet _ = std::hint::black_box(entry.dot.writer);/' \
        "$copy/$file"
    cmp -s "$root/$file" "$copy/$file" && { echo "instructions: nothing was made worse" >&2; return 1; }
    if count "$copy" --baseline=base --callgrind-limits="ir=$LIMIT_PERCENT%"; then
        echo "instructions: a delta encoding that takes more passed" >&2
        return 1
    fi
    echo "the gate of instructions fails when it should, and only then"
}

scratch() {
    scratch=$(mktemp -d)
    trap "rm -rf '$scratch'" EXIT
}

main "$@"
