#!/usr/bin/env bash
# Makes and removes hosts for tests: network namespaces of this machine, joined by a bridge, each with an sshd of its own
# where one is installed. Takes root and iproute2.
#
#   scripts/hosts.sh up N        makes N hosts, and prints how to use them
#   scripts/hosts.sh down NAME   removes the hosts of that name, and ends all that runs in them
#   scripts/hosts.sh run N CMD   makes N hosts, runs a command among them, and removes them
#
# The bridge is in a namespace too, the head, which is where coordinators run. So nothing of this is seen from outside, nothing
# gets out, and several may stand beside each other. A command finds $HOSTS, their addresses; $HOSTS_NAME, which is the head's
# name and with -1, -2 and so on that of each host; $HOSTS_HEAD, the head's address; $HOSTS_STATE, a directory that goes with
# them; $SSH_CONFIG.
set -euo pipefail

SUBNET=10.77.0

main() {
    case "${1:-} $#" in
        "up 2") up "$2" && usage_of ;;
        "down 2") down "$2" ;;
        "run "[3-9]* | "run "[1-9][0-9]*) run "${@:2}" ;;
        *) echo "usage: scripts/hosts.sh up N | down NAME | run N COMMAND..." >&2; return 2 ;;
    esac
}

up() {
    local count=$1 number
    if ! [[ $count =~ ^[0-9]+$ ]] || ((count < 1 || count > 250)); then
        echo "hosts: from 1 to 250 hosts can be made, and not $count" >&2
        return 2
    fi
    HOSTS_NAME=rmh$$
    HOSTS_STATE=/tmp/$HOSTS_NAME
    HOSTS_HEAD=$SUBNET.254
    # Its keys are for their owner alone; sockets in it are for all.
    mkdir -m 711 "$HOSTS_STATE"
    # Whatever fails from here on, what was made is removed.
    trap 'down "$HOSTS_NAME"' ERR
    ip netns add "$HOSTS_NAME"
    ip -n "$HOSTS_NAME" link set lo up
    ip -n "$HOSTS_NAME" link add hosts type bridge
    ip -n "$HOSTS_NAME" link set hosts addrgenmode none
    ip -n "$HOSTS_NAME" address add "$HOSTS_HEAD/24" dev hosts
    ip -n "$HOSTS_NAME" link set hosts up
    HOSTS=
    for ((number = 1; number <= count; number++)); do
        host "$number"
        HOSTS+=${HOSTS:+,}$SUBNET.$number
    done
    SSH_CONFIG=$HOSTS_STATE/ssh_config
    if [[ -x /usr/sbin/sshd ]]; then
        daemons "$count"
    fi
    trap - ERR
}

# host NUMBER: one packet is one packet for the interfaces too, so that their counters can be compared with others.
host() {
    local space=$HOSTS_NAME-$1 outer=host$1
    ip netns add "$space"
    ip -n "$HOSTS_NAME" link add "$outer" gso_max_segs 1 type veth peer name eth0 netns "$space" gso_max_segs 1
    # No IPv6: what it says by itself would be counted with the nodes' packets.
    ip -n "$HOSTS_NAME" link set "$outer" addrgenmode none
    ip -n "$space" link set eth0 addrgenmode none
    ip -n "$HOSTS_NAME" link set "$outer" master hosts up
    ip -n "$space" link set lo up
    ip -n "$space" address add "$SUBNET.$1/24" dev eth0
    ip -n "$space" link set eth0 up
}

# daemons COUNT: an sshd in each host, which lets in who has the key made here.
daemons() {
    local number
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$HOSTS_STATE/host_key"
    ssh-keygen -q -t ed25519 -N '' -f "$HOSTS_STATE/user_key"
    cat >"$HOSTS_STATE/sshd_config" <<CONFIG
HostKey $HOSTS_STATE/host_key
AuthorizedKeysFile $HOSTS_STATE/user_key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
CONFIG
    cat >"$SSH_CONFIG" <<CONFIG
Host $SUBNET.*
    User $(id -un)
    IdentityFile $HOSTS_STATE/user_key
    IdentitiesOnly yes
    UserKnownHostsFile $HOSTS_STATE/known_hosts
    LogLevel ERROR
CONFIG
    for ((number = 1; number <= $1; number++)); do
        echo "$SUBNET.$number $(cat "$HOSTS_STATE/host_key.pub")" >>"$HOSTS_STATE/known_hosts"
        ip netns exec "$HOSTS_NAME-$number" /usr/sbin/sshd -f "$HOSTS_STATE/sshd_config" -E "$HOSTS_STATE/sshd.$number.log" \
            -o "ListenAddress=$SUBNET.$number"
    done
}

usage_of() {
    echo "Hosts $HOSTS are there. Use and remove them with"
    if [[ -e $SSH_CONFIG ]]; then
        echo "  ip netns exec $HOSTS_NAME rumormill run scenarios/fleet-demo.toml --on fleet --engine ssh --hosts $HOSTS \\"
        echo "      --ssh-config $SSH_CONFIG --agent-program \"\$(command -v rumormill)\""
    fi
    echo "  ip netns exec $HOSTS_NAME rumormill coordinate ... --listen $HOSTS_HEAD:7777"
    echo "  ip netns exec $HOSTS_NAME-1 rumormill agent --coordinator $HOSTS_HEAD:7777 ..."
    echo "  scripts/hosts.sh down $HOSTS_NAME"
}

# Goes on after what is gone already.
down() {
    local name=$1 space spaces
    if ! [[ $name =~ ^rmh[0-9]+$ ]]; then
        echo "hosts: $name is no name that up printed" >&2
        return 2
    fi
    spaces=$(ip netns list | cut -d' ' -f1 | grep -E "^$name(-[0-9]+)?$" || true)
    for space in $spaces; do
        end "$space" TERM
    done
    for space in $spaces; do
        emptied "$space" || end "$space" KILL
        ip netns del "$space" || true
    done
    rm -rf "/tmp/$name"
}

# end SPACE SIGNAL: all that runs in a namespace of ours was started in it.
end() {
    local pid
    for pid in $(ip netns pids "$1"); do
        kill "-$2" "$pid" 2>/dev/null || true
    done
}

# emptied SPACE: whether all that ran in it has ended within 5 s.
emptied() {
    local look
    for ((look = 0; look < 50; look++)); do
        if [[ -z $(ip netns pids "$1") ]]; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

run() {
    local count=$1 code=0
    shift
    up "$count"
    # Also when this is ended, and who listens to it has ended before.
    trap 'trap "" PIPE HUP INT TERM; down "$HOSTS_NAME"' EXIT
    export HOSTS HOSTS_NAME HOSTS_HEAD HOSTS_STATE SSH_CONFIG
    ip netns exec "$HOSTS_NAME" "$@" || code=$?
    return "$code"
}

main "$@"
