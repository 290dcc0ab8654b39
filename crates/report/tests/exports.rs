//! The files beside a result, from a result and a recording made by hand.

use std::{collections::BTreeMap, time::Duration};

use rumormill_measure::{
    Environment, Epidemic, FaultReport, Histogram, METHOD_VERSION, Metric, RunResult, SAMPLES_MAX,
    SCHEMA_VERSION, Span, Variant, Verdict, Warning, World,
};
use rumormill_report::{Record, Theory, exports, kept};
use serde_json::Value;

/// What no name of a scenario may do to a page, a table or a file.
const HOSTILE: &str = "</script><b onload=\"x\">|'=cmd\n../a,";

fn histogram(times_us: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::default();
    times_us.into_iter().for_each(|us| histogram.record(Duration::from_micros(us)));
    histogram
}

fn record(variant: &mut Variant, samples: usize) -> Record {
    let mut record = Record::default();
    let keep = &mut record.histograms;
    variant.convergence.writes = 20;
    variant.convergence.awaited_pairs = 2_000;
    variant.convergence.pairs_us =
        keep.keep(Metric::ConvergencePairs, histogram((1..=1_990).map(|pair| pair * 350)));
    variant.convergence.t100_us =
        keep.keep(Metric::ConvergenceT100, histogram((1..=20).map(|write| write * 40_000)));
    variant.detection.failures = 2;
    variant.detection.first_suspect_us = keep.keep(Metric::FirstSuspect, histogram([900_000, 1_700_000]));
    variant.detection.pairs_us =
        keep.keep(Metric::DetectionPairs, histogram((1..=200).map(|pair| 2_000_000 + pair * 999)));
    variant.scheduler_lag_us = keep.keep(Metric::SchedulerLag, histogram((1..=500).map(|wake| wake * 3)));
    record.spans = (0..samples)
        .map(|second| Span {
            time_seconds: second as f64 - 10.0,
            run_seconds: second as f64 + 1.0,
            wall_seconds: second as f64 / 8.0,
            phase: if second < 10 { "warm-up" } else { "measure" }.to_owned(),
            wire_bytes_per_second: 100.5 + second as f64,
            by_cause_bytes_per_second: vec![("probe".into(), 100.0), ("delta".into(), 0.5 + second as f64)],
            nodes_up: 100 - second as u64 / 40,
            links_up: 400,
            known_pairs: 9_900,
            lag_p99_us: 1_234,
        })
        .collect();
    record.theory = Some(Theory {
        model: "a model, \"quoted\"".into(),
        points: (0..=10).map(|tenth| (f64::from(tenth) / 10.0, f64::from(tenth) / 10.0)).collect(),
    });
    record
}

fn variant(name: &str) -> Variant {
    let verdict = Verdict::new(&[], &[Warning::FewFailures { failures: 2 }]);
    let mut variant = Variant::of_epidemic(name.into(), 100, verdict, Epidemic::default());
    variant.epidemic = None;
    variant.protocol = "rumormill".into();
    variant.measured_seconds = 30.0;
    let bandwidth = &mut variant.bandwidth;
    bandwidth.wire_bytes_per_node_per_second.mean = 1_234.5;
    bandwidth.layers_bytes_per_node_per_second.wire = 1_234.5;
    bandwidth.layers_bytes_per_node_per_second.payload = 1_000.25;
    bandwidth.by_cause_bytes_per_node_per_second =
        [("probe", 1_000.0), ("delta", 234.0), ("quic-overhead", -1.0), ("other", 1.5)]
            .map(|(cause, bytes)| (cause.to_owned(), bytes))
            .into();
    let fault = |at_us, until_us| FaultReport {
        kind: "loss".into(),
        nodes: 3,
        at_us,
        until_us,
        ..FaultReport::default()
    };
    variant.faults = vec![fault(2_000_000, Some(5_000_000)), fault(2_000_000, None)];
    variant
}

fn run(names: &[&str], samples: usize) -> (RunResult, Vec<Record>) {
    let mut variants: Vec<_> = names.iter().map(|name| variant(name)).collect();
    let records = variants.iter_mut().map(|variant| record(variant, samples)).collect();
    let result = RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: "rumormill 0.1.0".into(),
        seed: 1,
        world: World::Sim,
        scenario_toml: None,
        scenario: HOSTILE.into(),
        environment: Environment { optimised: true, ..Environment::default() },
        verdict: Verdict::of_run(&variants),
        variants,
        differences: Vec::new(),
    };
    (result, records)
}

fn made(result: &RunResult, records: &[Record]) -> BTreeMap<String, Vec<u8>> {
    let json = serde_json::to_value(result).expect("a result is plain data");
    exports(result, &json, records).into_iter().map(|export| (export.name, export.content)).collect()
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).expect("text")
}

#[test]
fn everything_is_made_again_from_the_files_alone() {
    let (result, records) = run(&["delta", HOSTILE, "DELTA"], 60);
    let files = made(&result, &records);
    let again = kept(&result, |name| Ok(files.get(name).cloned())).expect("what was written can be read");
    assert_eq!(again.missing, [""; 0]);
    let remade = made(&result, &again.records);
    assert_eq!(files.keys().collect::<Vec<_>>(), remade.keys().collect::<Vec<_>>());
    for (name, content) in &files {
        // The curve's theory is kept at the curve's own points.
        assert!(*content == remade[name], "{name} is not what it was");
    }
    let folded: std::collections::BTreeSet<_> = files.keys().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), files.len(), "no two names are one where capitals are small letters");
    for name in files.keys() {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name}");
    }
}

#[test]
fn what_is_missing_or_of_another_run_is_left_out_and_said() {
    let (result, records) = run(&["delta"], 60);
    let none = kept(&result, |_| Ok(None)).expect("nothing is not wrong");
    assert_eq!(none.missing.len(), 2, "{:?}", none.missing);
    let files = made(&result, &none.records);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["metrics.prom", "report.html", "result.md"]);
    let mut other = result.clone();
    other.variants[0].convergence.pairs_us.p50 += 1;
    let files = made(&result, &records);
    let stale = kept(&other, |name| Ok(files.get(name).cloned())).expect("it can be read");
    assert!(stale.missing[0].contains("is of another run: its convergence.pairs_us"), "{:?}", stale.missing);
    assert!(stale.records[0].histograms.iter().next().is_none());
}

#[test]
fn a_file_that_is_none_of_ours_is_an_error_and_no_panic() {
    let (result, records) = run(&["delta"], 60);
    let files = made(&result, &records);
    let with = |broken: &str, content: &[u8]| {
        let file =
            |name: &str| Ok(if name == broken { Some(content.to_vec()) } else { files.get(name).cloned() });
        kept(&result, file).map(|_| ())
    };
    for content in [
        &b"Tag=scheduler_lag_us,0.0,1.0,1.0,AAAA\n"[..],
        b"Tag=scheduler_lag_us,0.0,1.0,1.0,!!!!\n",
        b"nonsense\n",
        &[0xff; 99],
    ] {
        let why = with("delta.hlog", content).expect_err("it is broken");
        assert!(why.starts_with("delta.hlog: "), "{why}");
    }
    assert!(
        with("series.csv", b"variant,phase\ndelta,boot\n").is_err_and(|why| why.contains("no column time_s"))
    );
    let table = text(&files, "series.csv").replace("1234", "x");
    assert!(with("series.csv", table.as_bytes()).is_err_and(|why| why.contains("x is not a whole number")));
    assert!(with("convergence.csv", b"\"").is_ok() && with("series.csv", b"").is_ok());
    let whole = &files["delta.hlog"];
    for end in (0..whole.len()).step_by(97) {
        // Cut anywhere it may be another log or none, but nothing breaks.
        let _ = with("delta.hlog", &whole[..end]);
    }
}

#[test]
fn the_page_holds_its_texts_and_names_the_place_of_each_figure() {
    let (result, records) = run(&["delta", HOSTILE], 60);
    let files = made(&result, &records);
    let page = text(&files, "report.html");
    assert!(
        !page.contains("<b onload") && page.matches("</script>").count() == 1,
        "a name got out of its text"
    );
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let json = serde_json::to_value(&result).expect("a result is plain data");
    let attribute = |cell: &str, name: &str| {
        let (_, rest) = cell.split_once(&format!("{name}=\"")).expect("it has it");
        rest.split_once('"').expect("it ends").0.to_owned()
    };
    let cells: Vec<_> = page.split("data-variant=").skip(1).collect();
    assert!(cells.len() > 80, "{} figures", cells.len());
    for cell in cells {
        let cell = format!("data-variant={cell}");
        let place: usize = attribute(&cell, "data-variant").parse().expect("a number");
        let path = attribute(&cell, "data-path");
        let written = path.split('.').fold(&json["variants"][place], |at, key| &at[key]);
        let value: f64 = attribute(&cell, "data-value").parse().expect("a number");
        assert_eq!(written.as_f64(), Some(value), "{path}");
    }
    for kind in [
        "totals",
        "causes",
        "layers",
        "convergence",
        "percentiles",
        "detection",
        "timeline",
        "causes-over-time",
    ] {
        assert!(page.contains(&format!("data-chart=\"{kind}\"")), "{kind}");
    }
    let (_, embedded) = page.split_once("id=\"result\">").expect("the result is embedded");
    let embedded = embedded.split_once("</script>").expect("it ends").0;
    assert_eq!(serde_json::from_str::<Value>(embedded).expect("it is JSON"), json);
}

#[test]
fn a_long_run_leaves_files_of_bounded_size() {
    let (result, records) =
        run(&["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], SAMPLES_MAX);
    let files = made(&result, &records);
    for (name, most) in [("report.html", 3 << 20), ("series.csv", 2 << 20), ("one.hlog", 64 << 10)] {
        assert!(files[name].len() < most, "{name} takes {} B", files[name].len());
    }
}

#[test]
fn causes_in_the_time_series_add_up_and_faults_are_marked() {
    let (result, records) = run(&["delta"], 60);
    let files = made(&result, &records);
    let lines: Vec<Vec<_>> =
        text(&files, "series.csv").lines().map(|line| line.split(',').collect()).collect();
    let place = |name: &str| lines[0].iter().position(|column| *column == name).expect("the column is there");
    let (time, wire, probe, delta) =
        (place("time_s"), place("wire_bytes_per_s"), place("bytes_per_s:probe"), place("bytes_per_s:delta"));
    assert_eq!(lines.len(), 61);
    for line in &lines[1..] {
        // A list of two faults has a comma of its own.
        let shift = line.len() - lines[0].len();
        let number = |place: usize| {
            line[place + if place > time { shift } else { 0 }].parse::<f64>().expect("a number")
        };
        assert_eq!(number(wire), number(probe) + number(delta));
        let faults = line[place("faults")..=place("faults") + shift].join(",");
        let expected = match number(time) {
            time if time < 2.0 => "",
            time if time < 5.0 => "\"1 loss, 2 loss\"",
            _ => "2 loss",
        };
        assert_eq!(faults, expected);
    }
}

#[test]
fn the_curve_ends_at_the_share_that_ever_knew() {
    let (result, records) = run(&["delta"], 60);
    let files = made(&result, &records);
    let curve: Vec<_> = text(&files, "convergence.csv").lines().skip(1).map(str::to_owned).collect();
    let number =
        |line: &str, place: usize| line.split(',').nth(place).and_then(|text| text.parse::<f64>().ok());
    let shares: Vec<_> = curve.iter().filter_map(|line| number(line, 2)).collect();
    assert!(shares.windows(2).all(|two| two[0] <= two[1]));
    // 1,990 of 2,000 pairs, the last after 0.6965 s; the theory goes on to 1 s.
    assert_eq!(shares.last(), Some(&0.995));
    for line in &curve {
        let (seconds, theory) = (number(line, 1).expect("seconds"), number(line, 3).expect("theory"));
        assert!((seconds - theory).abs() < 2e-6, "{line}");
    }
}

#[test]
fn prometheus_takes_what_is_exposed() {
    let (result, records) = run(&["delta", HOSTILE], 60);
    let files = made(&result, &records);
    let mut families = Vec::new();
    for line in text(&files, "metrics.prom").lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let name = head.split(' ').next().expect("a name").to_owned();
            assert!(!families.contains(&name), "{name} comes twice");
            families.push(name);
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once('{').expect("labels");
            let family = families.last().expect("a sample has a family");
            let base = name.trim_end_matches("_sum").trim_end_matches("_count");
            assert!(name == family || base == family, "{name} in {family}");
            let value = rest.rsplit_once("} ").expect("a value").1;
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
    let exposed = text(&files, "metrics.prom");
    assert!(exposed.contains("variant=\"</script><b onload=\\\"x\\\">|'=cmd\\n../a,\""), "{exposed}");
    let lag = result.variants[0].scheduler_lag_us;
    let line = format!("protocol=\"rumormill\",quantile=\"0.99\"}} {}\n", lag.p99 as f64 / 1e6);
    assert!(exposed.contains(&line), "{line}");
}

#[test]
fn a_markdown_table_keeps_its_columns_and_names_nobody() {
    let (result, records) = run(&["delta", "@someone|<b>"], 60);
    let files = made(&result, &records);
    let markdown = text(&files, "result.md");
    let rows: Vec<_> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 30, "{markdown}");
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
    }
    assert!(!markdown.contains('@') && !markdown.contains("<b>"), "{markdown}");
    assert!(markdown.contains("| Wire bytes per node, mean | 1.23 kB/s | 1.23 kB/s |"), "{markdown}");
}
