use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EpidemicSettings, Fault, NetworkSettings, NodeSettings, duration, epidemic};

/// One experiment, fully resolved: every value is within its bounds and agrees with the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The source of all chance. TOML's integers end at 2⁶³ − 1, and so does this.
    pub seed: u64,
    /// What is run instead of a cluster, where it is an epidemic. Of the rest only the number of nodes is used then.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub epidemic: Option<EpidemicSettings>,
    /// The nodes and what they hold.
    pub cluster: ClusterSettings,
    /// How each node behaves.
    pub node: NodeSettings,
    /// What packets meet between nodes.
    pub network: NetworkSettings,
    /// What is asked of the cluster.
    pub workload: WorkloadSettings,
    /// How long each part lasts.
    pub phases: Phases,
    /// What breaks.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// The scenario as a file that gives the same scenario when it is read back.
    pub fn to_toml(&self) -> String {
        let text = match &self.epidemic {
            Some(epidemic) => toml::to_string(&epidemic::File::of(self, epidemic)),
            None => toml::to_string(self),
        };
        text.expect("a scenario consists of tables, texts and numbers within TOML's ranges")
    }
}

/// `[cluster]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// How many nodes there are at the boot.
    pub nodes: usize,
    /// How they become a cluster.
    pub boot: Boot,
    /// How many nodes others join through: at the boot the first ones, later the first that no fault ends.
    pub seeds: usize,
    /// Keys that each node owns when the measurement begins.
    pub keys_per_node: usize,
    /// Bytes of each of their values; random, hence incompressible.
    pub value_bytes: usize,
}

/// How nodes become a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    /// All members and the whole state are known to all from the start.
    Warm,
    /// Nodes join through seeds.
    Join,
}

/// `[workload]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSettings {
    /// Writes a second, in the whole cluster, each at a random node.
    pub writes_per_second: f64,
    /// Bytes of each written value.
    pub write_bytes: usize,
    /// How often a second values are proposed to agree on, each time for a new slot.
    pub proposals_per_second: f64,
    /// How many nodes propose a value of their own then, all at once.
    pub proposers: usize,
    /// Keys that all nodes write, beside those of their own; 0 for none.
    pub hot_keys: usize,
    /// The share of writes that are to one of these, where there are any.
    pub shared: f64,
    /// The share of writes that delete their key.
    pub deletes: f64,
    /// Nodes a second that were not there and join.
    pub joins_per_second: f64,
    /// Nodes a second that leave.
    pub leaves_per_second: f64,
}

/// `[phases]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// From the end of the boot until measuring begins.
    #[serde(with = "duration")]
    pub warm_up: Duration,
    /// What bandwidth is measured over.
    #[serde(with = "duration")]
    pub measure: Duration,
    /// The most that is waited for writes to converge and failures to be noticed by all.
    #[serde(with = "duration")]
    pub cool_down: Duration,
}
