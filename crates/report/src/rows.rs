use std::collections::BTreeMap;

use rumormill_measure::{Detection, Summary, Variant, units};

use crate::table::Table;

mod agreement;
mod boot;
mod faults;
mod state;
mod turnover;

/// A cause below this share of a variant's bytes is shown together with the others like it.
const SMALL_SHARE: f64 = 0.005;

/// Follows every figure of a variant that is not valid.
pub(crate) const MARK: &str = " !";

/// All figures, one column a variant.
pub(crate) fn table(variants: &[Variant]) -> Table {
    let mut rows = Rows { variants, table: Table::new(variants.iter().map(|v| v.name.clone()).collect()) };
    rows.verdict();
    rows.boot();
    rows.bandwidth();
    rows.causes();
    rows.convergence();
    rows.conflicts();
    rows.detection();
    rows.turnover();
    rows.faults();
    rows.election();
    rows.consensus();
    rows.machine();
    rows.table
}

struct Rows<'a> {
    variants: &'a [Variant],
    table: Table,
}

impl Rows<'_> {
    fn verdict(&mut self) {
        let cells = self.variants.iter().map(|variant| match variant.verdict.status {
            status if status.is_valid() => status.to_string(),
            status => format!("not valid: {status}"),
        });
        self.table.row("verdict".to_owned(), cells.collect());
    }

    fn bandwidth(&mut self) {
        self.table.heading("Bandwidth, sent per node and second");
        let rate = |bytes| Some(units::bytes(bytes));
        self.figures("wire, mean", |v| rate(v.bandwidth.wire_bytes_per_node_per_second.mean));
        self.figures("wire, p50 of nodes", |v| rate(v.bandwidth.wire_bytes_per_node_per_second.p50));
        self.figures("wire, p99 of nodes", |v| rate(v.bandwidth.wire_bytes_per_node_per_second.p99));
        self.figures("wire, max of nodes", |v| rate(v.bandwidth.wire_bytes_per_node_per_second.max));
        self.figures("packets", |v| Some(units::significant(v.bandwidth.packets_per_node_per_second)));
        self.figures("messages", |v| Some(units::significant(v.bandwidth.messages_per_node_per_second)));
        if self.variants.iter().any(|variant| variant.transport.messages_dropped > 0) {
            self.figures("messages dropped, in all", |v| Some(units::count(v.transport.messages_dropped)));
        }
        self.figures("whole cluster, wire", |v| {
            let bytes = v.bandwidth.reported_wire_bytes as f64;
            (v.measured_seconds > 0.0).then(|| units::bits_per_second(bytes / v.measured_seconds))
        });
        self.figures("state exchanged every", |v| {
            v.bandwidth.reduction.map(|reduction| units::duration_us(reduction.used_interval_us))
        });
        self.figures("  it was to be every", |v| {
            v.bandwidth.reduction.map(|reduction| units::duration_us(reduction.asked_interval_us))
        });
        self.table.heading("The same bytes by layer");
        self.figures("payload", |v| rate(v.bandwidth.layers_bytes_per_node_per_second.payload));
        self.figures("compressed", |v| rate(v.bandwidth.layers_bytes_per_node_per_second.compressed));
        self.figures("QUIC", |v| rate(v.bandwidth.layers_bytes_per_node_per_second.quic));
        self.figures("wire", |v| rate(v.bandwidth.layers_bytes_per_node_per_second.wire));
    }

    /// The largest causes first, by their largest share in any variant.
    fn causes(&mut self) {
        let mut shares = BTreeMap::<&str, f64>::new();
        for variant in self.variants {
            let wire = variant.bandwidth.layers_bytes_per_node_per_second.wire;
            for (cause, &bytes) in &variant.bandwidth.by_cause_bytes_per_node_per_second {
                let share = if wire > 0.0 { bytes.abs() / wire } else { 0.0 };
                let largest = shares.entry(cause).or_default();
                *largest = largest.max(share);
            }
        }
        let (mut large, small): (Vec<_>, Vec<_>) =
            shares.into_iter().partition(|&(_, share)| share >= SMALL_SHARE);
        large.sort_by(|one, two| two.1.total_cmp(&one.1));
        if large.is_empty() {
            return;
        }
        self.table.heading("The same bytes by cause");
        let bytes_of = |variant: &Variant, cause: &str| {
            variant.bandwidth.by_cause_bytes_per_node_per_second.get(cause).copied().unwrap_or(0.0)
        };
        for (cause, _) in large {
            self.figures(cause, |variant| Some(units::bytes(bytes_of(variant, cause))));
        }
        let rest = |variant: &Variant| small.iter().map(|(cause, _)| bytes_of(variant, cause)).sum::<f64>();
        if self.variants.iter().any(|variant| rest(variant) != 0.0) {
            self.figures("all below 0.5 %", |variant| Some(units::bytes(rest(variant))));
        }
    }

    fn convergence(&mut self) {
        if self.variants.iter().all(|variant| variant.convergence.writes == 0) {
            return;
        }
        self.table.heading("Convergence of writes");
        self.figures("writes", |v| Some(units::count(v.convergence.writes)));
        self.figures("unconverged at the end", |v| Some(units::count(v.convergence.unconverged_writes)));
        self.figures("pairs, p50", |v| time(&v.convergence.pairs_us, |t| t.p50));
        self.figures("pairs, p99", |v| time(&v.convergence.pairs_us, |t| t.p99));
        self.figures("pairs, max", |v| time(&v.convergence.pairs_us, |t| t.max));
        self.figures("t50, p50 of writes", |v| time(&v.convergence.t50_us, |t| t.p50));
        self.figures("t99, p50 of writes", |v| time(&v.convergence.t99_us, |t| t.p50));
        self.figures("t100, p50 of writes", |v| time(&v.convergence.t100_us, |t| t.p50));
        self.staleness();
    }

    fn detection(&mut self) {
        self.table.heading("Detection of failures");
        self.figures("failures", |v| Some(units::count(v.detection.failures)));
        if self.variants.iter().any(|variant| variant.detection.failures > 0) {
            self.times_of_failures("first suspicion", |detection| &detection.first_suspect_us);
            self.times_of_failures("first declared dead", |detection| &detection.first_dead_us);
            self.times_of_failures("declared dead by all", |detection| &detection.all_dead_us);
            self.figures("undetected", |v| Some(units::count(v.detection.undetected)));
        }
        self.figures("false suspicions", |v| Some(units::count(v.detection.false_suspicions)));
        self.figures("false positives", |v| Some(units::count(v.detection.false_positives)));
        if self.variants.iter().any(|variant| variant.detection.false_dead_pairs > 0) {
            self.figures("pairs of them", |v| Some(units::count(v.detection.false_dead_pairs)));
            self.figures("pairs, observer unharmed", |v| {
                Some(units::count(v.detection.false_dead_pairs_at_healthy))
            });
        }
    }

    /// One failure has one time; only several have percentiles.
    fn times_of_failures(&mut self, label: &str, times: impl Fn(&Detection) -> &Summary) {
        if self.variants.iter().all(|variant| times(&variant.detection).count <= 1) {
            self.figures(label, |v| time(times(&v.detection), |t| t.max));
            return;
        }
        self.figures(&format!("{label}, p50"), |v| time(times(&v.detection), |t| t.p50));
        self.figures(&format!("{label}, p99"), |v| time(times(&v.detection), |t| t.p99));
        self.figures(&format!("{label}, max"), |v| time(times(&v.detection), |t| t.max));
    }

    fn machine(&mut self) {
        self.table.heading("This machine");
        self.figures("scheduler lag, p99", |v| time(&v.scheduler_lag_us, |t| t.p99));
        self.figures("CPU time", |v| Some(units::seconds(v.load.cpu_seconds)));
        self.figures("cores busy with it", |v| {
            let wall_seconds = v.load.wall_seconds;
            (wall_seconds > 0.0).then(|| units::significant(v.load.cpu_seconds / wall_seconds))
        });
        self.figures("peak memory", |v| {
            let bytes = v.load.peak_rss_bytes;
            (bytes > 0).then(|| units::bytes(bytes as f64))
        });
    }

    /// A row of figures; a dash where a variant has none. Without any there is no row.
    fn figures(&mut self, label: &str, figure: impl Fn(&Variant) -> Option<String>) {
        let figures: Vec<_> = self.variants.iter().map(figure).collect();
        if figures.iter().all(Option::is_none) {
            return;
        }
        let cells = figures.into_iter().zip(self.variants).map(|(figure, variant)| {
            let figure = figure.unwrap_or_else(|| "–".to_owned());
            if variant.verdict.status.is_valid() { figure } else { figure + MARK }
        });
        self.table.row(format!("  {label}"), cells.collect());
    }
}

/// One time of a summary, if anything was recorded in it.
fn time(summary: &Summary, pick: impl Fn(&Summary) -> u64) -> Option<String> {
    (summary.count > 0).then(|| units::duration_us(pick(summary)))
}
