//! The scenario of an epidemic: no cluster lives through it, so that it has few keys besides its own.

use rumormill_epidemic::{Clock, Epidemic, Spread, Stop};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{Scenario, ScenarioError, key::Key};

/// The key that makes a scenario one of an epidemic.
const MARK: &str = "spread";

/// What the other keys start from; they exist in an epidemic alone.
const DEFAULTS: &str = r#"
fanout = 1
clock = "rounds"
stop = "never"
k = 1
repetitions = 100
"#;

/// The most calls of a round: one must not take minutes.
const CALLS_MAX: u64 = 1_000_000_000;

/// The keys of an epidemic, which stand at the top of a scenario.
const OWN: [&str; 6] = [MARK, "fanout", "clock", "stop", "k", "repetitions"];

/// What is repeated how often, in a scenario that is an epidemic. [`Epidemic`] says what the keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpidemicSettings {
    /// Which way the rumor goes.
    pub spread: Spread,
    /// How many others a node calls at a tick of its clock.
    pub fanout: u32,
    /// When nodes call.
    pub clock: Clock,
    /// When nodes stop spreading the rumor.
    pub stop: Stop,
    /// How patient nodes are before they stop.
    pub k: u32,
    /// How often the epidemic is run, each time with other chance.
    pub repetitions: u64,
}

impl EpidemicSettings {
    /// The epidemic among so many nodes.
    pub const fn among(&self, nodes: u32) -> Epidemic {
        let Self { spread, fanout, clock, stop, k, .. } = *self;
        Epidemic { nodes, spread, fanout, clock, stop, k }
    }
}

/// The scenario of an epidemic as a file: what it has no use for is left out.
#[derive(Serialize)]
pub(super) struct File<'a> {
    name: &'a str,
    seed: u64,
    #[serde(flatten)]
    epidemic: &'a EpidemicSettings,
    cluster: Cluster,
}

#[derive(Serialize)]
struct Cluster {
    nodes: usize,
}

impl<'a> File<'a> {
    pub(super) const fn of(scenario: &'a Scenario, epidemic: &'a EpidemicSettings) -> Self {
        let cluster = Cluster { nodes: scenario.cluster.nodes };
        Self { name: scenario.name.as_str(), seed: scenario.seed, epidemic, cluster }
    }
}

/// Completes the table of an epidemic, and refuses what belongs to the other kind of scenario.
pub(super) fn complete(table: &mut Table, usual: &Table) -> Result<(), ScenarioError> {
    if !table.contains_key(MARK) {
        return match OWN.into_iter().find(|key| table.contains_key(*key)) {
            Some(key) => conflict(
                key,
                "belongs to an epidemic, and this scenario is none".to_owned(),
                "set spread too, or leave it out (a cluster's own fanout is node.fanout)",
            ),
            None => Ok(()),
        };
    }
    if let Some(key) = first_difference("", table, usual) {
        return conflict(
            key,
            "has no meaning in an epidemic, which spread makes of a scenario".to_owned(),
            "leave it out, or leave out spread",
        );
    }
    let defaults: Table = toml::from_str(DEFAULTS).expect("the defaults are TOML");
    for (key, value) in defaults {
        table.entry(key).or_insert(value);
    }
    Ok(())
}

/// The first key of a cluster's scenario that is not as usual.
fn first_difference(prefix: &str, table: &Table, usual: &Table) -> Option<&'static str> {
    table.iter().find_map(|(name, value)| {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match (value, usual.get(name)) {
            (Value::Table(inner), Some(Value::Table(usual))) => first_difference(&path, inner, usual),
            (value, usual) if usual == Some(value) || is_of_epidemics(&path) => None,
            _ if path == "fault" => Some("fault"),
            _ => Key::find(&path).map(|key| key.path),
        }
    })
}

fn is_of_epidemics(path: &str) -> bool {
    ["name", "seed", "cluster.nodes"].contains(&path) || OWN.contains(&path)
}

/// What must hold between the keys of an epidemic.
pub(super) fn check(epidemic: &EpidemicSettings, nodes: usize) -> Result<(), ScenarioError> {
    let fanout = epidemic.fanout;
    if fanout as usize >= nodes {
        let problem = format!("is {fanout}, but a node has only {} others to call", nodes - 1);
        return conflict("fanout", problem, "lower it, or raise cluster.nodes");
    }
    let calls = nodes as u64 * u64::from(fanout);
    if calls > CALLS_MAX {
        let problem =
            format!("is {fanout}, which makes {calls} calls a round, over the limit of {CALLS_MAX}");
        return conflict("fanout", problem, "lower it or cluster.nodes");
    }
    if epidemic.stop == Stop::Never && epidemic.k != 1 {
        let problem = format!("is {}, but with stop = \"never\" nobody stops", epidemic.k);
        return conflict("k", problem, "set stop to the rule that it is for");
    }
    Ok(())
}

fn conflict(key: &'static str, problem: String, fix: &str) -> Result<(), ScenarioError> {
    Err(ScenarioError::Conflict { key, problem, fix: fix.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::Draft;
    use super::*;

    fn preset(settings: &[&str]) -> Result<Scenario, ScenarioError> {
        let mut draft = Draft::preset("epidemic")?;
        settings.iter().try_for_each(|setting| draft.set(setting))?;
        draft.finish()
    }

    #[test]
    fn the_preset_is_an_epidemic_and_the_others_are_none() {
        let epidemic = preset(&[]).expect("it is a preset").epidemic.expect("it is an epidemic");
        assert_eq!((epidemic.spread, epidemic.stop, epidemic.fanout), (Spread::Push, Stop::Never, 1));
        let other = Draft::preset("crash").and_then(Draft::finish).expect("it is a preset");
        assert_eq!(other.epidemic, None);
        assert!(!other.to_toml().contains("spread"));
    }

    #[test]
    fn it_reads_back_as_it_was_and_prints_what_matters() {
        let settings = [
            "spread=push-pull",
            "clock=poisson",
            "stop=blind-coin",
            "k=3",
            "fanout=2",
            "cluster.nodes=10000000",
        ];
        let scenario = preset(&settings).expect("all of it goes together");
        let text = scenario.to_toml();
        let mut draft = Draft::default();
        draft.overlay(&text).expect("it was just printed");
        assert_eq!(draft.finish().expect("it was just printed"), scenario);
        assert!(!text.contains("[node]") && text.contains("repetitions = 100"), "{text}");
    }

    #[test]
    fn one_key_makes_an_epidemic_of_a_scenario() {
        let mut draft = Draft::default();
        draft.overlay("spread = \"pull\"\n[cluster]\nnodes = 50").expect("known keys");
        let scenario = draft.finish().expect("it is an epidemic");
        let expected = Epidemic {
            nodes: 50,
            spread: Spread::Pull,
            fanout: 1,
            clock: Clock::Rounds,
            stop: Stop::Never,
            k: 1,
        };
        assert_eq!(scenario.epidemic.map(|epidemic| epidemic.among(50)), Some(expected));
    }

    #[test]
    fn what_does_not_go_together_is_one_sentence_that_names_the_key() {
        for (settings, key) in [
            (&["fanout=10000"][..], "fanout"),
            (&["fanout=0"], "fanout"),
            (&["fanout=1000", "cluster.nodes=2000000"], "fanout"),
            (&["cluster.nodes=10000001"], "cluster.nodes"),
            (&["cluster.nodes=1"], "cluster.nodes"),
            (&["k=0"], "k"),
            (&["k=2"], "k"),
            (&["repetitions=0"], "repetitions"),
            (&["spread=shout"], "spread"),
            (&["clock=sundial"], "clock"),
            (&["stop=soon"], "stop"),
            (&["node.fanout=4"], "node.fanout"),
            (&["network.loss=0.1"], "network.loss"),
            (&["fault=[{at = \"5s\", kind = \"crash\", nodes = 1}]"], "fault"),
        ] {
            let sentence = preset(settings).expect_err("it does not go together").to_string();
            assert!(sentence.starts_with(&format!("{key} ")), "{settings:?}: {sentence}");
            assert!(!sentence.contains('\n'));
        }
    }

    #[test]
    fn keys_of_an_epidemic_are_refused_elsewhere() {
        for setting in ["fanout=4", "stop=never", "k=3"] {
            let mut draft = Draft::preset("idle").expect("it is a preset");
            draft.set(setting).expect("it is a key");
            let sentence = draft.finish().expect_err("no epidemic").to_string();
            assert!(sentence.contains("belongs to an epidemic"), "{sentence}");
        }
        let mut draft = Draft::preset("idle").expect("it is a preset");
        draft.set("cluster.nodes=1000001").expect("enough for an epidemic");
        assert!(draft.finish().is_err());
    }
}
