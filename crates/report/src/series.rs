//! `series.csv`: how each variant went, a line a sample; at most [`SAMPLES_MAX`](rumormill_measure::SAMPLES_MAX) lines a
//! variant.
//!
//! Times are in seconds: `time_s` since the beginning of the measured phase, before which it is negative, `run_s` since the
//! run began, both on the cluster's clock, `wall_s` on the wall clock. Bytes are those of the whole cluster since the line
//! before, by the second. `faults` says which were under way at the line's time: their places in `faults` of result.json,
//! from 1, and their kinds.

use std::collections::BTreeSet;

use rumormill_measure::{FaultReport, RunResult, Span};

use crate::{
    Record,
    csv::{field, number, rows},
};

const HEAD: [&str; 9] =
    ["variant", "time_s", "run_s", "wall_s", "phase", "live_nodes", "known_pairs", "links", "lag_p99_us"];
const FAULTS: &str = "faults";
const WIRE: &str = "wire_bytes_per_s";
/// Where more faults are under way at once, their number is said instead.
const FAULTS_NAMED_MAX: usize = 8;
/// In front of a cause.
const OF_CAUSE: &str = "bytes_per_s:";

pub(crate) fn write(result: &RunResult, records: &[Record]) -> Option<String> {
    let causes: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| &record.spans)
        .flat_map(|span| span.by_cause_bytes_per_second.iter().map(|(cause, _)| cause.as_str()))
        .collect();
    records.iter().any(|record| !record.spans.is_empty()).then_some(())?;
    let head = HEAD.map(str::to_owned).into_iter().chain([FAULTS.to_owned(), WIRE.to_owned()]);
    let head: Vec<_> = head.chain(causes.iter().map(|cause| field(&format!("{OF_CAUSE}{cause}")))).collect();
    let mut table = head.join(",") + "\n";
    for (variant, record) in result.variants.iter().zip(records) {
        for span in &record.spans {
            let time = span.time_seconds;
            let mut fields = vec![
                field(&variant.name),
                number(time),
                number(span.run_seconds),
                number(span.wall_seconds),
                field(&span.phase),
                span.nodes_up.to_string(),
                span.known_pairs.to_string(),
                span.links_up.to_string(),
                span.lag_p99_us.to_string(),
                field(&under_way(&variant.faults, time)),
                number(span.wire_bytes_per_second),
            ];
            for cause in &causes {
                let of = |(name, rate): &(String, f64)| (name == cause).then_some(*rate);
                let rate = span.by_cause_bytes_per_second.iter().find_map(of);
                fields.push(number(rate.unwrap_or(0.0)));
            }
            table += &(fields.join(",") + "\n");
        }
    }
    Some(table)
}

/// The faults that were under way, by their places and kinds.
fn under_way(faults: &[FaultReport], time_seconds: f64) -> String {
    let time_us = time_seconds * 1e6;
    let is_under_way = |fault: &FaultReport| {
        time_us >= fault.at_us as f64 && fault.until_us.is_none_or(|until| time_us < until as f64)
    };
    let named = (1..).zip(faults).filter(|(_, fault)| is_under_way(fault));
    let named: Vec<_> = named.map(|(place, fault)| format!("{place} {}", fault.kind)).collect();
    if named.len() > FAULTS_NAMED_MAX { format!("{} faults", named.len()) } else { named.join(", ") }
}

/// Reads back what was written, by the variants' names; what is of no variant is left out.
pub(crate) fn read(text: &str, result: &RunResult, records: &mut [Record]) -> Result<(), String> {
    let rows = rows(text);
    let Some((head, rows)) = rows.split_first() else { return Ok(()) };
    let place = |name: &str| {
        head.iter().position(|other| other == name).ok_or_else(|| format!("it has no column {name}"))
    };
    let places: Result<Vec<_>, _> = HEAD.iter().chain([&WIRE]).map(|name| place(name)).collect();
    let [variant, time, run, wall, phase, live, known, links, lag, wire] = places?[..] else { return Ok(()) };
    let causes: Vec<_> =
        (0..).zip(head).filter_map(|(at, name)| Some((at, name.strip_prefix(OF_CAUSE)?))).collect();
    for row in rows {
        let names = result.variants.iter().map(|variant| field(&variant.name));
        let Some(record) = names.zip(&mut *records).find_map(|(name, record)| {
            (name == row[variant] || name == field(&row[variant])).then_some(record)
        }) else {
            continue;
        };
        let real = |at: usize| {
            let value = row[at].parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| format!("{:.20} is not a number", row[at]))
        };
        let whole = |at: usize| row[at].parse().map_err(|_| format!("{:.20} is not a whole number", row[at]));
        let mut by_cause = Vec::new();
        for &(at, cause) in &causes {
            let rate = real(at)?;
            if rate != 0.0 {
                by_cause.push((cause.to_owned(), rate));
            }
        }
        record.spans.push(Span {
            time_seconds: real(time)?,
            run_seconds: real(run)?,
            wall_seconds: real(wall)?,
            phase: row[phase].clone(),
            wire_bytes_per_second: real(wire)?,
            by_cause_bytes_per_second: by_cause,
            nodes_up: whole(live)?,
            links_up: whole(links)?,
            known_pairs: whole(known)?,
            lag_p99_us: whole(lag)?,
        });
    }
    Ok(())
}
