//! The figures that people compare, each by its path in a variant of result.json, from where it is read.

use std::collections::BTreeMap;

use rumormill_measure::{RunResult, Variant, units};
use serde_json::Value;

/// A cause below this share of every variant's bytes has no figure of its own.
const SMALL_SHARE: f64 = 0.005;

/// In what a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per second.
    Rate,
    /// Bytes per second, shown as bits per second.
    BitRate,
    /// Microseconds.
    Micros,
    /// Seconds.
    Seconds,
    /// A whole number.
    Count,
    /// From 0 to 1, shown in percent.
    Share,
    /// A bare number.
    Plain,
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Bytes => units::bytes(value),
            Self::Rate => units::bytes_per_second(value),
            Self::BitRate => units::bits_per_second(value),
            Self::Micros => units::duration_us(value as u64),
            Self::Seconds => units::seconds(value),
            Self::Count => units::count(value as u64),
            Self::Share => units::percent(value),
            Self::Plain => units::significant(value),
        }
    }

    /// What browsers and scripts are told.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Rate => "rate",
            Self::BitRate => "bit-rate",
            Self::Micros => "micros",
            Self::Seconds => "seconds",
            Self::Count => "count",
            Self::Share => "share",
            Self::Plain => "plain",
        }
    }
}

/// A figure that variants may have.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) label: String,
    pub(crate) path: String,
    pub(crate) unit: Unit,
}

/// Figures under one heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) figures: Vec<Figure>,
}

/// A variant as result.json has it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) valid: bool,
    json: Value,
}

impl Written {
    /// The variants of a result as its file has them, which may have fewer keys than ours.
    pub(crate) fn all(result: &RunResult, json: &Value) -> Vec<Self> {
        let of = |(place, variant): (usize, &Variant)| Self {
            json: json["variants"][place].clone(),
            ..Self::of(variant)
        };
        result.variants.iter().enumerate().map(of).collect()
    }

    pub(crate) fn of(variant: &Variant) -> Self {
        let json = serde_json::to_value(variant).unwrap_or_default();
        Self { name: variant.name.clone(), valid: variant.verdict.status.is_valid(), json }
    }

    /// The number at a path; nothing where there is none, or where it belongs to a summary of nothing.
    pub(crate) fn at(&self, path: &str) -> Option<f64> {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let parent =
            parent.split('.').filter(|key| !key.is_empty()).try_fold(&self.json, |at, key| at.get(key))?;
        if key != "count"
            && parent.get("p999").is_some()
            && parent.get("count").and_then(Value::as_u64) == Some(0)
        {
            return None;
        }
        parent.get(key)?.as_f64()
    }
}

fn figure(label: &str, path: &str, unit: Unit) -> Figure {
    Figure { label: label.to_owned(), path: path.to_owned(), unit }
}

/// The handful that a comparison turns on.
pub(crate) fn key_figures(variants: &[Written]) -> Vec<Figure> {
    let all = [
        figure("Wire bytes per node, mean", "bandwidth.wire_bytes_per_node_per_second.mean", Unit::Rate),
        figure("the same as bits", "bandwidth.wire_bytes_per_node_per_second.mean", Unit::BitRate),
        figure(
            "Wire bytes per node, p99 of nodes",
            "bandwidth.wire_bytes_per_node_per_second.p99",
            Unit::Rate,
        ),
        figure("Packets per node and second", "bandwidth.packets_per_node_per_second", Unit::Plain),
        figure("A write reaches a node, p50", "convergence.pairs_us.p50", Unit::Micros),
        figure("A write reaches a node, p99", "convergence.pairs_us.p99", Unit::Micros),
        figure("A write reaches all nodes, p50", "convergence.t100_us.p50", Unit::Micros),
        figure("Writes that did not reach all", "convergence.unconverged_writes", Unit::Count),
        figure("Stale reads", "staleness.share", Unit::Share),
        figure("First declared dead, p50", "detection.first_dead_us.p50", Unit::Micros),
        figure("Declared dead by all, p50", "detection.all_dead_us.p50", Unit::Micros),
        figure("Failures not detected by all", "detection.undetected", Unit::Count),
        figure("False positives", "detection.false_positives", Unit::Count),
        figure("Rounds until all knew, mean", "epidemic.rounds_to_100.mean", Unit::Plain),
        figure("Copies per node", "epidemic.copies_per_node", Unit::Plain),
        figure("Share that never knew", "epidemic.residue", Unit::Share),
    ];
    present(all.into(), variants)
}

/// All that reports show, by heading.
pub(crate) fn sections(variants: &[Written]) -> Vec<Section> {
    let mut sections = vec![
        Section { title: "Bandwidth, sent per node and second", figures: bandwidth() },
        Section { title: "The same bytes by layer", figures: layers() },
        Section { title: "The same bytes by cause", figures: causes(variants) },
        Section { title: "Convergence of writes", figures: convergence() },
        Section { title: "Detection of failures", figures: detection() },
        Section { title: "What nodes believed at the end, in pairs", figures: membership() },
        Section { title: "Election", figures: nested("election") },
        Section { title: "Consensus", figures: nested("consensus") },
        Section { title: "Conflicts on shared keys", figures: nested("conflicts") },
        Section { title: "Epidemic, in rounds", figures: epidemic() },
        Section { title: "Boot", figures: boot() },
        Section { title: "This machine", figures: machine() },
    ];
    for section in &mut sections {
        let figures = std::mem::take(&mut section.figures);
        // What a variant has under a heading that lists no figures is listed as it is called.
        let figures = figures.into_iter().flat_map(|figure| match figure.path.strip_suffix(".*") {
            Some(parent) => as_called(parent, variants),
            None => vec![figure],
        });
        section.figures = present(figures.collect(), variants);
    }
    sections.retain(|section| !section.figures.is_empty());
    sections
}

fn present(figures: Vec<Figure>, variants: &[Written]) -> Vec<Figure> {
    let has = |figure: &Figure| variants.iter().any(|variant| variant.at(&figure.path).is_some());
    figures.into_iter().filter(has).collect()
}

fn bandwidth() -> Vec<Figure> {
    let wire = "bandwidth.wire_bytes_per_node_per_second";
    vec![
        figure("wire, mean", &format!("{wire}.mean"), Unit::Rate),
        figure("wire, p50 of nodes", &format!("{wire}.p50"), Unit::Rate),
        figure("wire, p99 of nodes", &format!("{wire}.p99"), Unit::Rate),
        figure("wire, max of nodes", &format!("{wire}.max"), Unit::Rate),
        figure("packets", "bandwidth.packets_per_node_per_second", Unit::Plain),
        figure("messages", "bandwidth.messages_per_node_per_second", Unit::Plain),
        figure("whole cluster and phase", "bandwidth.reported_wire_bytes", Unit::Bytes),
        figure("the kernel counted", "bandwidth.kernel_wire_bytes", Unit::Bytes),
        figure("liveness checks per period, whole cluster", "checks_per_period", Unit::Plain),
    ]
}

fn layers() -> Vec<Figure> {
    [("payload", "payload"), ("compressed", "compressed"), ("QUIC", "quic"), ("wire", "wire")]
        .map(|(label, key)| {
            figure(label, &format!("bandwidth.layers_bytes_per_node_per_second.{key}"), Unit::Rate)
        })
        .into()
}

/// The largest first, by their largest share in any variant.
pub(crate) fn causes(variants: &[Written]) -> Vec<Figure> {
    let mut shares = BTreeMap::<&str, f64>::new();
    for variant in variants {
        let wire = variant.at("bandwidth.layers_bytes_per_node_per_second.wire").unwrap_or(0.0);
        let causes = variant.json["bandwidth"]["by_cause_bytes_per_node_per_second"].as_object();
        for (cause, bytes) in causes.into_iter().flatten() {
            let share = if wire > 0.0 { bytes.as_f64().unwrap_or(0.0).abs() / wire } else { 0.0 };
            let largest = shares.entry(cause).or_default();
            *largest = largest.max(share);
        }
    }
    let mut large: Vec<_> = shares.into_iter().filter(|&(_, share)| share >= SMALL_SHARE).collect();
    large.sort_by(|one, two| two.1.total_cmp(&one.1));
    let path = |cause: &str| format!("bandwidth.by_cause_bytes_per_node_per_second.{cause}");
    large.into_iter().map(|(cause, _)| figure(cause, &path(cause), Unit::Rate)).collect()
}

fn convergence() -> Vec<Figure> {
    let mut figures = vec![
        figure("writes", "convergence.writes", Unit::Count),
        figure("unconverged at the end", "convergence.unconverged_writes", Unit::Count),
        figure("refused", "convergence.refused_writes", Unit::Count),
    ];
    figures.extend(percentiles("pairs", "convergence.pairs_us"));
    for share in ["t50", "t90", "t99", "t100"] {
        figures.extend(percentiles(&format!("{share} of writes"), &format!("convergence.{share}_us")));
    }
    figures.push(figure("stale reads", "staleness.share", Unit::Share));
    figures.extend(percentiles("their age", "staleness.age_us"));
    figures
}

fn detection() -> Vec<Figure> {
    let mut figures = vec![figure("failures", "detection.failures", Unit::Count)];
    for (label, key) in [
        ("first suspicion", "first_suspect_us"),
        ("first declared dead", "first_dead_us"),
        ("declared dead by all", "all_dead_us"),
        ("pairs", "pairs_us"),
    ] {
        figures.extend(percentiles(label, &format!("detection.{key}")));
    }
    for (label, key, unit) in [
        ("undetected", "undetected", Unit::Count),
        ("false suspicions", "false_suspicions", Unit::Count),
        ("false positives", "false_positives", Unit::Count),
        ("false positives per node and hour", "false_positives_per_node_hour", Unit::Plain),
        ("pairs of them", "false_dead_pairs", Unit::Count),
        ("pairs, observer unharmed", "false_dead_pairs_at_healthy", Unit::Count),
    ] {
        figures.push(figure(label, &format!("detection.{key}"), unit));
    }
    figures
}

fn percentiles(label: &str, path: &str) -> Vec<Figure> {
    ["p50", "p99", "max"]
        .map(|key| figure(&format!("{label}, {key}"), &format!("{path}.{key}"), Unit::Micros))
        .into()
}

fn membership() -> Vec<Figure> {
    [
        ("right", "alive_pairs"),
        ("suspected and live", "suspect_pairs"),
        ("taken for gone and live", "wrongly_gone_pairs"),
        ("not known", "unknown_pairs"),
        ("phantoms", "phantom_pairs"),
        ("of an earlier life", "old_life_pairs"),
    ]
    .map(|(label, key)| figure(label, &format!("membership.{key}"), Unit::Count))
    .into()
}

fn nested(parent: &str) -> Vec<Figure> {
    vec![figure("", &format!("{parent}.*"), Unit::Plain)]
}

/// Figures by the names that result.json has for them.
fn as_called(parent: &str, variants: &[Written]) -> Vec<Figure> {
    let Some(block) = variants.iter().find_map(|variant| variant.json.get(parent)?.as_object()) else {
        return Vec::new();
    };
    let mut figures = Vec::new();
    for (key, value) in block {
        let (path, label) = (format!("{parent}.{key}"), key.trim_end_matches("_us").replace('_', " "));
        match value {
            Value::Object(_) => figures.extend(percentiles(&label, &path)),
            Value::Number(_) if key.ends_with("_us") => figures.push(figure(&label, &path, Unit::Micros)),
            Value::Number(number) if number.is_f64() => figures.push(figure(&label, &path, Unit::Plain)),
            Value::Number(_) => figures.push(figure(&label, &path, Unit::Count)),
            _ => {}
        }
    }
    figures
}

fn epidemic() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (label, key) in [
        ("50 % of the nodes knew", "rounds_to_50"),
        ("90 % knew", "rounds_to_90"),
        ("99 % knew", "rounds_to_99"),
        ("all knew", "rounds_to_100"),
    ] {
        figures.push(figure(&format!("{label}, mean"), &format!("epidemic.{key}.mean"), Unit::Plain));
        figures.push(figure(&format!("{label}, sd"), &format!("epidemic.{key}.sd"), Unit::Plain));
        figures.push(figure(&format!("{label}, theory"), &format!("epidemic.theory.{key}"), Unit::Plain));
    }
    figures.push(figure("repetitions", "epidemic.repetitions", Unit::Count));
    figures.push(figure("copies per node until the last knew", "epidemic.copies_per_node", Unit::Plain));
    figures.push(figure("copies per node in all", "epidemic.traffic", Unit::Plain));
    figures.push(figure("share that never knew", "epidemic.residue", Unit::Share));
    figures.push(figure("share that never knew, theory", "epidemic.theory.residue", Unit::Share));
    figures
}

fn boot() -> Vec<Figure> {
    vec![
        figure("until all nodes were up", "boot.seconds", Unit::Seconds),
        figure("nodes up", "boot.nodes_up", Unit::Count),
        figure("wire bytes per node", "boot.wire_bytes_per_node", Unit::Bytes),
        figure("until traffic was steady", "boot.settle_seconds", Unit::Seconds),
    ]
}

fn machine() -> Vec<Figure> {
    vec![
        figure("scheduler lag, p99", "scheduler_lag_us.p99", Unit::Micros),
        figure("measured", "measured_seconds", Unit::Seconds),
        figure("on the wall clock", "wall_seconds", Unit::Seconds),
        figure("CPU time", "cpu_seconds", Unit::Seconds),
        figure("cores busy", "machine_busy_share", Unit::Share),
        figure("of that, other programs", "foreign_share", Unit::Share),
        figure("peak memory", "peak_rss_bytes", Unit::Bytes),
    ]
}
