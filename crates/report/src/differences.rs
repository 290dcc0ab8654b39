use rumormill_measure::{Difference, FEW_FAILURES, RunResult, units};

use crate::{rows::MARK, table::Table, text::paragraph};

/// How far the figures of each variant are from those of the last, and whether that is within what is promised.
pub(crate) fn differences(result: &RunResult) -> String {
    let Some(first) = result.differences.first() else { return String::new() };
    let mut columns = vec!["allowed".to_owned()];
    let names =
        || result.variants.iter().map(|variant| &variant.name).filter(|name| **name != first.reference);
    columns.extend(names().cloned());
    let mut table = Table::new(columns);
    for figure in figures(&result.differences) {
        let of =
            |name: &str| result.differences.iter().find(|one| one.figure == figure && one.variant == name);
        let allowed = names().find_map(|name| of(name)?.allowed_share());
        let mut cells =
            vec![allowed.map_or_else(String::new, |share| format!("± {}", units::percent(share)))];
        cells.extend(names().map(|name| of(name).map_or_else(|| "–".to_owned(), |one| cell(result, one))));
        table.row(format!("  {}", label(figure)), cells);
    }
    format!("Differences from {}, relative to it\n", first.reference) + &table.render() + &explained(result)
}

/// Each figure once, in the order in which they are listed.
fn figures(differences: &[Difference]) -> Vec<&str> {
    let mut figures = Vec::new();
    for difference in differences {
        if !figures.contains(&difference.figure.as_str()) {
            figures.push(difference.figure.as_str());
        }
    }
    figures
}

fn cell(result: &RunResult, difference: &Difference) -> String {
    let distance = difference.share().map_or_else(
        || format!("{} for 0", units::significant(difference.value)),
        |share| format!("{}{}", if share > 0.0 { "+" } else { "" }, units::percent(share)),
    );
    let judged = match (difference.within, difference.allowed) {
        (Some(true), _) => " within",
        (Some(false), _) => " OUTSIDE",
        (None, Some(_)) => " (few)",
        (None, None) => "",
    };
    let valid = result
        .variants
        .iter()
        .filter(|variant| variant.name == difference.variant || variant.name == difference.reference)
        .all(|variant| variant.verdict.status.is_valid());
    distance + judged + if valid { "" } else { MARK }
}

/// What the table calls a figure.
pub(crate) fn label(figure: &str) -> String {
    let path: Vec<_> = figure.split('.').collect();
    match path.as_slice() {
        ["bandwidth", "wire_bytes_per_node_per_second", _] => "wire bytes".to_owned(),
        ["bandwidth", "packets_per_node_per_second"] => "packets".to_owned(),
        ["bandwidth", "by_cause_bytes_per_node_per_second", cause] => format!("  {cause}"),
        ["detection", "pairs_us", _] => "declared dead, pairs, p50".to_owned(),
        ["detection", "first_suspect_us", _] => "first suspicion, p50".to_owned(),
        ["detection", "first_dead_us", _] => "first declared dead, p50".to_owned(),
        ["detection", "all_dead_us", _] => "declared dead by all, p50".to_owned(),
        ["convergence", "pairs_us", _] => "writes, pairs, p50".to_owned(),
        ["convergence", times, "p50"] => format!("writes, {}, p50", times.trim_end_matches("_us")),
        [.., last] => last.replace('_', " "),
        [] => String::new(),
    }
}

fn explained(result: &RunResult) -> String {
    let has_few = result.differences.iter().any(|one| one.allowed.is_some() && one.within.is_none());
    let few = format!("a median of fewer than {FEW_FAILURES} failures or writes is not judged");
    if has_few { paragraph("  (few)  ", &few) } else { String::new() }
}
