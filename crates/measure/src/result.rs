use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bandwidth, Boot, Conflicts, Consensus, Convergence, Detection, Difference, Election, Environment,
    Epidemic, FaultReport, Fleet, IpVersion, LoadReport, Membership, Staleness, Summary, Transport, Turnover,
    Verdict,
};

/// The version of the names in a result. It rises when one is renamed, removed or given another unit.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of how the numbers are taken. Results of different versions are not comparable.
pub const METHOD_VERSION: u32 = 1;

/// A result: what `result.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// [`METHOD_VERSION`].
    pub method_version: u32,
    /// Name and version of what made it.
    pub tool: String,
    /// The seed of the run.
    pub seed: u64,
    /// The world it ran in: of several, the first variant's.
    pub world: World,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario file that repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario_toml: Option<String>,
    /// Where it was made.
    pub environment: Environment,
    /// Whether it can be trusted: the worst variant's verdict.
    pub verdict: Verdict,
    /// What was compared, in the order asked for.
    pub variants: Vec<Variant>,
    /// Where variants differ in their world alone: how far each is from the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// In what nodes live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Virtual time.
    Sim,
    /// Real sockets on this machine.
    Local,
    /// Real sockets on many machines.
    Fleet,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sim => "sim",
            Self::Local => "local",
            Self::Fleet => "fleet",
        })
    }
}

/// One protocol with one set of settings, and what it took. Of an epidemic, which has no cluster, only some of it is
/// written; what is missing reads as nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Variant {
    /// What it is called in this result.
    pub name: String,
    /// Which protocol.
    pub protocol: String,
    /// The world it ran in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<World>,
    /// In virtual time: what was simulated of each connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
    /// The version of IP that its packets went by: each byte on the wire was counted with the headers of this one.
    #[serde(default)]
    pub ip: IpVersion,
    /// How many nodes there were at the boot.
    pub nodes: u64,
    /// How long the measured phase was, on the world's clock.
    #[serde(default)]
    pub measured_seconds: f64,
    /// Whether it can be trusted.
    pub verdict: Verdict,
    /// How its nodes became a cluster.
    #[serde(default)]
    pub boot: Boot,
    /// What it sent.
    #[serde(default)]
    pub bandwidth: Bandwidth,
    /// How fast writes reached the nodes.
    #[serde(default)]
    pub convergence: Convergence,
    /// How much of what is read is stale; nothing where nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staleness: Option<Staleness>,
    /// Writes to shared keys that did not see each other; nothing where there are no shared keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Conflicts>,
    /// How fast failures were noticed.
    #[serde(default)]
    pub detection: Detection,
    /// What came of nodes that joined and left; nothing where nobody did.
    #[serde(default, skip_serializing_if = "Turnover::is_nothing")]
    pub turnover: Turnover,
    /// What the nodes believed of each other at the end.
    #[serde(default)]
    pub membership: Membership,
    /// What broke, in the order of time.
    #[serde(default)]
    pub faults: Vec<FaultReport>,
    /// Whether there was a leader, where nodes elect one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub election: Option<Election>,
    /// Whether nodes agreed on what was proposed, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consensus: Option<Consensus>,
    /// Direct liveness checks asked for in a protocol period, all nodes together.
    #[serde(default)]
    pub checks_per_period: f64,
    /// How late nodes were woken for what they had planned.
    #[serde(default)]
    pub scheduler_lag_us: Summary,
    /// What became of connections and packets.
    #[serde(default)]
    pub transport: Transport,
    /// What the measured phase cost the machine; its fields stand beside these.
    #[serde(flatten)]
    pub load: LoadReport,
    /// How far figures may be off by chance, by their paths in this variant: standard errors, as the run itself tells them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standard_errors: BTreeMap<String, f64>,
    /// A hash over all events, in a world that repeats itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_hash: Option<String>,
    /// A hash over all packets, in a world that repeats itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet_hash: Option<String>,
    /// What it came to, where it is an epidemic; the figures of a cluster are then missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epidemic: Option<Epidemic>,
    /// The processes that carried its nodes, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Layers, Spread, Status};

    fn result() -> RunResult {
        let variant = Variant {
            name: "delta".into(),
            protocol: "rumormill".into(),
            world: Some(World::Local),
            fidelity: None,
            ip: IpVersion::V6,
            nodes: 10,
            measured_seconds: 60.0,
            verdict: Verdict { status: Status::Valid, reasons: Vec::new(), warnings: Vec::new() },
            boot: Boot::default(),
            bandwidth: Bandwidth {
                wire_bytes_per_node_per_second: Spread { mean: 0.1, p50: 1.0 / 3.0, p99: 1e9, max: 1e-9 },
                layers_bytes_per_node_per_second: Layers { wire: 0.1, ..Layers::default() },
                ..Bandwidth::default()
            },
            convergence: Convergence::default(),
            staleness: None,
            conflicts: None,
            detection: Detection::default(),
            turnover: Turnover::default(),
            membership: Membership::default(),
            faults: Vec::new(),
            election: None,
            consensus: None,
            checks_per_period: 0.98,
            scheduler_lag_us: Summary::default(),
            transport: Transport::default(),
            load: LoadReport { machine_busy_share: Some(0.25), ..LoadReport::default() },
            standard_errors: BTreeMap::new(),
            event_hash: None,
            packet_hash: None,
            epidemic: None,
            fleet: None,
        };
        RunResult {
            schema_version: SCHEMA_VERSION,
            method_version: METHOD_VERSION,
            tool: "rumormill 0.1.0".into(),
            seed: u64::MAX,
            world: World::Local,
            scenario: "compare".into(),
            scenario_toml: None,
            environment: Environment::default(),
            verdict: Verdict::of_run(std::slice::from_ref(&variant)),
            variants: vec![variant],
            differences: Vec::new(),
        }
    }

    fn json() -> Value {
        serde_json::to_value(result()).expect("a result is plain data")
    }

    fn has(object: &Value, keys: &[&str]) {
        for key in keys {
            assert!(object.get(key).is_some(), "{key} is missing in {object}");
        }
    }

    const SUMMARY_KEYS: [&str; 8] = ["count", "min", "mean", "p50", "p90", "p99", "p999", "max"];

    #[test]
    #[rustfmt::skip]
    fn a_result_has_the_names_that_scripts_rely_on() {
        let json = json();
        has(&json, &["schema_version", "method_version", "tool", "seed", "world", "environment", "verdict", "variants"]);
        has(&json["verdict"], &["status", "reasons"]);
        let variant = &json["variants"][0];
        has(variant, &["name", "protocol", "nodes", "measured_seconds", "verdict", "bandwidth", "convergence", "detection",
            "checks_per_period", "scheduler_lag_us", "cpu_seconds", "peak_rss_bytes"]);
        let bandwidth = &variant["bandwidth"];
        has(bandwidth, &["by_cause_bytes_per_node_per_second", "packets_per_node_per_second", "kernel_wire_bytes", "reported_wire_bytes"]);
        has(&bandwidth["wire_bytes_per_node_per_second"], &["mean", "p50", "p99", "max"]);
        has(&bandwidth["layers_bytes_per_node_per_second"], &["payload", "compressed", "quic", "wire"]);
        has(&variant["convergence"], &["writes", "unconverged_writes"]);
        for times in ["pairs_us", "t50_us", "t90_us", "t99_us", "t100_us"] {
            has(&variant["convergence"][times], &SUMMARY_KEYS);
        }
        has(&variant["detection"], &["failures", "undetected", "false_suspicions", "false_positives", "false_dead_pairs",
            "false_dead_pairs_at_healthy", "false_positives_per_node_hour"]);
        for times in ["first_suspect_us", "first_dead_us", "all_dead_us", "pairs_us"] {
            has(&variant["detection"][times], &SUMMARY_KEYS);
        }
        has(&variant["scheduler_lag_us"], &SUMMARY_KEYS);
    }

    #[test]
    fn a_summary_has_its_eight_keys_and_no_other() {
        let summary = serde_json::to_value(Summary::default()).expect("a summary is plain data");
        assert_eq!(summary.as_object().map(serde_json::Map::len), Some(SUMMARY_KEYS.len()));
    }

    #[test]
    fn worlds_and_states_are_written_in_lower_case_and_hashes_only_where_they_exist() {
        let json = json();
        assert_eq!(json["world"], "local");
        assert_eq!(json["verdict"]["status"], "valid");
        assert_eq!(json["variants"][0].get("event_hash"), None);
        assert_eq!(json["variants"][0]["machine_busy_share"], 0.25);
    }

    #[test]
    fn a_result_reads_back_as_it_was() {
        let text = serde_json::to_string(&result()).expect("a result is plain data");
        assert_eq!(serde_json::from_str::<RunResult>(&text).expect("it was just written"), result());
    }
}
