#!/usr/bin/env bash
# Fails when a crate that must be free of I/O comes to depend on a runtime or on sockets.
#
#   scripts/purity.sh               checks this workspace
#   scripts/purity.sh --self-test   shows on a copy that the check fails when it should
#
# The other half of the rule is clippy's: scripts/sans-io.clippy.toml bans clocks, sockets, threads and unseeded
# chance of the standard library in the same crates. This script sees to it that each of them has that file.
set -euo pipefail

PURE=(protocol node rivals link crypto measure report)
BANNED=(tokio mio socket2 quinn quinn-udp async-std async-io smol hyper)

main() {
    local here
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    case "${1:-}" in
        "") check "$here" && echo "${#PURE[@]} crates are free of I/O: ${PURE[*]}" ;;
        --self-test) self_test "$here" ;;
        *) echo "usage: scripts/purity.sh [--self-test]" >&2; return 2 ;;
    esac
}

# check ROOT: says on standard error everything that is wrong with the workspace at ROOT.
check() {
    local root=$1 crate banned tree impure=0
    for crate in "${PURE[@]}"; do
        tree=$(dependencies "$root" "$crate") || return 1
        if ! grep -qx "rumormill-$crate" <<<"$tree"; then
            echo "purity: the dependencies of rumormill-$crate came out empty" >&2
            return 1
        fi
        for banned in "${BANNED[@]}"; do
            if grep -qx "$banned" <<<"$tree"; then
                echo "purity: rumormill-$crate must be free of I/O and depends on $banned" >&2
                impure=1
            fi
        done
        if ! cmp -s "$root/crates/$crate/clippy.toml" "$root/scripts/sans-io.clippy.toml"; then
            echo "purity: crates/$crate/clippy.toml is not scripts/sans-io.clippy.toml" >&2
            impure=1
        fi
    done
    return "$impure"
}

# The names of a crate and of all that it is built from, one a line. Features are all on, so that nothing hides
# behind an optional one. Tests may use what they like.
dependencies() {
    cargo tree --quiet --manifest-path "$1/Cargo.toml" -p "rumormill-$2" --all-features -e normal,build \
        --prefix none --format '{p}' | cut -d' ' -f1 | sort -u
}

self_test() {
    local copy
    copy=$(mktemp -d)
    # Expanded now: the trap runs when the variable is gone.
    trap "rm -rf '$copy'" EXIT
    mkdir "$copy/scripts"
    cp "$1/Cargo.toml" "$1/Cargo.lock" "$copy"
    cp "$1/scripts/sans-io.clippy.toml" "$copy/scripts"
    cp -R "$1/crates" "$1/benches" "$copy"
    check "$copy"

    sed -i 's/^\[dependencies\]$/&\ntokio.workspace = true/' "$copy/crates/node/Cargo.toml"
    expect_complaint "$copy" "rumormill-node must be free of I/O and depends on tokio"
    cp "$1/crates/node/Cargo.toml" "$copy/crates/node"

    rm "$copy/crates/link/clippy.toml"
    expect_complaint "$copy" "crates/link/clippy.toml is not"
    echo "the purity check fails when it should"
}

expect_complaint() {
    local complaint
    if complaint=$(check "$1" 2>&1); then
        echo "purity: the check passed and should have said: $2" >&2
        return 1
    fi
    if ! grep -qF "$2" <<<"$complaint"; then
        echo "purity: the check should have said \"$2\" and said: $complaint" >&2
        return 1
    fi
}

main "$@"
