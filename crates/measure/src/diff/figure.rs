//! Which figures two results are held against each other by. Of each, more is worse.

use crate::{
    FEW_FAILURES, RunResult, Summary, Variant, World,
    statistics::{BATCHES, total_without},
};

/// Causes below this share of the wire on both sides are left out.
const SMALL_SHARE: f64 = 0.005;

/// Times are not taken to be known better than this, relative to them: they come in steps of the gossip interval.
const TIMES_ERROR_LEAST: f64 = 0.01;

/// What passes on writes: the bytes for it are as many as there are writes.
pub(crate) const OF_WRITES: [&str; 3] = ["delta", "announce", "pull"];

/// Paths of figures that are also the names of their standard errors.
pub(crate) const WIRE: &str = "bandwidth.wire_bytes_per_node_per_second.mean";
pub(crate) const PACKETS: &str = "bandwidth.packets_per_node_per_second";

pub(crate) fn cause_path(cause: &str) -> String {
    format!("bandwidth.by_cause_bytes_per_node_per_second.{cause}")
}

/// A figure of one variant in all runs of both sides.
pub(super) struct Figure {
    /// Where it stands in a variant.
    pub(super) path: String,
    /// By side and run.
    pub(super) values: [Vec<Value>; 2],
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// As the result has it.
    pub(super) measured: f64,
    /// As it would have been with as many writes as the others had.
    pub(super) adjusted: f64,
    /// How far it may be off by chance, as the run itself knows.
    pub(super) error: Option<f64>,
}

/// How it is judged.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// By its size.
    Size,
    /// So many of so many cases, in each run of both sides.
    Count([Vec<(u64, u64)>; 2]),
    /// Not by chance, for it rests on too little.
    Few(String),
    /// Not at all, for this reason: it is the machine's.
    Machine(String),
}

/// All figures of a variant that is in all these runs.
pub(super) fn figures(sides: [&[&Variant]; 2], runs: [&[RunResult]; 2]) -> Vec<Figure> {
    let sides = Sides { sides };
    if sides.all().any(|variant| variant.epidemic.is_some()) {
        return sides.of_epidemic();
    }
    let mut all = vec![sides.rate(WIRE, wire, of_writes), sides.rate(PACKETS, packets, |_| 0.0)];
    all.extend(sides.causes());
    for (path, times, percentile, samples) in TIMES {
        all.extend(sides.times(path, times, percentile, samples));
    }
    for (path, hits, of) in COUNTS {
        all.push(sides.count(path, hits, of));
    }
    all.extend(sides.machine(runs));
    all
}

struct Sides<'a> {
    sides: [&'a [&'a Variant]; 2],
}

fn wire(variant: &Variant) -> f64 {
    variant.bandwidth.wire_bytes_per_node_per_second.mean
}

fn packets(variant: &Variant) -> f64 {
    variant.bandwidth.packets_per_node_per_second
}

fn cause(variant: &Variant, cause: &str) -> f64 {
    variant.bandwidth.by_cause_bytes_per_node_per_second.get(cause).copied().unwrap_or(0.0)
}

fn of_writes(variant: &Variant) -> f64 {
    OF_WRITES.iter().map(|name| cause(variant, name)).sum()
}

impl Sides<'_> {
    fn all(&self) -> impl Iterator<Item = &Variant> {
        self.sides.iter().copied().flatten().copied()
    }

    /// The mean number of writes that were applied in a run.
    fn usual_writes(&self) -> f64 {
        let writes: Vec<_> = self.all().map(|variant| variant.bandwidth.writes_applied as f64).collect();
        writes.iter().sum::<f64>() / writes.len().max(1) as f64
    }

    fn rate(&self, path: &str, of: impl Fn(&Variant) -> f64, of_writes: impl Fn(&Variant) -> f64) -> Figure {
        let usual = self.usual_writes();
        let value = |variant: &&Variant| {
            let (measured, writes) = (of(variant), variant.bandwidth.writes_applied as f64);
            Value {
                measured,
                adjusted: total_without(measured, of_writes(variant), writes, usual),
                error: known_error(variant, path, measured),
            }
        };
        let values = self.sides.map(|side| side.iter().map(value).collect());
        Figure { path: path.to_owned(), values, kind: Kind::Size }
    }

    fn causes(&self) -> Vec<Figure> {
        let mut names: Vec<&String> =
            self.all().flat_map(|v| v.bandwidth.by_cause_bytes_per_node_per_second.keys()).collect();
        names.sort();
        names.dedup();
        let matters = |name: &&&String| self.all().any(|v| cause(v, name).abs() >= SMALL_SHARE * wire(v));
        let figure = |name: &String| {
            let brought_about = OF_WRITES.contains(&name.as_str());
            let part = |v: &Variant| if brought_about { cause(v, name) } else { 0.0 };
            self.rate(&cause_path(name), |v| cause(v, name), part)
        };
        names.iter().filter(matters).map(|name| figure(name)).collect()
    }

    fn times(&self, path: &str, times: Times, percentile: Percentile, samples: Number) -> Option<Figure> {
        if self.all().any(|variant| times(variant).count == 0) {
            return None;
        }
        let value = |variant: &&Variant| {
            let measured = percentile(times(variant)) as f64;
            let known = variant.standard_errors.get(path);
            let error = known.map(|error| error.max(TIMES_ERROR_LEAST * measured));
            Value { measured, adjusted: measured, error }
        };
        let few = self.sides.iter().any(|side| side.iter().map(|v| samples(v)).sum::<u64>() < FEW_FAILURES);
        let kind = if few {
            Kind::Few(format!("rests on fewer than {FEW_FAILURES} failures or writes"))
        } else {
            Kind::Size
        };
        let values = self.sides.map(|side| side.iter().map(value).collect());
        Some(Figure { path: path.to_owned(), values, kind })
    }

    fn count(&self, path: &str, hits: Number, of: Number) -> Figure {
        let value = |variant: &&Variant| {
            let measured = hits(variant) as f64;
            Value { measured, adjusted: measured, error: None }
        };
        let cases =
            self.sides.map(|side| side.iter().map(|v| (hits(v).min(of(v)), of(v))).collect::<Vec<_>>());
        let values = self.sides.map(|side| side.iter().map(value).collect());
        Figure { path: path.to_owned(), values, kind: Kind::Count(cases) }
    }

    /// What the runs cost the machine: judged only between repetitions of real clusters on like machines.
    fn machine(&self, runs: [&[RunResult]; 2]) -> [Figure; 2] {
        const REPETITIONS_LEAST: usize = 3;
        let of = |result: &RunResult| {
            let environment = &result.environment;
            (environment.cpu_model.clone(), environment.cores, environment.optimised)
        };
        let machines: Vec<_> = runs.iter().copied().flatten().map(of).collect();
        let why = if self.all().any(|variant| variant.world == Some(World::Sim)) {
            Some("is the simulator's, not the nodes'".to_owned())
        } else if machines.iter().any(|machine| *machine != machines[0]) {
            Some("was taken on unlike machines or builds".to_owned())
        } else if self.sides.iter().any(|side| side.len() < REPETITIONS_LEAST) {
            Some(format!("needs {REPETITIONS_LEAST} repetitions on each side"))
        } else {
            None
        };
        let figure = |path: &str, of: fn(&Variant) -> f64| {
            let value = |variant: &&Variant| {
                let measured = of(variant);
                Value { measured, adjusted: measured, error: None }
            };
            let values = self.sides.map(|side| side.iter().map(value).collect());
            let kind = why.clone().map_or(Kind::Size, Kind::Machine);
            Figure { path: path.to_owned(), values, kind }
        };
        [
            figure("cpu_seconds", |v| v.load.cpu_seconds),
            figure("peak_rss_bytes", |v| v.load.peak_rss_bytes as f64),
        ]
    }

    fn of_epidemic(&self) -> Vec<Figure> {
        EPIDEMIC
            .iter()
            .map(|(path, of)| {
                let value = |variant: &&Variant| {
                    let (measured, error) = variant.epidemic.as_ref().map_or((0.0, 0.0), of);
                    Value { measured, adjusted: measured, error: Some(error) }
                };
                let values = self.sides.map(|side| side.iter().map(value).collect());
                Figure { path: (*path).to_owned(), values, kind: Kind::Size }
            })
            .collect()
    }
}

/// What is never sent has no error; a result of an earlier version has none of anything.
fn known_error(variant: &Variant, path: &str, measured: f64) -> Option<f64> {
    let errors = &variant.standard_errors;
    let never = measured == 0.0 && !errors.is_empty();
    errors.get(path).copied().or(never.then_some(0.0))
}

/// The degrees of freedom of what runs know about their own noise.
pub(super) const OWN_FREEDOM: f64 = (BATCHES - 1) as f64;

type Times = fn(&Variant) -> &Summary;
type Percentile = fn(&Summary) -> u64;
type Number = fn(&Variant) -> u64;

/// Times with the percentile that is judged, and what it rests on.
const TIMES: [(&str, Times, Percentile, Number); 13] = [
    ("convergence.pairs_us.p50", |v| &v.convergence.pairs_us, |s| s.p50, |v| v.convergence.writes),
    ("convergence.pairs_us.p99", |v| &v.convergence.pairs_us, |s| s.p99, |v| v.convergence.writes),
    ("convergence.t99_us.p50", |v| &v.convergence.t99_us, |s| s.p50, |v| v.convergence.writes),
    ("convergence.t100_us.p50", |v| &v.convergence.t100_us, |s| s.p50, |v| v.convergence.writes),
    ("convergence.t100_us.p99", |v| &v.convergence.t100_us, |s| s.p99, |v| v.convergence.writes),
    (
        "detection.first_suspect_us.p50",
        |v| &v.detection.first_suspect_us,
        |s| s.p50,
        |v| v.detection.failures,
    ),
    ("detection.first_dead_us.p50", |v| &v.detection.first_dead_us, |s| s.p50, |v| v.detection.failures),
    ("detection.all_dead_us.p50", |v| &v.detection.all_dead_us, |s| s.p50, |v| v.detection.failures),
    ("detection.pairs_us.p50", |v| &v.detection.pairs_us, |s| s.p50, |v| v.detection.failures),
    ("detection.pairs_us.p99", |v| &v.detection.pairs_us, |s| s.p99, |v| v.detection.failures),
    ("turnover.known_us.p50", |v| &v.turnover.known_us, |s| s.p50, |v| v.turnover.joined),
    ("turnover.knows_us.p50", |v| &v.turnover.knows_us, |s| s.p50, |v| v.turnover.joined),
    ("turnover.missed_us.p50", |v| &v.turnover.missed_us, |s| s.p50, |v| v.turnover.left),
];

/// Counts, and of how many cases: of what befalls live nodes, each of their seconds is one.
const COUNTS: [(&str, Number, Number); 4] = [
    ("convergence.unconverged_writes", |v| v.convergence.unconverged_writes, |v| v.convergence.writes),
    ("detection.undetected", |v| v.detection.undetected, |v| v.detection.failures),
    ("detection.false_suspicions", |v| v.detection.false_suspicions, node_seconds),
    ("detection.false_positives", |v| v.detection.false_positives, node_seconds),
];

fn node_seconds(variant: &Variant) -> u64 {
    (variant.nodes as f64 * variant.measured_seconds) as u64
}

type OfEpidemic = fn(&crate::Epidemic) -> (f64, f64);

/// Figures of an epidemic with their standard errors.
const EPIDEMIC: [(&str, OfEpidemic); 6] = [
    ("epidemic.rounds_to_50.mean", |e| of_rounds(&e.rounds_to_50, e.repetitions)),
    ("epidemic.rounds_to_99.mean", |e| of_rounds(&e.rounds_to_99, e.repetitions)),
    ("epidemic.rounds_to_100.mean", |e| of_rounds(&e.rounds_to_100, e.repetitions)),
    ("epidemic.copies_per_node", |e| (e.copies_per_node, e.standard_errors.copies_per_node)),
    ("epidemic.residue", |e| (e.residue, e.standard_errors.residue)),
    ("epidemic.traffic", |e| (e.traffic, e.standard_errors.traffic)),
];

fn of_rounds(rounds: &crate::Rounds, repetitions: u64) -> (f64, f64) {
    (rounds.mean, rounds.sd / (repetitions.max(1) as f64).sqrt())
}
