use rumormill_measure::{Diff, Finding, Method, Row, statistics::Interval, units};

use crate::{differences::label, table::Table, text::paragraph};

/// How two results differ, as a table for the terminal: what became worse first, then all figures.
pub fn diff(diff: &Diff) -> String {
    let mut text = paragraph("", &method(diff));
    if !diff.is_same() {
        let mut places: Vec<(&str, &str)> = Vec::new();
        for row in &diff.rows {
            if !places.contains(&(&row.cell, &row.variant)) {
                places.push((&row.cell, &row.variant));
            }
        }
        for place in places {
            let rows = diff.rows.iter().filter(|row| (row.cell.as_str(), row.variant.as_str()) == place);
            text += &(String::from("\n") + &figures(place, rows));
        }
        text += &notes(diff);
    }
    text + "\n" + &verdict(diff)
}

fn method(diff: &Diff) -> String {
    let [old, new] = diff.repetitions;
    let effect = units::percent(diff.min_effect);
    match diff.method {
        Method::Exact if diff.min_effect > 0.0 => {
            format!(
                "The same messages had the same effects on both sides: figures are compared exactly, changes from {effect} on count."
            )
        }
        Method::Exact => {
            "The same messages had the same effects on both sides: figures are compared exactly.".to_owned()
        }
        Method::Statistical => format!(
            "{old} and {new} runs with other chance: a change counts if it is at least {effect} of the old figure, and \
             if chance would show any such one in fewer than {} of comparisons.",
            units::percent(diff.family_level)
        ),
    }
}

fn figures<'a>((cell, variant): (&str, &str), rows: impl Iterator<Item = &'a Row>) -> String {
    let columns = ["old", "new", "change", "95 % interval", "noise ±", "finding"].map(str::to_owned);
    let mut table = Table::new(columns.to_vec());
    for row in rows.filter(|row| row.old != 0.0 || row.new != 0.0) {
        let share = |share: f64| format!("{}{}", if share > 0.0 { "+" } else { "" }, units::percent(share));
        let interval = |Interval { low, high }| format!("{} to {}", share(low), share(high));
        table.row(
            format!("  {}", name(&row.figure)),
            vec![
                figure(row, row.old),
                figure(row, row.new),
                row.change.map_or_else(|| "from 0".to_owned(), share),
                row.interval.map_or_else(String::new, interval),
                row.noise.map_or_else(String::new, units::percent),
                finding(row.finding).to_owned(),
            ],
        );
    }
    let cell = if cell.is_empty() { String::new() } else { format!("{cell}, ") };
    format!("{cell}{variant}\n") + &table.render()
}

/// What the table calls a figure.
fn name(figure: &str) -> String {
    match figure.strip_suffix(".p99") {
        Some(times) => label(&format!("{times}.p50")).replace("p50", "p99"),
        None => label(figure),
    }
}

fn figure(row: &Row, value: f64) -> String {
    match row.figure.as_str() {
        path if path.contains("_us.") => units::duration_us(value.round() as u64),
        path if path.contains("bytes") => units::bytes(value),
        "cpu_seconds" => units::seconds(value),
        _ => units::significant(value),
    }
}

const fn finding(finding: Finding) -> &'static str {
    match finding {
        Finding::Same => "same",
        Finding::Worse => "WORSE",
        Finding::Better => "better",
        Finding::Chance => "chance",
        Finding::Small => "small",
        Finding::NotJudged => "not judged",
    }
}

fn notes(diff: &Diff) -> String {
    let mut notes = Vec::new();
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in diff.rows.iter().filter(|row| row.old != 0.0 || row.new != 0.0) {
        let Some(reason) = row.reason.as_deref() else { continue };
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, figures)) if !figures.contains(&row.figure.as_str()) => figures.push(&row.figure),
            Some(_) => {}
            None => reasons.push((reason, vec![&row.figure])),
        }
    }
    for (reason, figures) in reasons {
        notes.push(format!("Not judged: {}, which {reason}.", figures.join(", ")));
    }
    if diff.rows.iter().any(|row| row.old != row.old_measured || row.new != row.new_measured) {
        notes.push("Bytes of writes are given for as many writes as runs had on average.".to_owned());
    }
    if diff.method == Method::Statistical {
        notes.push(
            "noise: by how much two runs of one program differ in 95 of 100 comparisons, at most.".to_owned(),
        );
    }
    let lines: String = notes.iter().map(|note| paragraph("- ", note)).collect();
    if lines.is_empty() { lines } else { String::from("\n") + &lines }
}

/// Which kind of cost a figure belongs to.
fn kind(figure: &str) -> &str {
    match figure.split_once('.') {
        Some((kind, _)) => kind,
        None if figure == "cpu_seconds" => "cpu",
        None => "memory",
    }
}

fn verdict(diff: &Diff) -> String {
    if diff.is_same() {
        return "The same: no figure differs.\n".to_owned();
    }
    let worse: Vec<String> = diff
        .regressions()
        .map(|row| {
            let cell = if row.cell.is_empty() { String::new() } else { format!("{}, ", row.cell) };
            let change = row.change.map_or_else(
                || format!("from 0 to {}", figure(row, row.new)),
                |share| format!("by {}", units::percent(share)),
            );
            let (kind, name) = (kind(&row.figure), name(&row.figure));
            format!("{kind}: {cell}{}: {} {change}", row.variant, name.trim_start())
        })
        .collect();
    if worse.is_empty() {
        return "No regression.\n".to_owned();
    }
    String::from("REGRESSION\n") + &worse.iter().map(|line| paragraph("  ", line)).collect::<String>()
}
