//! Whether two results may be compared at all.

use std::collections::BTreeSet;

use super::Cell;
use crate::{RunResult, Status, Variant};

/// Why figures of one side are not to be compared: a line for each result that is not valid.
pub(super) fn invalid(side: &str, cells: &[Cell]) -> Vec<String> {
    let mut lines = Vec::new();
    for cell in cells {
        for (at, run) in cell.runs.iter().enumerate().filter(|(_, run)| run.verdict.status != Status::Valid) {
            let place = place(cell, at);
            let why = run.verdict.reasons.first().map_or("", String::as_str);
            lines.push(format!("{side}{place} is {}: {why}", run.verdict.status));
        }
    }
    lines
}

/// What makes two sides incomparable, a line each.
pub(super) fn incomparable(old: &[Cell], new: &[Cell]) -> Vec<String> {
    let names = |cells: &[Cell]| cells.iter().map(|cell| cell.name.clone()).collect::<BTreeSet<_>>();
    let (olds, news) = (names(old), names(new));
    let mut lines: Vec<String> =
        olds.difference(&news).map(|name| format!("the cell {} is in OLD alone", shown(name))).collect();
    lines.extend(news.difference(&olds).map(|name| format!("the cell {} is in NEW alone", shown(name))));
    for cell in old {
        let Some(other) = new.iter().find(|other| other.name == cell.name) else { continue };
        if let (Some(one), Some(two)) = (cell.runs.first(), other.runs.first()) {
            lines.extend(unlike(one, two).into_iter().map(|line| match cell.name.as_str() {
                "" => line,
                name => format!("{name}: {line}"),
            }));
        }
    }
    lines
}

fn shown(name: &str) -> String {
    if name.is_empty() { "without a matrix".to_owned() } else { name.to_owned() }
}

fn place(cell: &Cell, at: usize) -> String {
    let name = if cell.name.is_empty() { String::new() } else { format!(" {}", cell.name) };
    if cell.runs.len() > 1 { format!("{name} repetition {}", at + 1) } else { name }
}

fn unlike(old: &RunResult, new: &RunResult) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differ = |what: &str, old: String, new: String| {
        if old != new {
            lines.push(format!("{what} is {old} in OLD and {new} in NEW"));
        }
    };
    differ("schema_version", old.schema_version.to_string(), new.schema_version.to_string());
    differ("method_version", old.method_version.to_string(), new.method_version.to_string());
    differ("the world", old.world.to_string(), new.world.to_string());
    for variant in &old.variants {
        let Some(other) = new.variants.iter().find(|other| other.name == variant.name) else { continue };
        let mut of = |what: &str, figure: &dyn Fn(&Variant) -> String| {
            differ(&format!("{what} of \"{}\"", variant.name), figure(variant), figure(other));
        };
        of("the number of nodes", &|v| v.nodes.to_string());
        of("the protocol", &|v| v.protocol.clone());
        of("the world", &|v| v.world.map_or_else(String::new, |world| world.to_string()));
        of("the fidelity", &|v| v.fidelity.clone().unwrap_or_default());
        of("the version of IP", &|v| u8::from(v.ip).to_string());
        of("the measured phase", &|v| format!("{:.0} s", v.measured_seconds));
        of("the reduction of full state", &|v| {
            v.bandwidth
                .reduction
                .map_or_else(|| "none".to_owned(), |r| format!("to {} µs", r.used_interval_us))
        });
    }
    let only = |here: &RunResult, there: &RunResult, side: &str| {
        let missing = |variant: &&Variant| there.variants.iter().all(|other| other.name != variant.name);
        let names = here.variants.iter().filter(missing);
        names
            .map(|variant| format!("the variant \"{}\" is in {side} alone", variant.name))
            .collect::<Vec<_>>()
    };
    lines.extend(only(old, new, "OLD"));
    lines.extend(only(new, old, "NEW"));
    lines
}
