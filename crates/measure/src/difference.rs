use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FEW_FAILURES, Summary, Variant};

/// How far bytes on the wire may be apart in two worlds.
const WIRE_BAND: f64 = 0.03;
/// How far packets may be apart.
const PACKETS_BAND: f64 = 0.05;
/// How far medians of times may be apart.
const TIMES_BAND: f64 = 0.10;
/// Causes below this share of the wire in both variants are left out.
const SMALL_SHARE: f64 = 0.005;

/// How far a figure of one variant is from the same figure of the reference, which differs from it in its world alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Whose figure.
    pub variant: String,
    /// The variant it is held against.
    pub reference: String,
    /// Which figure: its path in a variant.
    pub figure: String,
    /// What it is.
    pub value: f64,
    /// What it is in the reference.
    pub expected: f64,
    /// How far the two may be apart, in the figure's own unit; nothing where none was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
    /// Whether they are not further apart; nothing where there is no bound, or a median rests on fewer failures or
    /// writes than [`FEW_FAILURES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<bool>,
}

impl Difference {
    /// The difference relative to the reference; nothing where that is 0 and the figure is not.
    pub fn share(&self) -> Option<f64> {
        if self.value == self.expected {
            return Some(0.0);
        }
        Some(self.value / self.expected - 1.0).filter(|share| share.is_finite())
    }

    /// How far the two may be apart, relative to the reference.
    pub fn allowed_share(&self) -> Option<f64> {
        self.allowed.map(|allowed| allowed / self.expected).filter(|share| share.is_finite())
    }
}

/// The differences of all variants but the last from the last, figure by figure. Times of convergence may always be one
/// gossip interval apart: news waits for it.
pub fn differences(variants: &[Variant], gossip_interval_us: u64) -> Vec<Difference> {
    let Some((reference, others)) = variants.split_last() else { return Vec::new() };
    let of_one = |variant| Pair { variant, reference }.differences(gossip_interval_us as f64);
    others.iter().flat_map(of_one).collect()
}

struct Pair<'a> {
    variant: &'a Variant,
    reference: &'a Variant,
}

impl Pair<'_> {
    fn differences(&self, interval_us: f64) -> Vec<Difference> {
        let wire = |v: &Variant| v.bandwidth.wire_bytes_per_node_per_second.mean;
        let packets = |v: &Variant| v.bandwidth.packets_per_node_per_second;
        let mut all = vec![
            self.judged("bandwidth.wire_bytes_per_node_per_second.mean", wire, WIRE_BAND),
            self.judged("bandwidth.packets_per_node_per_second", packets, PACKETS_BAND),
        ];
        all.extend(self.causes());
        for (name, times) in DETECTION {
            all.extend(self.median(&format!("detection.{name}.p50"), times, |v| v.detection.failures, 0.0));
        }
        for (name, times) in CONVERGENCE {
            let figure = format!("convergence.{name}.p50");
            all.extend(self.median(&figure, times, |v| v.convergence.writes, interval_us));
        }
        for (name, count) in COUNTS {
            all.push(self.bare(name, |v| count(v) as f64));
        }
        all
    }

    /// The causes of bytes that are not small in both.
    fn causes(&self) -> impl Iterator<Item = Difference> {
        let of = |v: &Variant, cause: &str| {
            v.bandwidth.by_cause_bytes_per_node_per_second.get(cause).copied().unwrap_or(0.0)
        };
        let small = move |v: &Variant, cause: &str| {
            of(v, cause).abs() < SMALL_SHARE * v.bandwidth.layers_bytes_per_node_per_second.wire
        };
        let causes = self.reference.bandwidth.by_cause_bytes_per_node_per_second.keys();
        causes.filter(move |cause| !small(self.variant, cause) || !small(self.reference, cause)).map(
            move |cause| {
                let figure = format!("bandwidth.by_cause_bytes_per_node_per_second.{cause}");
                self.bare(&figure, |v| of(v, cause))
            },
        )
    }

    fn bare(&self, figure: &str, of: impl Fn(&Variant) -> f64) -> Difference {
        Difference {
            variant: self.variant.name.clone(),
            reference: self.reference.name.clone(),
            figure: figure.to_owned(),
            value: of(self.variant),
            expected: of(self.reference),
            allowed: None,
            within: None,
        }
    }

    fn judged(&self, figure: &str, of: impl Fn(&Variant) -> f64, band: f64) -> Difference {
        let mut difference = self.bare(figure, of);
        let allowed = band * difference.expected;
        difference.allowed = Some(allowed);
        difference.within = Some((difference.value - difference.expected).abs() <= allowed);
        difference
    }

    /// The median of times that both variants have, which rests on so many samples.
    fn median(
        &self,
        figure: &str,
        times: impl Fn(&Variant) -> &Summary,
        samples: impl Fn(&Variant) -> u64,
        least_us: f64,
    ) -> Option<Difference> {
        if times(self.variant).count == 0 || times(self.reference).count == 0 {
            return None;
        }
        let median_us = |v: &Variant| times(v).p50 as f64;
        let band = TIMES_BAND.max(least_us / median_us(self.reference).max(1.0));
        let mut difference = self.judged(figure, median_us, band);
        if samples(self.variant).min(samples(self.reference)) < FEW_FAILURES {
            difference.within = None;
        }
        Some(difference)
    }
}

type Times = (&'static str, fn(&Variant) -> &Summary);

const DETECTION: [Times; 4] = [
    ("first_suspect_us", |v| &v.detection.first_suspect_us),
    ("first_dead_us", |v| &v.detection.first_dead_us),
    ("all_dead_us", |v| &v.detection.all_dead_us),
    ("pairs_us", |v| &v.detection.pairs_us),
];

const CONVERGENCE: [Times; 4] = [
    ("pairs_us", |v| &v.convergence.pairs_us),
    ("t50_us", |v| &v.convergence.t50_us),
    ("t99_us", |v| &v.convergence.t99_us),
    ("t100_us", |v| &v.convergence.t100_us),
];

type Count = (&'static str, fn(&Variant) -> u64);

const COUNTS: [Count; 4] = [
    ("convergence.unconverged_writes", |v| v.convergence.unconverged_writes),
    ("detection.undetected", |v| v.detection.undetected),
    ("detection.false_suspicions", |v| v.detection.false_suspicions),
    ("detection.false_positives", |v| v.detection.false_positives),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        Bandwidth, Boot, Convergence, Detection, Layers, LoadReport, Membership, Spread, Transport, Verdict,
    };

    fn summary(count: u64, us: u64) -> Summary {
        Summary { count, p50: us, ..Summary::default() }
    }

    /// So many wire bytes and packets, and medians of so many failures and writes.
    fn variant(
        name: &str,
        wire: f64,
        packets: f64,
        detection: (u64, u64),
        convergence: (u64, u64),
    ) -> Variant {
        let ((failures, dead_us), (writes, all_us)) = (detection, convergence);
        Variant {
            name: name.into(),
            protocol: "rumormill".into(),
            world: None,
            fidelity: None,
            ip: Default::default(),
            nodes: 10,
            measured_seconds: 60.0,
            verdict: Verdict::new(&[], &[]),
            boot: Boot::default(),
            bandwidth: Bandwidth {
                wire_bytes_per_node_per_second: Spread { mean: wire, ..Spread::default() },
                layers_bytes_per_node_per_second: Layers { wire, ..Layers::default() },
                by_cause_bytes_per_node_per_second: [("probe", wire * 0.5), ("leave", wire * 0.001)]
                    .map(|(cause, bytes)| (cause.to_owned(), bytes))
                    .into(),
                packets_per_node_per_second: packets,
                ..Bandwidth::default()
            },
            convergence: Convergence { writes, t100_us: summary(writes, all_us), ..Convergence::default() },
            staleness: None,
            conflicts: None,
            turnover: Default::default(),
            detection: Detection {
                failures,
                first_dead_us: summary(failures, dead_us),
                ..Detection::default()
            },
            membership: Membership::default(),
            faults: Vec::new(),
            election: None,
            consensus: None,
            checks_per_period: 10.0,
            scheduler_lag_us: Summary::default(),
            transport: Transport::default(),
            load: LoadReport::default(),
            standard_errors: BTreeMap::new(),
            event_hash: None,
            packet_hash: None,
            epidemic: None,
            fleet: None,
        }
    }

    fn find<'a>(all: &'a [Difference], figure: &str) -> &'a Difference {
        all.iter()
            .find(|difference| difference.figure == figure)
            .unwrap_or_else(|| panic!("{figure} in {all:#?}"))
    }

    #[test]
    fn bytes_packets_and_times_have_bounds_of_their_own() {
        let sim = variant("sim", 1_029.0, 10.6, (20, 1_090_000), (20, 390_000));
        let local = variant("local", 1_000.0, 10.0, (20, 1_000_000), (20, 200_000));
        let all = differences(&[sim, local], 200_000);
        let within = |figure| find(&all, figure).within;
        assert_eq!(within("bandwidth.wire_bytes_per_node_per_second.mean"), Some(true));
        assert_eq!(within("bandwidth.packets_per_node_per_second"), Some(false));
        assert_eq!(within("detection.first_dead_us.p50"), Some(true));
        // 190 ms are 95 % of 200 ms, and less than a gossip interval.
        assert_eq!(within("convergence.t100_us.p50"), Some(true));
        let wire = find(&all, "bandwidth.wire_bytes_per_node_per_second.mean");
        assert_eq!((wire.variant.as_str(), wire.reference.as_str()), ("sim", "local"));
        assert!(wire.share().is_some_and(|share| (share - 0.029).abs() < 1e-9));
        assert!(wire.allowed_share().is_some_and(|share| (share - 0.03).abs() < 1e-9));
    }

    #[test]
    fn medians_of_few_are_shown_and_not_judged_and_those_of_none_are_left_out() {
        let few = variant("sim", 1.0, 1.0, (19, 5_000_000), (0, 0));
        let many = variant("local", 1.0, 1.0, (20, 1_000_000), (0, 0));
        let all = differences(&[few, many], 0);
        let dead = find(&all, "detection.first_dead_us.p50");
        assert_eq!((dead.within, dead.share()), (None, Some(4.0)));
        assert!(all.iter().all(|difference| !difference.figure.starts_with("convergence.t")));
    }

    #[test]
    fn every_variant_is_held_against_the_last_and_small_causes_are_left_out() {
        let variants = ["message", "quic", "local"].map(|name| variant(name, 1e3, 1.0, (0, 0), (0, 0)));
        let all = differences(&variants, 0);
        assert!(all.iter().all(|difference| difference.reference == "local"));
        assert_eq!(all.iter().filter(|difference| difference.variant == "quic").count() * 2, all.len());
        assert_eq!(find(&all, "bandwidth.by_cause_bytes_per_node_per_second.probe").allowed, None);
        assert!(all.iter().all(|difference| !difference.figure.ends_with(".leave")));
        assert_eq!(differences(&[], 0), []);
    }

    #[test]
    fn what_was_not_there_has_no_share() {
        let mut nothing = find(&differences(&pair(), 0), "detection.undetected").clone();
        assert_eq!(nothing.share(), Some(0.0));
        nothing.value = 3.0;
        assert_eq!(nothing.share(), None);
    }

    fn pair() -> [Variant; 2] {
        ["sim", "local"].map(|name| variant(name, 1.0, 1.0, (0, 0), (0, 0)))
    }
}
