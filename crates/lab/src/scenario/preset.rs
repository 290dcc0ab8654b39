use super::{ScenarioError, shipped};

/// The names of the presets.
pub const PRESETS: [&str; 6] = ["idle", "writes", "crash", "join", "epidemic", "compare"];

/// What every scenario starts from; sized for a machine with 2 cores.
pub(super) const DEFAULTS: &str = r#"
name = "custom"
seed = 1
[cluster]
nodes = 100
boot = "warm"
seeds = 3
keys_per_node = 8
value_bytes = 128
[node]
preset = "lan"
state = "delta"
protocol_period = "1s"
probe_timeout = "500ms"
indirect_probes = 3
suspicion_mult = 4.0
suspicion_max_mult = 6.0
lifeguard = "all"
gossip_interval = "200ms"
fanout = 3
peers = "sticky"
dissemination = "auto"
partners = 8
rotate_every = "180s"
full_interval = "1s"
digest = "zstd"
compression = "zstd"
retransmit_mult = 4
detector = "swim"
phi = "cassandra"
phi_suspect = 5.0
phi_threshold = 8.0
fail_after = "20s"
election = "off"
election_lease = "4s"
[network]
ip = 4
latency = "0ms"
jitter = "0ms"
loss = 0.0
burst = 1.0
rate = "none"
reorder = 0.0
duplicate = 0.0
[workload]
writes_per_second = 0.0
write_bytes = 128
proposals_per_second = 0.0
proposers = 1
hot_keys = 0
shared = 1.0
deletes = 0.0
joins_per_second = 0.0
leaves_per_second = 0.0
[phases]
warm_up = "5s"
measure = "30s"
cool_down = "30s"
"#;

/// What a preset changes in [`DEFAULTS`].
pub(super) fn overlay(name: &str) -> Result<&'static str, ScenarioError> {
    match name {
        "idle" => Ok(IDLE),
        "writes" => Ok(WRITES),
        "crash" => Ok(CRASH),
        "join" => Ok(JOIN),
        "epidemic" => Ok(EPIDEMIC),
        "compare" => Ok(COMPARE),
        _ => {
            if let Some(text) = shipped::text(name) {
                return Ok(text);
            }
            let nearest = all().min_by_key(|preset| strsim::osa_distance(name, preset));
            let nearest = nearest.expect("there are presets");
            Err(ScenarioError::UnknownPreset { name: name.escape_debug().to_string(), nearest })
        }
    }
}

/// The presets' names as a list for people.
pub(super) fn names() -> String {
    all().collect::<Vec<_>>().join(", ")
}

/// Presets, and the scenario files that come with the program.
fn all() -> impl Iterator<Item = &'static str> {
    PRESETS.into_iter().chain(shipped::SCENARIOS.iter().map(|(name, _)| *name))
}

const IDLE: &str = r#"name = "idle""#;

const WRITES: &str = r#"
name = "writes"
[workload]
writes_per_second = 10.0
write_bytes = 1024
"#;

const CRASH: &str = r#"
name = "crash"
[[fault]]
at = "5s"
kind = "crash"
nodes = "1%"
"#;

const JOIN: &str = r#"
name = "join"
[cluster]
boot = "join"
seeds = 1
keys_per_node = 1
"#;

const EPIDEMIC: &str = r#"
name = "epidemic"
spread = "push"
[cluster]
nodes = 10000
"#;

const COMPARE: &str = r#"
name = "compare"
[workload]
writes_per_second = 1.0
[[fault]]
at = "2s"
kind = "crash"
nodes = 1
"#;
