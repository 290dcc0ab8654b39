use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{Recurrence, ScenarioError, Victims, duration, key::Key};

/// One `[[fault]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// When, from the beginning of the measured phase.
    #[serde(with = "duration")]
    pub at: Duration,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// To whom.
    pub nodes: Victims,
    /// Whether it comes again and again.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub recurs: Option<Recurrence>,
}

/// What can happen to nodes. How long it lasts is the scenario's `for`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum FaultKind {
    /// They fall silent at once and for good.
    Crash,
    /// They say goodbye and stop taking part.
    Leave,
    /// They fall silent at once, and after this time start again with nothing in memory and join.
    Restart {
        /// How long they are down.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
    },
    /// They stand still and then go on as if no time had passed.
    Pause {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
    },
    /// Their sends and receives wait, while they go on otherwise, and then go through (Lifeguard's anomaly).
    Block {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
        /// How long a node in virtual time takes, once released, to read each packet that waited. Real nodes take their
        /// own time.
        #[serde(with = "duration")]
        reading: Duration,
    },
    /// No packet passes between them and all others; among themselves packets pass.
    Partition {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
        /// Which packets.
        direction: Direction,
    },
    /// Packets between them and all others are lost at random, beyond what the network loses anyway.
    Loss {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
        /// Which packets.
        direction: Direction,
        /// The probability that a packet is lost, from 0 to 1.
        loss: f64,
    },
    /// Packets between them and all others take longer.
    Slow {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
        /// Which packets.
        direction: Direction,
        /// How much longer.
        #[serde(with = "duration")]
        delay: Duration,
    },
    /// Their clocks run faster or slower, and afterwards at the right pace again.
    Skew {
        /// How long.
        #[serde(rename = "for", with = "duration")]
        lasts: Duration,
        /// By how much faster, as a share: 0.1 is 1.1 s in a second, −0.5 half a second.
        drift: f64,
    },
    /// So many nodes that were not there join at once.
    #[serde(rename = "join_storm")]
    JoinStorm,
}

/// Which packets a fault of the network concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways.
    Both,
    /// Those that its nodes send to others.
    Out,
    /// Those that others send to its nodes.
    In,
}

/// The names of the kinds.
pub(super) const KINDS: [&str; 10] =
    ["crash", "leave", "restart", "pause", "block", "partition", "loss", "slow", "skew", "join_storm"];

impl FaultKind {
    /// Its name in a scenario.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Leave => "leave",
            Self::Restart { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Block { .. } => "block",
            Self::Partition { .. } => "partition",
            Self::Loss { .. } => "loss",
            Self::Slow { .. } => "slow",
            Self::Skew { .. } => "skew",
            Self::JoinStorm => "join_storm",
        }
    }

    /// How long it lasts; nothing for what does not end.
    pub const fn lasts(&self) -> Option<Duration> {
        match *self {
            Self::Crash | Self::Leave | Self::JoinStorm => None,
            Self::Restart { lasts }
            | Self::Pause { lasts }
            | Self::Block { lasts, .. }
            | Self::Partition { lasts, .. }
            | Self::Loss { lasts, .. }
            | Self::Slow { lasts, .. }
            | Self::Skew { lasts, .. } => Some(lasts),
        }
    }

    /// Whether it ends the life that its nodes are in. That happens to a node at most once in a run.
    pub const fn ends_life(&self) -> bool {
        matches!(self, Self::Crash | Self::Leave | Self::Restart { .. })
    }
}

/// What every fault must say.
const COMMON: [&str; 3] = ["at", "kind", "nodes"];

/// What a fault must say that comes again and again, and what it may say.
const RECURRENCE: [&str; 2] = ["every", "during"];
const TIMING: &str = "timing";

/// Whether a kind of fault can come again and again.
fn recurs(kind: &str) -> bool {
    matches!(kind, "pause" | "block")
}

/// What a kind takes besides: each key with its default, or with nothing where it must be given.
fn keys(kind: &str) -> &'static [(&'static str, Option<&'static str>)] {
    match kind {
        "restart" => &[("for", Some("1s"))],
        "pause" => &[("for", None)],
        "block" => &[("for", None), ("reading", Some("50us"))],
        "partition" => &[("for", None), ("direction", Some("both"))],
        "loss" => &[("for", None), ("direction", Some("both")), ("loss", None)],
        "slow" => &[("for", None), ("direction", Some("both")), ("delay", None)],
        "skew" => &[("for", None), ("drift", None)],
        _ => &[],
    }
}

/// A fault whose keys are fine each by itself, with the defaults of its kind filled in.
pub(super) fn complete(mut fault: Table) -> Result<Table, ScenarioError> {
    if let Some(name) = COMMON.into_iter().find(|name| !fault.contains_key(*name)) {
        return Err(missing(name));
    }
    let kind = fault["kind"].as_str().unwrap_or_default().to_owned();
    let own = keys(&kind);
    let foreign = |name: &&String| {
        let name = name.as_str();
        let recurring = recurs(&kind) && (RECURRENCE.contains(&name) || name == TIMING);
        !recurring && !COMMON.contains(&name) && own.iter().all(|(key, _)| *key != name)
    };
    if let Some(name) = fault.keys().find(foreign) {
        let problem = format!("means nothing to a fault of kind \"{kind}\"");
        return Err(ScenarioError::Conflict { key: key(name).path, problem, fix: "leave it out".to_owned() });
    }
    let (given, lacking): (Vec<_>, Vec<_>) =
        RECURRENCE.into_iter().partition(|name| fault.contains_key(*name));
    if (!given.is_empty() || fault.contains_key(TIMING))
        && let Some(name) = lacking.first()
    {
        return Err(missing(name));
    }
    if lacking.is_empty() && !fault.contains_key(TIMING) {
        fault.insert(TIMING.to_owned(), Value::String("apart".to_owned()));
    }
    for (name, default) in own {
        if !fault.contains_key(*name) {
            let default = default.ok_or_else(|| missing(name))?;
            fault.insert((*name).to_owned(), Value::String(default.to_owned()));
        }
    }
    Ok(fault)
}

fn missing(name: &str) -> ScenarioError {
    let key = key(name);
    ScenarioError::Missing { key: key.path, wanted: key.wanted.to_string() }
}

fn key(name: &str) -> &'static Key {
    Key::find(&format!("fault.{name}")).expect("what a fault takes is in the table of keys")
}
