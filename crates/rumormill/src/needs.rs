//! What a cluster of real nodes takes, by formulas whose constants were measured: docs/METHOD.md says how.

use std::time::Duration;

use rumormill_lab::{Boot, PeersMode, Scenario, StateMode};

use crate::{RUMORMILL, Setting, ViewMode, settings};

/// Descriptors of everything but nodes: standard streams, runtimes, files.
pub(crate) const SPARE_DESCRIPTORS: u64 = 64;

/// Memory of a process without nodes, of a node without connections, and of one end of a connection.
const PROCESS_BYTES: f64 = 20e6;
const NODE_BYTES: f64 = 35e3;
const END_BYTES: f64 = 21e3;

/// What an entry of the state takes beside its value, once in the process.
const ENTRY_BYTES: f64 = 120.0;
/// What each node holds of each writer whose writes it learned: a name and a reference.
const LEARNED_BYTES: f64 = 16.0;
/// What each node holds of each member that it learned of, and of each where it shares nothing.
const JOINED_BYTES: f64 = 64.0;
const OPINION_BYTES: f64 = 4.0;
/// What a node remembers of a write that it applied, and of how many at most.
const APPLIED_BYTES: f64 = 24.0;
const APPLIED_MAX: f64 = 8_192.0;

/// CPU time of a packet, sent, received and acted on, and of a handshake, both ends.
const PACKET_SECONDS: f64 = 30e-6;
const HANDSHAKE_SECONDS: f64 = 800e-6;
/// CPU time of what one node hears about one failure.
const FAILURE_SECONDS: f64 = 20e-6;

/// Packets of a node for each probe that it sends, and for each write that reaches it: along a tree it and its
/// acknowledgement, else one over most connections.
const PACKETS_PER_PROBE: f64 = 3.1;
const PACKETS_PER_WRITE_ON_A_TREE: f64 = 2.0;
const PACKETS_PER_WRITE: f64 = 7.0;

/// A boot takes longer than its handshakes by this factor, since nodes act meanwhile.
const BOOT_FACTOR: f64 = 1.5;
/// Until traffic is taken for steady, in windows of two protocol periods: three at best.
const SETTLE_WINDOWS: u32 = 3;

/// What a scenario takes of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Needs {
    /// Of each process.
    pub(crate) descriptors: u64,
    /// UDP ports.
    pub(crate) ports: u64,
    pub(crate) memory_bytes: f64,
    /// Cores busy all the time while the cluster is measured, full state aside; nothing where it is not estimated.
    pub(crate) cores: Option<f64>,
    /// CPU time of the handshakes that make the cluster.
    boot_cpu_seconds: f64,
    settle: Duration,
    phases: Duration,
}

impl Needs {
    pub(crate) fn of(scenario: &Scenario, protocol: &str, setting: &Setting) -> Self {
        let nodes = scenario.nodes_ever();
        let ends = ends_per_node(scenario, protocol);
        let phases = &scenario.phases;
        Self {
            descriptors: nodes.div_ceil(setting.processes()) as u64 + SPARE_DESCRIPTORS,
            ports: nodes as u64,
            memory_bytes: setting.processes() as f64 * PROCESS_BYTES
                + nodes as f64 * (NODE_BYTES + ends * END_BYTES)
                + state_bytes(scenario, setting),
            cores: (protocol == RUMORMILL).then(|| cores(scenario)),
            boot_cpu_seconds: nodes as f64 * ends / 2.0 * HANDSHAKE_SECONDS,
            settle: SETTLE_WINDOWS * Duration::from_secs(1).max(2 * scenario.node.protocol_period),
            phases: phases.warm_up + phases.measure + phases.cool_down,
        }
    }

    /// How long booting and settling take on so many cores.
    pub(crate) fn until_warm_up(&self, cores: usize) -> Duration {
        Duration::from_secs_f64(1.0 + self.boot_cpu_seconds * BOOT_FACTOR / cores as f64) + self.settle
    }

    /// How long a run lasts at most.
    pub(crate) fn duration(&self, cores: usize) -> Duration {
        self.until_warm_up(cores) + self.phases
    }
}

/// Ends of connections that a node holds. Of a protocol that is not known it is taken to be as many as ours holds.
fn ends_per_node(scenario: &Scenario, protocol: &str) -> f64 {
    let (nodes, node) = (scenario.nodes_ever(), &scenario.node);
    let ends = match (protocol, node.peers) {
        ("all-to-all", _) => nodes,
        ("central", _) => 2,
        (_, PeersMode::Sticky) => node.partners,
        (_, PeersMode::Uniform) => settings::connections_kept(nodes),
    };
    ends.min(nodes.saturating_sub(1)) as f64
}

/// What all nodes hold of the state and of each other. Values and keys are held once in the process.
fn state_bytes(scenario: &Scenario, setting: &Setting) -> f64 {
    let (cluster, workload, phases) = (&scenario.cluster, &scenario.workload, &scenario.phases);
    let nodes = scenario.nodes_ever() as f64;
    let entries = nodes * cluster.keys_per_node as f64;
    let writes = workload.writes_per_second * (phases.warm_up + phases.measure).as_secs_f64();
    let once = entries * (cluster.value_bytes as f64 + ENTRY_BYTES)
        + writes * (workload.write_bytes as f64 + ENTRY_BYTES);
    let joins = cluster.boot == Boot::Join || scenario.nodes_ever() > cluster.nodes;
    let learned_writers = if joins { nodes } else { writes.min(nodes) };
    let applied = if joins { writes + entries } else { writes };
    let of_members = match (joins, setting.view) {
        (true, _) => JOINED_BYTES,
        (false, ViewMode::Dense) => OPINION_BYTES,
        (false, ViewMode::Compact) => 0.0,
    };
    let each =
        learned_writers * LEARNED_BYTES + applied.min(APPLIED_MAX) * APPLIED_BYTES + nodes * of_members;
    setting.processes() as f64 * once + nodes * each
}

/// Cores that the gossip of our node keeps busy, full state and digests aside.
pub(crate) fn cores(scenario: &Scenario) -> f64 {
    let (nodes, node) = (scenario.cluster.nodes, &scenario.node);
    let probes_per_second = 1.0 / node.protocol_period.as_secs_f64();
    // What is flushed together for a partner shares packets, however many writes it is.
    let flushes_per_second = node.partners as f64 / node.gossip_interval.as_secs_f64();
    let writes_per_second = scenario.workload.writes_per_second;
    let writes = match node.state {
        StateMode::Delta if node.writes_share_a_tree() => writes_per_second * PACKETS_PER_WRITE_ON_A_TREE,
        StateMode::Delta => (writes_per_second * PACKETS_PER_WRITE).min(flushes_per_second),
        // They go with the whole state, or with what digests find.
        StateMode::Full | StateMode::Digest => 0.0,
    };
    let unconnected = match node.peers {
        PeersMode::Sticky => 0.0,
        PeersMode::Uniform => 1.0 - (settings::connections_kept(nodes) as f64 / nodes as f64).min(1.0),
    };
    let failures: usize = scenario
        .faults
        .iter()
        .filter(|fault| fault.kind.ends_life())
        .map(|fault| fault.nodes.count(nodes))
        .sum();
    let failures_per_second = failures as f64 / scenario.phases.measure.as_secs_f64();
    nodes as f64
        * (PACKET_SECONDS * (PACKETS_PER_PROBE * probes_per_second + writes)
            + HANDSHAKE_SECONDS * unconnected * probes_per_second
            + FAILURE_SECONDS * failures_per_second)
}

#[cfg(test)]
mod tests {
    use rumormill_lab::Draft;
    use rumormill_measure::World;

    use super::*;
    use crate::{Crypto, Fidelity};

    fn needs(preset: &str, settings: &[&str], view: ViewMode) -> Needs {
        let mut draft = Draft::preset(preset).expect("a preset");
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        let scenario = draft.finish().expect("a valid scenario");
        let (fidelity, crypto) = (Fidelity::Message, Crypto::Null);
        Needs::of(
            &scenario,
            RUMORMILL,
            &Setting { world: World::Local, fidelity, crypto, shards: None, view, fleet: None },
        )
    }

    #[test]
    fn idle_clusters_take_what_was_measured() {
        // Peak memory of `run --preset idle` with so many nodes and partners.
        for (nodes, partners, measured) in
            [(600, 4, 72e6), (600, 8, 121e6), (600, 16, 219e6), (1_000, 8, 200e6), (3_000, 8, 628e6)]
        {
            let settings = [format!("cluster.nodes={nodes}"), format!("node.partners={partners}")];
            let needs = needs("idle", &settings.each_ref().map(String::as_str), ViewMode::Compact);
            let ratio = needs.memory_bytes / measured;
            assert!((0.95..1.30).contains(&ratio), "{nodes} nodes, {partners} partners: {ratio}");
        }
    }

    #[test]
    fn ten_thousand_idle_nodes_fit_two_cores_and_a_faster_period_does_not() {
        let cores = |period| {
            let settings = ["cluster.nodes=10000", period, "node.probe_timeout=50ms"];
            needs("idle", &settings, ViewMode::Compact).cores.expect("it is estimated")
        };
        assert!((0.8..1.1).contains(&cores("node.protocol_period=1s")));
        assert!((8.0..11.0).contains(&cores("node.protocol_period=100ms")));
    }

    #[test]
    fn values_count_once_and_what_each_node_holds_by_itself_with_the_square() {
        let kilobytes = ["cluster.nodes=10000", "cluster.keys_per_node=1", "cluster.value_bytes=1024"];
        let compact = needs("idle", &kilobytes, ViewMode::Compact).memory_bytes;
        assert!(compact < 2.5e9, "10,000 values of 1 kB, and not 10,000 times as many: {compact}");
        let dense = needs("idle", &kilobytes, ViewMode::Dense).memory_bytes;
        assert_eq!(dense - compact, 4e8);
    }
}
