use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Variant, Verdict, World};

/// What repetitions of an epidemic came to, beside what the literature says. Times are in rounds: periods of one
/// node's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Epidemic {
    /// Which way the rumor went: `push`, `pull` or `push-pull`.
    pub spread: String,
    /// How many others a node called at a tick of its clock.
    pub fanout: u64,
    /// When nodes called: in `rounds`, or by `poisson` or `periodic` clocks.
    pub clock: String,
    /// When nodes stopped spreading the rumor.
    pub stop: String,
    /// How patient they were; nothing where none stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u64>,
    /// How often it was run.
    pub repetitions: u64,
    /// Until half of the nodes knew.
    pub rounds_to_50: Rounds,
    /// Until 90 % knew.
    pub rounds_to_90: Rounds,
    /// Until 99 % knew.
    pub rounds_to_99: Rounds,
    /// Until all knew.
    pub rounds_to_100: Rounds,
    /// Until the last node learnt of those that ever did.
    pub rounds_to_last: Rounds,
    /// Until a node learnt: the mean over the nodes of a repetition that did.
    pub rounds_to_learn: Rounds,
    /// Copies of the rumor sent until the last node learnt it, by the number of nodes.
    pub copies_per_node: f64,
    /// The share of nodes that never learnt.
    pub residue: f64,
    /// Copies of the rumor sent until the end, by the number of nodes.
    pub traffic: f64,
    /// How far the three means above may be off by chance.
    pub standard_errors: StandardErrors,
    /// What the literature says.
    pub theory: EpidemicTheory,
}

/// Numbers of rounds over the repetitions that got so far; all 0 when none did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rounds {
    /// How many repetitions got so far.
    pub reached: u64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation of one repetition, as it is estimated from all; 0 for a single one.
    pub sd: f64,
    /// The 99th percentile, nearest-rank.
    pub p99: f64,
    /// The standard deviation of the mean.
    pub standard_error: f64,
}

/// Standard deviations of means over the repetitions; 0 for a single one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandardErrors {
    /// Of [`Epidemic::copies_per_node`].
    pub copies_per_node: f64,
    /// Of [`Epidemic::residue`].
    pub residue: f64,
    /// Of [`Epidemic::traffic`].
    pub traffic: f64,
}

/// What the literature says of an epidemic; nothing where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpidemicTheory {
    /// The mean number of rounds until half of the nodes know.
    pub rounds_to_50: Option<f64>,
    /// Until 90 % know.
    pub rounds_to_90: Option<f64>,
    /// Until 99 % know.
    pub rounds_to_99: Option<f64>,
    /// Until all know.
    pub rounds_to_100: Option<f64>,
    /// The formula of these.
    pub rounds_formula: Option<String>,
    /// The share of nodes that never learns.
    pub residue: Option<f64>,
    /// The formula of that.
    pub residue_formula: Option<String>,
    /// The residue that belongs to the measured traffic m: e^(−m), where the rumor is pushed until nodes stop.
    pub residue_of_traffic: Option<f64>,
}

impl Rounds {
    /// The figures over these numbers.
    pub fn over(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = (values.len() * 99).div_ceil(100).max(1);
        let Some(&p99) = values.get(rank - 1) else { return Self::default() };
        let (mean, standard_error) = mean(&values);
        let reached = values.len() as f64;
        Self { reached: values.len() as u64, mean, sd: standard_error * reached.sqrt(), p99, standard_error }
    }
}

/// The arithmetic mean of some values and its standard error; both are 0 without values, the error of a single one is.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0) / count.max(1.0)).sqrt())
}

impl Variant {
    /// A variant that is an epidemic: its blocks that are about clusters say nothing, and are not written.
    pub fn of_epidemic(name: String, nodes: u64, verdict: Verdict, epidemic: Epidemic) -> Self {
        Self {
            protocol: name.clone(),
            name,
            world: Some(World::Sim),
            fidelity: None,
            ip: Default::default(),
            nodes,
            measured_seconds: 0.0,
            verdict,
            boot: Default::default(),
            bandwidth: Default::default(),
            convergence: Default::default(),
            staleness: None,
            conflicts: None,
            detection: Default::default(),
            turnover: Default::default(),
            membership: Default::default(),
            faults: Vec::new(),
            election: None,
            consensus: None,
            checks_per_period: 0.0,
            scheduler_lag_us: Default::default(),
            transport: Default::default(),
            load: Default::default(),
            standard_errors: BTreeMap::new(),
            event_hash: None,
            packet_hash: None,
            epidemic: Some(epidemic),
            fleet: None,
        }
    }
}

/// What is written of a variant that is an epidemic.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    protocol: &'a str,
    world: Option<World>,
    nodes: u64,
    verdict: &'a Verdict,
    epidemic: &'a Epidemic,
}

impl Serialize for Variant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(epidemic) = &self.epidemic else { return Self::serialize(self, serializer) };
        let Self { name, protocol, world, nodes, verdict, .. } = self;
        Written { name, protocol, world: *world, nodes: *nodes, verdict, epidemic }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Variant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_definitions() {
        let rounds = Rounds::over(vec![4.0, 2.0, 6.0]);
        assert_eq!((rounds.reached, rounds.mean, rounds.p99), (3, 4.0, 6.0));
        assert!(
            (rounds.sd - 2.0).abs() < 1e-12 && (rounds.standard_error - 2.0 / 3.0_f64.sqrt()).abs() < 1e-12
        );
        assert_eq!(Rounds::over(Vec::new()), Rounds::default());
        let one = Rounds { reached: 1, mean: 7.0, p99: 7.0, ..Rounds::default() };
        assert_eq!(Rounds::over(vec![7.0]), one);
        assert_eq!(Rounds::over((1..=200).map(f64::from).collect()).p99, 198.0);
    }

    #[test]
    fn an_epidemic_is_written_without_what_is_about_clusters_and_reads_back() {
        let epidemic = Epidemic {
            spread: "push".into(),
            k: Some(2),
            residue: 0.04,
            rounds_to_50: Rounds::over(vec![10.0, 11.0]),
            theory: EpidemicTheory { residue: Some(0.06), ..EpidemicTheory::default() },
            ..Epidemic::default()
        };
        let variant = Variant::of_epidemic("epidemic".into(), 1_000, Verdict::new(&[], &[]), epidemic);
        let json = serde_json::to_value(&variant).expect("a variant is plain data");
        let keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["epidemic", "name", "nodes", "protocol", "verdict", "world"]);
        for key in ["mean", "sd", "p99"] {
            assert!(json["epidemic"]["rounds_to_50"].get(key).is_some());
        }
        assert_eq!(serde_json::from_value::<Variant>(json).expect("it was just written"), variant);
    }
}
