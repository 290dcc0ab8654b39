use rumormill_measure::{RunResult, Variant, units};

use crate::{
    chart::escape,
    figures::{Figure, Section, Written},
};

/// More faults than this are summed up.
const FAULTS_MAX: usize = 40;

/// Figures in rows, a column a variant. Each cell says where in result.json it is from.
pub(super) fn key(figures: &[Figure], variants: &[Written]) -> String {
    table("key", variants, &format!("<tbody>\n{}</tbody>\n", rows(figures, variants)))
}

/// The same under headings.
pub(super) fn all(sections: &[Section], variants: &[Written]) -> String {
    let bodies: String = sections
        .iter()
        .map(|section| {
            format!(
                "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"{}\">{}</th></tr>\n{}</tbody>\n",
                variants.len() + 1,
                escape(section.title),
                rows(&section.figures, variants)
            )
        })
        .collect();
    table("all", variants, &bodies)
}

fn table(class: &str, variants: &[Written], bodies: &str) -> String {
    let names: String =
        variants.iter().map(|variant| format!("<th scope=\"col\">{}</th>", escape(&variant.name))).collect();
    format!(
        "<div class=\"scroll\"><table class=\"{class}\">\n<thead><tr><td></td>{names}</tr></thead>\n{bodies}</table></div>\n"
    )
}

fn rows(figures: &[Figure], variants: &[Written]) -> String {
    figures.iter().map(|figure| row(figure, variants)).collect()
}

fn row(figure: &Figure, variants: &[Written]) -> String {
    let cells: String = (0..).zip(variants).map(|(place, variant)| cell(figure, place, variant)).collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&figure.label))
}

fn cell(figure: &Figure, place: usize, variant: &Written) -> String {
    let Some(value) = variant.at(&figure.path) else { return "<td>–</td>".to_owned() };
    let (path, unit, text) = (escape(&figure.path), figure.unit.name(), escape(&figure.unit.show(value)));
    let mark = if variant.valid { "" } else { "<span class=\"mark\"> !</span>" };
    format!(
        "<td data-variant=\"{place}\" data-path=\"{path}\" data-unit=\"{unit}\" data-value=\"{value}\">{text}{mark}</td>"
    )
}

/// The faults, by the numbers that charts mark them with, and how long their traces lasted in each variant.
pub(super) fn faults(result: &RunResult) -> String {
    let Some(first) = result.variants.iter().find(|variant| !variant.faults.is_empty()) else {
        return String::new();
    };
    let heals = first.faults.iter().any(|fault| fault.until_us.is_some());
    let mut head =
        "<th scope=\"col\">#</th><th scope=\"col\" class=\"text\">fault</th><th scope=\"col\">nodes</th>\
                    <th scope=\"col\">at</th>"
            .to_owned();
    if heals {
        head += "<th scope=\"col\">until</th>";
        for variant in &result.variants {
            head += &format!("<th scope=\"col\">healed after, {}</th>", escape(&variant.name));
        }
    }
    let rows: String = (0..first.faults.len().min(FAULTS_MAX))
        .map(|place| fault(place, first, if heals { &result.variants } else { &[] }))
        .collect();
    let more = match first.faults.len().checked_sub(FAULTS_MAX) {
        Some(more) if more > 0 => format!("<p class=\"note\">And {} more.</p>\n", units::count(more as u64)),
        _ => String::new(),
    };
    format!(
        "<section id=\"faults\">\n<h2>Faults</h2>\n<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n\
         {rows}</tbody>\n</table></div>\n{more}</section>\n"
    )
}

fn fault(place: usize, first: &Variant, variants: &[Variant]) -> String {
    let fault = &first.faults[place];
    let mut row = format!(
        "<tr><td>{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td>",
        place + 1,
        escape(&fault.kind),
        units::count(fault.nodes),
        units::duration_us(fault.at_us)
    );
    let dash = || "–".to_owned();
    if !variants.is_empty() {
        row += &format!("<td>{}</td>", fault.until_us.map_or_else(dash, units::duration_us));
        for variant in variants {
            let healed = variant.faults.get(place).and_then(|fault| fault.healed_us);
            row += &format!("<td>{}</td>", healed.map_or_else(dash, units::duration_us));
        }
    }
    row + "</tr>\n"
}
