//! Prometheus' text exposition format, version 0.0.4: `metrics.prom`, and what a run that is under way says.

use std::fmt::Write;

use rumormill_measure::{Metric, RunResult, Status, Summary, Variant};

/// Samples under their families: each has its help and type once, before all its samples.
#[derive(Debug, Default)]
pub struct Exposition {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    head: String,
    samples: String,
}

impl Exposition {
    /// Adds a sample of a gauge.
    pub fn gauge(&mut self, name: &'static str, help: &str, labels: &[(&str, &str)], value: f64) {
        let line = format!("{name}{} {value}\n", self::labels(labels));
        self.family(name, help, "gauge").push_str(&line);
    }

    /// Adds a distribution of times, given in microseconds and said in seconds.
    pub(crate) fn summary(&mut self, name: &'static str, help: &str, labels: &[(&str, &str)], of: &Summary) {
        let mut lines = String::new();
        for (quantile, us) in
            [("0.5", of.p50), ("0.9", of.p90), ("0.99", of.p99), ("0.999", of.p999), ("1", of.max)]
        {
            let labels = [labels, &[("quantile", quantile)]].concat();
            writeln!(lines, "{name}{} {}", self::labels(&labels), us as f64 / 1e6)
                .expect("a string takes it");
        }
        let (labels, sum) = (self::labels(labels), of.mean as f64 * of.count as f64 / 1e6);
        writeln!(lines, "{name}_sum{labels} {sum}\n{name}_count{labels} {}", of.count)
            .expect("a string takes it");
        self.family(name, help, "summary").push_str(&lines);
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.families.iter().flat_map(|family| [family.head.as_str(), family.samples.as_str()]).collect()
    }

    fn family(&mut self, name: &'static str, help: &str, kind: &str) -> &mut String {
        let place = self.families.iter().position(|family| family.name == name).unwrap_or_else(|| {
            let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            self.families.push(Family { name, head, samples: String::new() });
            self.families.len() - 1
        });
        &mut self.families[place].samples
    }
}

fn labels(labels: &[(&str, &str)]) -> String {
    let quoted = labels.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    let all: Vec<_> = quoted.collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

/// The figures of a result.
pub(crate) fn write(result: &RunResult) -> String {
    let mut exposition = Exposition::default();
    let world = result.world.to_string();
    let seed = result.seed.to_string();
    let build = [
        ("tool", result.tool.as_str()),
        ("commit", &result.environment.commit),
        ("scenario", &result.scenario),
        ("world", &world),
        ("seed", &seed),
    ];
    exposition.gauge("rumormill_result_info", "What was run.", &build, 1.0);
    for variant in &result.variants {
        add(&mut exposition, &result.scenario, variant);
    }
    exposition.text()
}

fn add(to: &mut Exposition, scenario: &str, variant: &Variant) {
    let labels =
        [("scenario", scenario), ("variant", variant.name.as_str()), ("protocol", variant.protocol.as_str())];
    let with = |name: &'static str, value: &'static str| [&labels[..], &[(name, value)]].concat();
    for status in [Status::Valid, Status::Saturated, Status::Invalid] {
        let (name, is) = (status_name(status), f64::from(u8::from(variant.verdict.status == status)));
        to.gauge("rumormill_verdict", "1 for the verdict on the figures.", &with("status", name), is);
    }
    to.gauge("rumormill_nodes", "Nodes, failed ones included.", &labels, variant.nodes as f64);
    if let Some(epidemic) = &variant.epidemic {
        for (share, rounds) in [
            ("50", &epidemic.rounds_to_50),
            ("90", &epidemic.rounds_to_90),
            ("99", &epidemic.rounds_to_99),
            ("100", &epidemic.rounds_to_100),
        ] {
            let help = "Mean rounds until so many percent of the nodes knew.";
            to.gauge("rumormill_epidemic_rounds", help, &with("percent", share), rounds.mean);
        }
        to.gauge("rumormill_epidemic_residue", "Share of nodes that never knew.", &labels, epidemic.residue);
        return;
    }
    to.gauge(
        "rumormill_measured_seconds",
        "Length of the measured phase.",
        &labels,
        variant.measured_seconds,
    );
    let wire = &variant.bandwidth.wire_bytes_per_node_per_second;
    for (over, value) in [("mean", wire.mean), ("p50", wire.p50), ("p99", wire.p99), ("max", wire.max)] {
        let help = "Bytes on the wire that a node sent per second, over nodes.";
        to.gauge("rumormill_wire_bytes_per_node_per_second", help, &with("over", over), value);
    }
    let layers = &variant.bandwidth.layers_bytes_per_node_per_second;
    for (layer, value) in [
        ("payload", layers.payload),
        ("compressed", layers.compressed),
        ("quic", layers.quic),
        ("wire", layers.wire),
    ] {
        let help = "The same bytes at each layer, mean over nodes.";
        to.gauge("rumormill_layer_bytes_per_node_per_second", help, &with("layer", layer), value);
    }
    for (cause, &bytes) in &variant.bandwidth.by_cause_bytes_per_node_per_second {
        let labels = [&labels[..], &[("cause", cause.as_str())]].concat();
        let help = "The bytes on the wire by what they were sent for, mean over nodes.";
        to.gauge("rumormill_cause_bytes_per_node_per_second", help, &labels, bytes);
    }
    let packets = variant.bandwidth.packets_per_node_per_second;
    to.gauge(
        "rumormill_packets_per_node_per_second",
        "Packets that a node sent per second.",
        &labels,
        packets,
    );
    for metric in Metric::ALL {
        let (name, help) = family(metric);
        to.summary(name, help, &labels, metric.summary(variant));
    }
    let (convergence, detection) = (&variant.convergence, &variant.detection);
    for (name, help, value) in [
        ("rumormill_writes", "Writes in the measured phase.", convergence.writes),
        (
            "rumormill_unconverged_writes",
            "Writes that some live node lacked.",
            convergence.unconverged_writes,
        ),
        ("rumormill_failures", "Nodes that failed.", detection.failures),
        ("rumormill_undetected_failures", "Failures that some live node missed.", detection.undetected),
        ("rumormill_false_suspicions", "Episodes of a live node suspected.", detection.false_suspicions),
        ("rumormill_false_positives", "Episodes of a live node declared dead.", detection.false_positives),
    ] {
        to.gauge(name, help, &labels, value as f64);
    }
    to.gauge("rumormill_cpu_seconds", "CPU time of the measured phase.", &labels, variant.load.cpu_seconds);
    let peak = variant.load.peak_rss_bytes as f64;
    to.gauge("rumormill_peak_rss_bytes", "The most memory held in the measured phase.", &labels, peak);
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Saturated => "saturated",
        Status::Invalid => "invalid",
    }
}

const fn family(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::ConvergencePairs => {
            ("rumormill_convergence_pairs_seconds", "From a write until a live node applied it, over pairs.")
        }
        Metric::ConvergenceT50 => {
            ("rumormill_convergence_t50_seconds", "From a write until half of the live nodes had it.")
        }
        Metric::ConvergenceT90 => {
            ("rumormill_convergence_t90_seconds", "From a write until 90 % of the live nodes had it.")
        }
        Metric::ConvergenceT99 => {
            ("rumormill_convergence_t99_seconds", "From a write until 99 % of the live nodes had it.")
        }
        Metric::ConvergenceT100 => {
            ("rumormill_convergence_t100_seconds", "From a write until all live nodes had it.")
        }
        Metric::FirstSuspect => {
            ("rumormill_first_suspect_seconds", "From a failure until a live node suspected it.")
        }
        Metric::FirstDead => {
            ("rumormill_first_dead_seconds", "From a failure until a live node declared it dead.")
        }
        Metric::AllDead => {
            ("rumormill_all_dead_seconds", "From a failure until all live nodes had declared it dead.")
        }
        Metric::DetectionPairs => (
            "rumormill_detection_pairs_seconds",
            "From a failure until a live node declared it dead, over pairs.",
        ),
        Metric::SchedulerLag => {
            ("rumormill_scheduler_lag_seconds", "How late nodes were woken for what they had planned.")
        }
    }
}
