//! Two results held against each other: what became worse, what better, and what is no more than chance.
//!
//! [`diff`] is the whole of it. Where the same chance had the same effects, what still differs differs exactly.
//! Else figures differ by chance too, and a change counts if chance alone would hardly show it and if it is large enough
//! to matter.

mod comparable;
mod figure;

use serde::{Deserialize, Serialize};

pub(crate) use figure::{OF_WRITES, PACKETS, WIRE, cause_path};

use crate::{
    RunResult, Variant, World,
    statistics::{Interval, Moderated, change_of_medians, fisher, holm, mann_whitney, median, smallest},
};
use figure::{Figure, Kind, OWN_FREEDOM, Value};

/// A change smaller than this, relative to the old figure, does not matter unless something else is asked for.
pub const MIN_EFFECT: f64 = 0.05;

/// How often a comparison of results that do not differ may find any figure worse or better, at most.
pub const FAMILY_LEVEL: f64 = 0.05;

/// The source of the bootstrap's chance: the same results are always judged alike.
const BOOTSTRAP_SEED: u64 = 1;

/// The runs of one cell of a matrix, or of a scenario without one.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What sets it apart from other cells; empty where there is no matrix.
    pub name: String,
    /// Its repetitions.
    pub runs: Vec<RunResult>,
}

/// What came of holding two results against each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// Some are not valid: a line each.
    NotValid(Vec<String>),
    /// They are not of the same experiment: a line for each difference.
    NotComparable(Vec<String>),
    /// They could be compared.
    Done(Diff),
}

/// How two results differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// How they were held against each other.
    pub method: Method,
    /// Repetitions on each side: the fewest of any cell.
    pub repetitions: [usize; 2],
    /// The least change that counts, relative to the old figure.
    pub min_effect: f64,
    /// How often results that do not differ would be found to, at most.
    pub family_level: f64,
    /// All figures, cell by cell and variant by variant.
    pub rows: Vec<Row>,
}

/// How figures are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The same chance gave the same messages with the same effects on both sides, so that every difference is the
    /// program's.
    Exact,
    /// Chance differs too.
    Statistical,
}

/// One figure on both sides. Of each, more is worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The cell of the matrix; empty where there is none.
    pub cell: String,
    /// The variant.
    pub variant: String,
    /// Its path in a variant of `result.json`.
    pub figure: String,
    /// The median over the old repetitions. Bytes of writes are those of as many writes as runs of both sides had on
    /// average.
    pub old: f64,
    /// The same of the new ones.
    pub new: f64,
    /// The median as the old results have it.
    pub old_measured: f64,
    /// The median as the new results have it.
    pub new_measured: f64,
    /// From old to new, relative to the old; nothing where that is 0.
    pub change: Option<f64>,
    /// Where the change lies with 95 % confidence.
    pub interval: Option<Interval>,
    /// By how much, relative to the old figure, two results of the same program differ in 95 of 100 comparisons at most.
    pub noise: Option<f64>,
    /// The probability of such a change by chance, by the rank test; of repetitions alone.
    pub rank_probability: Option<f64>,
    /// The probability that was judged by.
    pub probability: Option<f64>,
    /// The same, corrected for the number of figures.
    pub corrected: Option<f64>,
    /// What it comes to.
    pub finding: Finding,
    /// Why it was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a figure's change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The same on both sides.
    Same,
    /// A regression.
    Worse,
    /// The opposite of one.
    Better,
    /// No more than chance.
    Chance,
    /// More than chance, and too small to matter.
    Small,
    /// Too little is known.
    NotJudged,
}

impl Diff {
    /// The figures that became worse.
    pub fn regressions(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.finding == Finding::Worse)
    }

    /// Whether all figures are the same.
    pub fn is_same(&self) -> bool {
        let machines = |row: &Row| ["cpu_seconds", "peak_rss_bytes"].contains(&row.figure.as_str());
        self.rows.iter().all(|row| row.finding == Finding::Same || machines(row))
    }
}

/// Holds two results against each other. `min_effect` is the least change that counts, relative to the old figure: where
/// none is asked for, any between runs of the same course, and [`MIN_EFFECT`] else.
pub fn diff(old: &[Cell], new: &[Cell], min_effect: Option<f64>) -> Compared {
    let mut invalid = comparable::invalid("OLD", old);
    invalid.extend(comparable::invalid("NEW", new));
    if !invalid.is_empty() {
        return Compared::NotValid(invalid);
    }
    let incomparable = comparable::incomparable(old, new);
    if !incomparable.is_empty() {
        return Compared::NotComparable(incomparable);
    }
    let pairs: Vec<(&Cell, &Cell)> = old
        .iter()
        .filter_map(|cell| Some((cell, new.iter().find(|other| other.name == cell.name)?)))
        .collect();
    let exact = pairs.iter().all(|(old, new)| same_course(old, new));
    let (method, usual) = if exact { (Method::Exact, 0.0) } else { (Method::Statistical, MIN_EFFECT) };
    let min_effect = min_effect.unwrap_or(usual);
    let mut rows: Vec<Row> =
        pairs.iter().flat_map(|(old, new)| of_cell(old, new, method, min_effect)).collect();
    let fewest = |cells: &[Cell]| cells.iter().map(|cell| cell.runs.len()).min().unwrap_or(0);
    let repetitions = [fewest(old), fewest(new)];
    if method == Method::Statistical {
        decide(&mut rows, min_effect, repetitions);
    }
    Compared::Done(Diff { method, repetitions, min_effect, family_level: FAMILY_LEVEL, rows })
}

/// Whether each run of one side has its like on the other: the same chance, and the same course came of it. Then the same
/// messages were sent and did the same, and only what they take may differ.
fn same_course(old: &Cell, new: &Cell) -> bool {
    let alike = |old: &RunResult, new: &RunResult| {
        old.seed == new.seed
            && old.world == World::Sim
            && old.variants.iter().zip(&new.variants).all(|(old, new)| {
                let messages = |v: &Variant| (v.bandwidth.messages_per_node_per_second, v.checks_per_period);
                old.event_hash.is_some()
                    && messages(old) == messages(new)
                    && (old.convergence, old.detection) == (new.convergence, new.detection)
            })
    };
    old.runs.len() == new.runs.len() && old.runs.iter().zip(&new.runs).all(|(old, new)| alike(old, new))
}

fn of_cell(old: &Cell, new: &Cell, method: Method, min_effect: f64) -> Vec<Row> {
    let Some(first) = old.runs.first() else { return Vec::new() };
    let mut rows = Vec::new();
    for variant in &first.variants {
        let of = |cell: &Cell| -> Vec<Variant> {
            let named = |run: &RunResult| run.variants.iter().find(|v| v.name == variant.name).cloned();
            cell.runs.iter().filter_map(named).collect()
        };
        let (olds, news) = (of(old), of(new));
        let (olds, news): (Vec<_>, Vec<_>) = (olds.iter().collect(), news.iter().collect());
        for figure in figure::figures([&olds, &news], [&old.runs, &new.runs]) {
            let row = Row { cell: old.name.clone(), variant: variant.name.clone(), ..row(&figure) };
            rows.push(if method == Method::Exact { exactly(row, &figure, min_effect) } else { row });
        }
    }
    rows
}

/// Of the same course.
fn exactly(row: Row, figure: &Figure, min_effect: f64) -> Row {
    let measured = |side: &[Value]| side.iter().map(|value| value.measured).collect::<Vec<_>>();
    let [olds, news] = [measured(&figure.values[0]), measured(&figure.values[1])];
    let (old, new) = (olds.iter().sum::<f64>(), news.iter().sum::<f64>());
    let finding = match &figure.kind {
        Kind::Machine(_) => row.finding,
        _ if olds == news => Finding::Same,
        _ if (new - old).abs() < min_effect * old.abs() => Finding::Small,
        _ if new > old => Finding::Worse,
        _ => Finding::Better,
    };
    let reason = if finding == Finding::NotJudged { row.reason } else { None };
    Row { interval: None, noise: None, rank_probability: None, probability: None, finding, reason, ..row }
}

/// A figure with its probability, not yet corrected for the others.
fn row(figure: &Figure) -> Row {
    let of = |side: &[Value], which: fn(&Value) -> f64| side.iter().map(which).collect::<Vec<_>>();
    let [olds, news] = [0, 1].map(|side| of(&figure.values[side], |value| value.adjusted));
    let middle = |values: &[f64]| median(values).unwrap_or(0.0);
    let (old, new) = (middle(&olds), middle(&news));
    let relative = |distance: f64| Some(distance / old.abs()).filter(|share| share.is_finite());
    let repeated = olds.len() > 1 && news.len() > 1;
    let noise = own_noise(figure);
    let moderated = Moderated::new([&olds, &news], noise);
    let difference = mean(&news) - mean(&olds);
    let rank = repeated.then(|| mann_whitney(&olds, &news));
    let (probability, reason) = match &figure.kind {
        Kind::Few(why) | Kind::Machine(why) => (None, Some(why.clone())),
        Kind::Count(cases) => {
            let sum =
                |side: &[(u64, u64)]| side.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (Some(fisher(sum(&cases[0]), sum(&cases[1]))), None)
        }
        Kind::Size => match moderated {
            Some(moderated) => (Some(moderated.tail(difference)), None),
            None => (None, Some("needs repetitions: one run does not tell its noise".to_owned())),
        },
    };
    let drawn = change_of_medians(&olds, &news, BOOTSTRAP_SEED);
    let spread = moderated.and_then(|moderated| relative(moderated.noise()));
    let change = relative(new - old);
    let around = || {
        let (change, spread) = (change?, spread?);
        Some(Interval { low: change - spread, high: change + spread })
    };
    let sized = figure.kind == Kind::Size;
    let [old_measured, new_measured] =
        [0, 1].map(|side| middle(&of(&figure.values[side], |value| value.measured)));
    Row {
        cell: String::new(),
        variant: String::new(),
        figure: figure.path.clone(),
        old,
        new,
        old_measured,
        new_measured,
        change,
        interval: if sized { drawn.or_else(around) } else { None },
        noise: if sized { spread } else { None },
        rank_probability: rank.filter(|_| sized),
        probability,
        corrected: None,
        finding: if olds == news { Finding::Same } else { Finding::NotJudged },
        reason,
    }
}

/// The variance of one run as the runs know it, and its degrees of freedom: the mean over all runs.
fn own_noise(figure: &Figure) -> Option<(f64, f64)> {
    let errors: Option<Vec<f64>> = figure.values.iter().flatten().map(|value| value.error).collect();
    let squares: Vec<f64> = errors?.iter().map(|error| error * error).collect();
    Some((mean(&squares), OWN_FREEDOM))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Judges all figures together. Where there are so many repetitions that ranks alone can tell, they do: they take nothing
/// for granted about how figures spread.
fn decide(rows: &mut [Row], min_effect: f64, [olds, news]: [usize; 2]) {
    // What happened on neither side could not have come out otherwise, and asks no question (Tarone 1990, Biometrics 46).
    let asks = |row: &Row| row.probability.is_some() && (row.old != 0.0 || row.new != 0.0);
    let judged: Vec<usize> = (0..rows.len()).filter(|&at| asks(&rows[at])).collect();
    if smallest(olds, news) * judged.len() as f64 <= FAMILY_LEVEL {
        for &at in &judged {
            rows[at].probability = rows[at].rank_probability.or(rows[at].probability);
        }
    }
    let probabilities: Vec<f64> = judged.iter().filter_map(|&at| rows[at].probability).collect();
    for (&at, corrected) in judged.iter().zip(holm(&probabilities)) {
        let row = &mut rows[at];
        row.corrected = Some(corrected);
        let enough = row.change.is_none_or(|change| change.abs() >= min_effect);
        row.finding = match (corrected <= FAMILY_LEVEL, enough) {
            _ if row.finding == Finding::Same => Finding::Same,
            (false, _) => Finding::Chance,
            (true, false) => Finding::Small,
            (true, true) if row.new > row.old => Finding::Worse,
            (true, true) => Finding::Better,
        };
    }
}

#[cfg(test)]
mod tests;
