//! HdrHistogram's log format: what `HistogramLogProcessor`, `HistogramLogAnalyzer` and the plotters read.
//!
//! A log holds one interval for each [`Metric`] of a variant, tagged with its path, in HdrHistogram's V2 compressed
//! encoding. It is also where a run's distributions are kept: nothing is lost in it. Times are in microseconds. An interval
//! begins at 0 and is as long as the measured phase. A log takes some kilobytes, and 40 kB a metric at most.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::serialization::{
    Deserializer, V2DeflateSerializer,
    interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag},
};
use rumormill_measure::{Histogram, Histograms, Metric, Variant};

/// A longer line than any that is written is none of ours.
const ENCODED_MAX: usize = 1 << 20;

/// The log of a variant; nothing when nothing was recorded.
pub(crate) fn write(variant: &Variant, histograms: &Histograms) -> Option<Vec<u8>> {
    histograms.iter().next()?;
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut head = IntervalLogWriterBuilder::new();
    let name: String = variant.name.chars().filter(|c| !c.is_control()).collect();
    head.add_comment(&format!("[rumormill: variant {name}, times in microseconds]"));
    let mut writer = head.begin_log_with(&mut log, &mut serializer).expect("memory takes what is written");
    let lasted = Duration::from_secs_f64(variant.measured_seconds.max(0.0));
    for (metric, histogram) in histograms.iter() {
        let written =
            writer.write_histogram(histogram.counts(), Duration::ZERO, lasted, Tag::new(metric.path()));
        written.expect("memory takes what is written, and the counts of a run fit the encoding");
    }
    Some(log)
}

/// Reads a log back; what it says that is not one of our metrics is left out.
pub(crate) fn read(log: &[u8]) -> Result<Histograms, String> {
    let mut histograms = Histograms::default();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.map_err(|_| "a line is not of HdrHistogram's log format")?
        else {
            continue;
        };
        let tag = interval.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
        let Some(metric) = Metric::ALL.into_iter().find(|metric| metric.path() == tag) else { continue };
        let broken = || format!("the histogram {tag} cannot be decoded");
        let encoded = Some(interval.encoded_histogram()).filter(|text| text.len() <= ENCODED_MAX);
        let bytes = STANDARD.decode(encoded.ok_or_else(broken)?).map_err(|_| broken())?;
        let counts = deserializer.deserialize(&mut bytes.as_slice()).map_err(|_| broken())?;
        histograms.keep(metric, Histogram::from_counts(counts).ok_or_else(broken)?);
    }
    Ok(histograms)
}
