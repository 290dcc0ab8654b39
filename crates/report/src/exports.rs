use rumormill_measure::{Histogram, Metric, RunResult};
use serde_json::Value;

use crate::{Record, curve, files::stems, hgrm, hlog, html, markdown, prometheus, series};

/// A file beside result.json.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What it is called.
    pub name: String,
    /// What it holds.
    pub content: Vec<u8>,
}

/// The time series of all variants.
const SERIES: &str = "series.csv";
/// The convergence curves of all variants.
const CURVES: &str = "convergence.csv";

/// Which metrics have a percentile distribution of their own: those of many times. All are in the log.
const PLOTTED: [(Metric, &str); 3] = [
    (Metric::ConvergencePairs, "convergence"),
    (Metric::DetectionPairs, "detection"),
    (Metric::SchedulerLag, "lag"),
];

/// All that is made of a result besides result.json, of which `json` is the content. `records` has an entry for each variant, in their order; what one lacks
/// is left out.
///
/// # Panics
/// When there are not as many records as variants, or what they hold are no recordings: figures that are not finite.
pub fn exports(result: &RunResult, json: &Value, records: &[Record]) -> Vec<Export> {
    assert_eq!(result.variants.len(), records.len(), "a record belongs to each variant");
    let mut exports = Vec::new();
    let mut add = |name: &str, content: Vec<u8>| exports.push(Export { name: name.to_owned(), content });
    for ((variant, record), stem) in result.variants.iter().zip(records).zip(stems(result)) {
        if let Some(log) = hlog::write(variant, &record.histograms) {
            add(&log_name(&stem), log);
        }
        for (metric, name) in PLOTTED {
            if let Some(histogram) = record.histograms.of(metric) {
                add(&format!("{stem}.{name}.hgrm"), hgrm::write(histogram).into_bytes());
            }
        }
    }
    if let Some(table) = series::write(result, records) {
        add(SERIES, table.into_bytes());
    }
    if let Some(table) = curve::write(result, records) {
        add(CURVES, table.into_bytes());
    }
    add("result.md", markdown::write(result, json).into_bytes());
    add("metrics.prom", prometheus::write(result).into_bytes());
    // The page shows what is kept, to the last digit: so it can be made again.
    let made =
        |name: &str| Ok(exports.iter().find(|file| file.name == name).map(|file| file.content.clone()));
    let shown = kept(result, made).expect("what was just written can be read").records;
    let content = html::write(result, json, &shown).into_bytes();
    exports.push(Export { name: "report.html".to_owned(), content });
    exports
}

/// What can be read back of a run: a record for each variant, and what is missing or does not belong to the result, a sentence
/// each.
#[derive(Debug, Default)]
pub struct Kept {
    /// In the order of the variants.
    pub records: Vec<Record>,
    /// Nothing when all is there.
    pub missing: Vec<String>,
}

/// Reads back what exporters need besides the result. `file` hands out the run's files by name, those that are there.
///
/// # Errors
/// A file is there and is not what it should be: which, and why.
pub fn kept(
    result: &RunResult,
    file: impl Fn(&str) -> Result<Option<Vec<u8>>, String>,
) -> Result<Kept, String> {
    let file = |name: &str| file(name).map_err(|why| format!("{name}: {why}"));
    let mut kept = Kept { records: vec![Record::default(); result.variants.len()], missing: Vec::new() };
    for ((variant, record), stem) in result.variants.iter().zip(&mut kept.records).zip(stems(result)) {
        if variant.epidemic.is_some() {
            continue;
        }
        let name = log_name(&stem);
        let Some(log) = file(&name)? else {
            kept.missing.push(format!("{name} is not there: no percentile plots of {}", variant.name));
            continue;
        };
        let read = hlog::read(&log).map_err(|why| format!("{name}: {why}"))?;
        let differs = Metric::ALL.into_iter().find(|&metric| {
            read.of(metric).map(Histogram::summary).unwrap_or_default() != *metric.summary(variant)
        });
        match differs {
            None => record.histograms = read,
            Some(metric) => kept.missing.push(format!(
                "{name} is of another run: its {metric} is not that of result.json; no percentile plots of {}",
                variant.name
            )),
        }
    }
    if result.variants.iter().any(|variant| variant.epidemic.is_none()) {
        match file(SERIES)? {
            Some(table) => {
                let text = String::from_utf8_lossy(&table);
                series::read(&text, result, &mut kept.records).map_err(|why| format!("{SERIES}: {why}"))?;
            }
            None => kept.missing.push(format!("{SERIES} is not there: no time series")),
        }
    }
    if let Some(table) = file(CURVES)? {
        curve::read(&String::from_utf8_lossy(&table), result, &mut kept.records);
    }
    Ok(kept)
}

fn log_name(stem: &str) -> String {
    format!("{stem}.hlog")
}
