use std::{fmt, time::Duration};

use rumormill_epidemic::NODES_MAX;
use rumormill_measure::{IpVersion, units};
use rumormill_protocol::MAX_VALUE_BYTES;
use toml::Value;

use super::{Rate, Victims, fault::KINDS, node_preset::NODE_PRESETS};

/// A key of a scenario and what it takes.
pub(super) struct Key {
    /// The whole dotted path. Keys of a fault begin with `fault.`, whichever fault of the list it is.
    pub(super) path: &'static str,
    pub(super) wanted: Wanted,
}

/// What a key takes; its `Display` completes "must be ...".
pub(super) enum Wanted {
    Name,
    /// Bounds are not negative.
    Whole {
        least: i64,
        most: i64,
    },
    Number {
        least: f64,
        most: f64,
    },
    Duration {
        least: Duration,
        most: Duration,
    },
    Rate,
    Ip,
    OneOf(&'static [&'static str]),
    Victims,
}

/// The longest duration that a scenario can name.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest fault.
const FAULT_LONGEST: Duration = Duration::from_secs(60 * 60);

/// The longest that the network may delay a packet: packets under way are kept.
const DELAY_LONGEST: Duration = Duration::from_secs(60);

/// The longest name: it becomes part of a directory's.
const NAME_BYTES_MAX: usize = 64;

const TICK: Wanted = Wanted::Duration { least: Duration::from_millis(1), most: LONGEST };
const PAUSE: Wanted = Wanted::Duration { least: Duration::ZERO, most: LONGEST };
const DELAY: Wanted = Wanted::Duration { least: Duration::ZERO, most: DELAY_LONGEST };
const SHARE: Wanted = Wanted::Number { least: 0.0, most: 1.0 };

/// A clock that runs at a tenth of its pace, and at twice it.
const DRIFT_LEAST: f64 = -0.9;
const DRIFT_MOST: f64 = 1.0;

const PHI: Wanted = Wanted::Number { least: 0.1, most: 1000.0 };

const STOPS: [&str; 5] = ["never", "feedback-counter", "feedback-coin", "blind-counter", "blind-coin"];

/// Every key there is.
pub(super) static KEYS: &[Key] = &[
    Key::new("name", Wanted::Name),
    Key::new("seed", Wanted::whole(0, i64::MAX)),
    Key::new("cluster.nodes", Wanted::whole(2, NODES_MAX as i64)),
    Key::new("cluster.boot", Wanted::OneOf(&["warm", "join"])),
    Key::new("cluster.seeds", Wanted::whole(1, 64)),
    Key::new("cluster.keys_per_node", Wanted::whole(0, 1024)),
    Key::new("cluster.value_bytes", Wanted::whole(1, MAX_VALUE_BYTES as i64)),
    Key::new("node.preset", Wanted::OneOf(&NODE_PRESETS)),
    Key::new("node.state", Wanted::OneOf(&["delta", "full", "digest"])),
    Key::new("node.protocol_period", TICK),
    Key::new("node.probe_timeout", TICK),
    Key::new("node.indirect_probes", Wanted::whole(0, 32)),
    Key::new("node.suspicion_mult", Wanted::Number { least: 1.0, most: 100.0 }),
    Key::new("node.suspicion_max_mult", Wanted::Number { least: 1.0, most: 100.0 }),
    Key::new("node.lifeguard", Wanted::OneOf(&["all", "off", "probe", "suspicion", "buddy"])),
    Key::new("node.gossip_interval", TICK),
    Key::new("node.fanout", Wanted::whole(1, 64)),
    Key::new("node.peers", Wanted::OneOf(&["sticky", "uniform"])),
    Key::new("node.dissemination", Wanted::OneOf(&["auto", "push", "pull", "push-pull", "tree"])),
    Key::new("node.partners", Wanted::whole(2, 64)),
    Key::new("node.rotate_every", TICK),
    Key::new("node.full_interval", TICK),
    Key::new("node.digest", Wanted::OneOf(&["full", "zstd", "sketch"])),
    Key::new("node.compression", Wanted::OneOf(&["zstd", "none"])),
    Key::new("node.retransmit_mult", Wanted::whole(1, 100)),
    Key::new("node.detector", Wanted::OneOf(&["swim", "heartbeat"])),
    Key::new("node.phi", Wanted::OneOf(&["cassandra", "chitchat", "off"])),
    Key::new("node.phi_suspect", PHI),
    Key::new("node.phi_threshold", PHI),
    Key::new("node.fail_after", TICK),
    Key::new("node.election", Wanted::OneOf(&["off", "majority"])),
    Key::new(
        "node.election_lease",
        Wanted::Duration { least: Duration::from_millis(100), most: FAULT_LONGEST },
    ),
    Key::new("network.ip", Wanted::Ip),
    Key::new("network.latency", DELAY),
    Key::new("network.jitter", DELAY),
    Key::new("network.loss", SHARE),
    Key::new("network.burst", Wanted::Number { least: 1.0, most: 1000.0 }),
    Key::new("network.rate", Wanted::Rate),
    Key::new("network.reorder", SHARE),
    Key::new("network.duplicate", SHARE),
    Key::new("workload.writes_per_second", Wanted::Number { least: 0.0, most: 100_000.0 }),
    Key::new("workload.write_bytes", Wanted::whole(1, MAX_VALUE_BYTES as i64)),
    Key::new("workload.proposals_per_second", Wanted::Number { least: 0.0, most: 1_000.0 }),
    Key::new("workload.proposers", Wanted::whole(1, 1_000)),
    Key::new("workload.hot_keys", Wanted::whole(0, 65_536)),
    Key::new("workload.shared", SHARE),
    Key::new("workload.deletes", SHARE),
    Key::new("workload.joins_per_second", Wanted::Number { least: 0.0, most: 1_000.0 }),
    Key::new("workload.leaves_per_second", Wanted::Number { least: 0.0, most: 1_000.0 }),
    Key::new("phases.warm_up", PAUSE),
    Key::new("phases.measure", TICK),
    Key::new("phases.cool_down", PAUSE),
    Key::new("fault.at", PAUSE),
    Key::new("fault.kind", Wanted::OneOf(&KINDS)),
    Key::new("fault.nodes", Wanted::Victims),
    Key::new("fault.for", Wanted::Duration { least: Duration::from_millis(1), most: FAULT_LONGEST }),
    Key::new("fault.reading", Wanted::Duration { least: Duration::ZERO, most: Duration::from_millis(100) }),
    Key::new("fault.every", Wanted::Duration { least: Duration::from_millis(1), most: FAULT_LONGEST }),
    Key::new("fault.during", TICK),
    Key::new("fault.timing", Wanted::OneOf(&["apart", "together"])),
    Key::new("fault.direction", Wanted::OneOf(&["both", "out", "in"])),
    Key::new("fault.loss", SHARE),
    Key::new("fault.delay", DELAY),
    Key::new("fault.drift", Wanted::Number { least: DRIFT_LEAST, most: DRIFT_MOST }),
    Key::new("spread", Wanted::OneOf(&["push", "pull", "push-pull"])),
    Key::new("fanout", Wanted::whole(1, NODES_MAX as i64 - 1)),
    Key::new("clock", Wanted::OneOf(&["rounds", "poisson", "periodic"])),
    Key::new("stop", Wanted::OneOf(&STOPS)),
    Key::new("k", Wanted::whole(1, 1_000_000)),
    Key::new("repetitions", Wanted::whole(1, 1_000_000)),
];

impl Key {
    const fn new(path: &'static str, wanted: Wanted) -> Self {
        Self { path, wanted }
    }

    /// The key of this dotted path.
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// All keys of one table.
    pub(super) fn of_table(path: &str) -> impl Iterator<Item = &'static Self> {
        KEYS.iter().filter(move |key| key.path.rsplit_once('.').is_some_and(|(table, _)| table == path))
    }

    /// The key that someone who wrote `path` most likely meant. A right name in a wrong table is nearly right.
    pub(super) fn nearest(path: &str) -> &'static str {
        let distance = |key: &Key| {
            let whole = strsim::osa_distance(path, key.path);
            whole.min(1 + strsim::osa_distance(last(path), last(key.path)))
        };
        KEYS.iter().min_by_key(|key| distance(key)).expect("there are keys").path
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl Wanted {
    const fn whole(least: i64, most: i64) -> Self {
        Self::Whole { least, most }
    }

    /// The value as the scenario keeps it, if it is one that is wanted.
    pub(super) fn accept(&self, value: Value) -> Result<Value, Value> {
        let fits = match (self, &value) {
            (Self::Name, Value::String(name)) => is_name(name),
            (Self::Whole { least, most }, Value::Integer(number)) => (least..=most).contains(&number),
            (Self::Number { .. }, Value::Integer(number)) => {
                return self.accept(Value::Float(*number as f64));
            }
            (Self::Number { least, most }, Value::Float(number)) => (least..=most).contains(&number),
            (Self::Duration { least, most }, Value::String(text)) => {
                humantime::parse_duration(text).is_ok_and(|duration| (least..=most).contains(&&duration))
            }
            (Self::Ip, Value::Integer(number)) => {
                u8::try_from(*number).is_ok_and(|number| IpVersion::try_from(number).is_ok())
            }
            (Self::Rate, Value::String(text)) => text.parse::<Rate>().is_ok(),
            (Self::OneOf(names), Value::String(text)) => names.contains(&text.as_str()),
            (Self::Victims, value) => Victims::try_from(value.clone()).is_ok(),
            _ => false,
        };
        if fits { Ok(value) } else { Err(value) }
    }
}

fn is_name(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.len() <= NAME_BYTES_MAX
        && bytes.iter().all(inner)
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "1 to {NAME_BYTES_MAX} letters, digits, dots, hyphens and underscores, a letter or digit first"
            ),
            Self::Whole { least, most } => {
                let [least, most] = [*least, *most].map(|bound| units::count(bound.unsigned_abs()));
                write!(f, "a whole number from {least} to {most}")
            }
            Self::Number { least, most } => write!(f, "a number from {least} to {most}"),
            Self::Duration { least, most } => {
                let [least, most] = [*least, *most].map(humantime::format_duration);
                write!(f, "a duration from \"{least}\" to \"{most}\"")
            }
            Self::Ip => f.write_str("4 or 6"),
            Self::Rate => f.write_str(Rate::WANTED),
            Self::OneOf(names) => write!(f, "\"{}\"", names.join("\" or \"")),
            Self::Victims => f.write_str(Victims::WANTED),
        }
    }
}
