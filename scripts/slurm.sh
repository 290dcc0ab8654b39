#!/usr/bin/env bash
# Runs a command in a Slurm cluster of test hosts: scripts/hosts.sh run 4 scripts/slurm.sh COMMAND... has a slurmd on each of the
# four, slurmctld and munged at the head. All is in $HOSTS_STATE and in the hosts' namespaces, and goes with them. Takes root
# and Debian's slurm-wlm.
set -euo pipefail

main() {
    if (($# == 0)) || [[ -z ${HOSTS_NAME:-} ]]; then
        echo "usage: scripts/hosts.sh run N scripts/slurm.sh COMMAND..." >&2
        return 2
    fi
    PLACE=$HOSTS_STATE/slurm
    mkdir -m 755 "$PLACE"
    export SLURM_CONF=$PLACE/slurm.conf
    authentication
    configuration
    slurmctld -f "$SLURM_CONF" -L "$PLACE/slurmctld.log"
    local number
    for ((number = 1; number <= COUNT; number++)); do
        ip netns exec "$HOSTS_NAME-$number" slurmd -f "$SLURM_CONF" -N "host$number" -L "$PLACE/slurmd.$number.log"
    done
    await_nodes
    "$@"
}

# A munged with a key and a socket of its own.
authentication() {
    dd if=/dev/urandom of="$PLACE/munge.key" bs=1024 count=1 status=none
    chmod 400 "$PLACE/munge.key"
    munged --key-file="$PLACE/munge.key" --socket="$PLACE/munge.socket" --pid-file="$PLACE/munge.pid" \
        --log-file="$PLACE/munge.log" --seed-file="$PLACE/munge.seed"
}

configuration() {
    local addresses number
    IFS=, read -ra addresses <<<"$HOSTS"
    COUNT=${#addresses[@]}
    cat >"$SLURM_CONF" <<CONFIG
ClusterName=hosts
SlurmctldHost=$(hostname -s)($HOSTS_HEAD)
MailProg=/bin/true
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$PLACE/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$PLACE/state
SlurmdSpoolDir=$PLACE/spool.%n
SlurmctldPidFile=$PLACE/slurmctld.pid
SlurmdPidFile=$PLACE/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/linear
SchedulerType=sched/builtin
ReturnToService=2
SlurmdParameters=config_overrides
CONFIG
    for ((number = 1; number <= COUNT; number++)); do
        echo "NodeName=host$number NodeAddr=${addresses[number - 1]} CPUs=$(nproc) State=UNKNOWN"
    done >>"$SLURM_CONF"
    # Named, so that it is not looked for: nothing here uses it.
    echo "CgroupPlugin=cgroup/v1" >"$PLACE/cgroup.conf"
    echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP" >>"$SLURM_CONF"
}

# Until srun may be given all nodes, 30 s at most.
await_nodes() {
    local look
    for ((look = 0; look < 300; look++)); do
        if [[ $(timeout 5 sinfo --noheader --Node --states=idle 2>/dev/null | wc -l) == "$COUNT" ]]; then
            return 0
        fi
        sleep 0.1
    done
    echo "slurm: its nodes did not come up within 30 s" >&2
    tail -n 5 "$PLACE"/*.log >&2
    return 1
}

main "$@"
