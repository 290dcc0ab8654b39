use rumormill_protocol::NodeId;
use serde::{Deserialize, Serialize};
use toml::Value;

/// Whom a fault hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Victims {
    /// So many nodes, drawn at random.
    Count(usize),
    /// This percentage of all nodes, drawn at random: rounded, and at least one unless it is 0.
    Percent(f64),
    /// These nodes.
    Nodes(Vec<NodeId>),
    /// The node that leads, if all went as it should: the first in rank of those whose life no fault ends elsewhere or
    /// before. It is known before the run, as all victims are, and in a protocol without leaders it is a node as any other.
    Leader,
}

impl Victims {
    /// What [`Victims`] look like in a scenario.
    pub(super) const WANTED: &str =
        "a count, a percentage from \"0%\" to \"100%\", \"leader\" or a list of node numbers";

    /// How many nodes of a cluster of `nodes` that is.
    pub fn count(&self, nodes: usize) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Percent(percent) if *percent == 0.0 => 0,
            Self::Percent(percent) => ((nodes as f64 * percent / 100.0).round() as usize).max(1),
            Self::Nodes(list) => list.len(),
            Self::Leader => 1,
        }
    }
}

impl TryFrom<Value> for Victims {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        read(&value).ok_or_else(|| format!("not {}", Self::WANTED))
    }
}

impl From<Victims> for Value {
    fn from(victims: Victims) -> Self {
        match victims {
            Victims::Count(count) => Self::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
            Victims::Percent(percent) => Self::String(format!("{percent}%")),
            Victims::Leader => Self::String("leader".to_owned()),
            Victims::Nodes(list) => {
                Self::Array(list.iter().map(|id| Self::Integer(i64::from(id.0))).collect())
            }
        }
    }
}

fn read(value: &Value) -> Option<Victims> {
    match value {
        Value::Integer(count) => Some(Victims::Count(usize::try_from(*count).ok()?)),
        Value::String(text) if text == "leader" => Some(Victims::Leader),
        Value::String(text) => {
            let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Victims::Percent(percent))
        }
        Value::Array(list) => {
            let number = |value: &Value| value.as_integer().and_then(|id| u32::try_from(id).ok()).map(NodeId);
            Some(Victims::Nodes(list.iter().map(number).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_and_at_least_one_node() {
        let count = |percent, nodes| Victims::Percent(percent).count(nodes);
        assert_eq!([count(1.0, 1000), count(1.0, 100), count(1.0, 10), count(0.0, 10)], [10, 1, 1, 0]);
        assert_eq!([count(50.0, 3), count(33.4, 100), count(100.0, 7)], [2, 33, 7]);
    }

    #[test]
    fn all_forms_read_back_and_others_are_refused() {
        for victims in [
            Victims::Count(3),
            Victims::Percent(0.5),
            Victims::Percent(100.0),
            Victims::Nodes(vec![NodeId(7)]),
            Victims::Leader,
        ] {
            assert_eq!(Victims::try_from(Value::from(victims.clone())), Ok(victims));
        }
        for text in ["-1", "1.5", "\"101%\"", "\"-1%\"", "\"NaN%\"", "\"many\"", "[1, \"2\"]", "[-1]", "true"]
        {
            let value: Value = text.parse().expect("a TOML value");
            assert!(Victims::try_from(value).is_err(), "{text}");
        }
    }
}
