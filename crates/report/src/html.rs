//! `report.html`: one file that needs nothing else, no network and no script. Light and dark, wide and narrow, on paper.
//!
//! Each figure in a table stands beside its path in result.json (`data-variant`, `data-path`, `data-value`), so that what is
//! shown can be held against it; the whole result is embedded as `#result`. Texts of scenarios are escaped.

mod environment;
mod tables;
mod verdict;

use rumormill_measure::{Metric, RunResult, units};
use serde_json::Value;

use crate::{
    Record, chart,
    chart::{Chart, escape},
    comparison::unusual_ip,
    epidemic,
    figures::{Written, key_figures, sections},
    ratio::ratios,
};

/// Of the page, in the light, in the dark and on paper.
pub(crate) const COLOURS: &str = include_str!("html/colours.css");
/// Of what charts consist of.
pub(crate) const CHARTS: &str = include_str!("html/charts.css");
const STYLE: &str = include_str!("html/style.css");

pub(crate) fn write(result: &RunResult, json: &Value, records: &[Record]) -> String {
    let variants = Written::all(result, json);
    let title = format!("{}: {}", result.scenario, result.tool);
    let body = [
        header(result),
        verdict::verdict(result),
        environment::environment(result),
        comparison(result, &variants),
        section("Bytes", "bytes", &bytes(result)),
        section("Convergence", "convergence", &convergence(result, records)),
        section("Detection", "detection", &detection(result, records)),
        section("Over time", "time", &over_time(result, records)),
        tables::faults(result),
        section_of("All figures", "figures", &tables::all(&sections(&variants), &variants)),
        footer(result),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{COLOURS}{CHARTS}{STYLE}</style>\n</head>\n<body>\n<main>\n{}</main>\n{}</body>\n</html>\n",
        escape(&title),
        body.concat(),
        embedded(json)
    )
}

fn header(result: &RunResult) -> String {
    let mut facts = Vec::new();
    if let Some(variant) = result.variants.first() {
        facts.push(format!("{} nodes", units::count(variant.nodes)));
        if variant.measured_seconds > 0.0 {
            facts.push(format!("measured {}", units::seconds(variant.measured_seconds)));
        }
    }
    facts.push(format!("world {}", result.world));
    facts.extend(unusual_ip(result).map(|ip| ip.to_string()));
    facts.push(format!("seed {}", result.seed));
    facts.push(result.tool.clone());
    let facts: String = facts.iter().map(|fact| format!("<li>{}</li>", escape(fact))).collect();
    format!("<header>\n<h1>{}</h1>\n<ul class=\"facts\">{facts}</ul>\n</header>\n", escape(&result.scenario))
}

fn comparison(result: &RunResult, variants: &[Written]) -> String {
    let mut inside = tables::key(&key_figures(variants), variants);
    for sentence in ratios(&result.variants).split('\n').filter(|line| !line.trim().is_empty()) {
        inside += &format!("<p class=\"ratio\">{}</p>\n", escape(sentence.trim()));
    }
    if variants.iter().any(|variant| !variant.valid) {
        inside += "<p class=\"note\">Figures marked ! are of a variant that is not valid: they say nothing about the protocol.</p>\n";
    }
    if result.variants.len() > chart::VARIANTS_MAX {
        let most = chart::VARIANTS_MAX;
        inside += &format!("<p class=\"note\">Charts show the first {most} variants; tables show all.</p>\n");
    }
    inside += &differences(result);
    let title = if variants.len() > 1 { "Comparison" } else { "Key figures" };
    section_of(title, "comparison", &inside)
}

fn differences(result: &RunResult) -> String {
    let text = crate::differences::differences(result);
    if text.is_empty() { text } else { format!("<pre class=\"scroll\">{}</pre>\n", escape_lines(&text)) }
}

fn bytes(result: &RunResult) -> Vec<Chart> {
    let variants = &result.variants;
    [chart::totals(variants), chart::by_cause(variants), chart::by_layer(variants)]
        .into_iter()
        .flatten()
        .collect()
}

fn convergence(result: &RunResult, records: &[Record]) -> Vec<Chart> {
    let variants = &result.variants;
    let percentiles = |metric, title, caption| chart::percentiles(metric, title, caption, variants, records);
    [
        chart::rounds(variants),
        chart::convergence(variants, records),
        percentiles(
            Metric::ConvergencePairs,
            "Until a write reaches a node, by percentile",
            "Pairs of a write and a node that applied it. Dots: p50, p90, p99 and p99.9 of the result.",
        ),
        percentiles(
            Metric::ConvergenceT100,
            "Until a write reaches all nodes, by percentile",
            "Writes that reached all. With few writes high percentiles are the longest of them.",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn detection(result: &RunResult, records: &[Record]) -> Vec<Chart> {
    let variants = &result.variants;
    let percentiles = |metric, title, caption| chart::percentiles(metric, title, caption, variants, records);
    [
        chart::detection(variants, records),
        percentiles(
            Metric::DetectionPairs,
            "Until a node declares a failed one dead, by percentile",
            "Pairs of a live node and a failure; those of one failure are not independent.",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn over_time(result: &RunResult, records: &[Record]) -> Vec<Chart> {
    let mut charts = chart::timelines(&result.variants, records);
    charts.extend(chart::causes_over_time(&result.variants, records));
    charts.extend(chart::percentiles(
        Metric::SchedulerLag,
        "How late nodes were woken, by percentile",
        "Scheduler lag in the measured phase: what this machine adds to each time measured.",
        &result.variants,
        records,
    ));
    charts
}

/// A section with charts; without any there is none.
fn section(title: &str, id: &str, charts: &[Chart]) -> String {
    if charts.is_empty() {
        return String::new();
    }
    let figures: String = charts.iter().map(figure).collect();
    section_of(title, id, &format!("<div class=\"charts\">\n{figures}</div>\n"))
}

fn section_of(title: &str, id: &str, inside: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{}</h2>\n{inside}</section>\n", escape(title))
}

fn figure(chart: &Chart) -> String {
    let Chart { kind, title, caption, legend, wide, narrow } = chart;
    let entries: String = legend
        .iter()
        .map(|(class, what)| format!("<li><span class=\"swatch {class}\"></span>{}</li>", escape(what)))
        .collect();
    let legend = if entries.is_empty() { entries } else { format!("<ul class=\"legend\">{entries}</ul>\n") };
    format!(
        "<figure data-chart=\"{kind}\">\n<figcaption><h3>{}</h3><p>{}</p></figcaption>\n{legend}<div \
         class=\"wide\">{wide}</div>\n<div class=\"narrow\">{narrow}</div>\n</figure>\n",
        escape(title),
        escape(caption)
    )
}

fn footer(result: &RunResult) -> String {
    let formulas = epidemic::formulas(result);
    let formulas = if formulas.is_empty() {
        formulas
    } else {
        format!("<pre class=\"scroll\">{}</pre>\n", escape_lines(&formulas))
    };
    format!(
        "<footer>\n{formulas}<p>Times are exact to 3 significant digits. Bytes are those sent, each counted once, at its \
         sender. How each figure is taken: docs/METHOD.md of rumormill. This page is remade from result.json and the files \
         beside it by <code>rumormill report DIR</code>.</p>\n</footer>\n"
    )
}

/// The result for scripts, in which nothing ends the element.
fn embedded(json: &Value) -> String {
    let json = json.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!("<script type=\"application/json\" id=\"result\">{json}</script>\n")
}

fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape(line) + "\n").collect()
}
