//! `result.md`: a result as a Markdown table, for a comment on a pull request.

use rumormill_measure::{RunResult, units};
use serde_json::Value;

use crate::{
    figures::{Figure, Written, key_figures, sections},
    notes::said_once,
    ratio::ratios,
};

pub(crate) fn write(result: &RunResult, json: &Value) -> String {
    let variants = Written::all(result, json);
    let mut text = format!("### {}: {}\n\n", escape(&result.tool), escape(&result.scenario));
    let nodes = result.variants.first().map(|variant| units::count(variant.nodes)).unwrap_or_default();
    text += &format!("{nodes} nodes, world {}, seed {}. ", result.world, result.seed);
    let status = result.verdict.status;
    text += &if status.is_valid() {
        "Verdict: **valid**.\n\n".to_owned()
    } else {
        format!("Verdict: **not valid: {status}**. Figures marked ! say nothing about the protocol.\n\n")
    };
    let said =
        [&result.verdict.reasons, &result.verdict.warnings].map(|all| said_once(all, &result.variants));
    for sentence in said.iter().flatten() {
        text += &format!("- {}\n", escape(sentence));
    }
    if said.iter().any(|all| !all.is_empty()) {
        text.push('\n');
    }
    text += &table("", &key_figures(&variants), &variants);
    for line in ratios(&result.variants).lines() {
        text += &format!("\n{}", escape(line));
    }
    text += "\n<details><summary>All figures</summary>\n";
    for section in sections(&variants) {
        text += &format!("\n{}", table(section.title, &section.figures, &variants));
    }
    let environment = &result.environment;
    text + &format!(
        "\n{}, {} cores, {} {}, commit {}\n\n</details>\n",
        escape(&environment.cpu_model),
        environment.cores,
        escape(&environment.os),
        escape(&environment.kernel),
        escape(&environment.commit)
    )
}

fn table(title: &str, figures: &[Figure], variants: &[Written]) -> String {
    let line = |first: &str, cells: Vec<String>| format!("| {first} | {} |\n", cells.join(" | "));
    let mut table = line(title, variants.iter().map(|variant| escape(&variant.name)).collect());
    table += &line("---", vec!["---:".to_owned(); variants.len()]);
    for figure in figures {
        let cell = |variant: &Written| {
            let mark = if variant.valid { "" } else { " !" };
            variant.at(&figure.path).map_or_else(|| "–".to_owned(), |value| figure.unit.show(value) + mark)
        };
        table += &line(&escape(&figure.label), variants.iter().map(cell).collect());
    }
    table
}

/// A text that Markdown takes for nothing but text, in one line, and that calls nobody by name.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' | '~' => escaped.extend(['\\', c]),
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '@' => escaped += "&#64;",
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
