use rumormill_measure::{RunResult, Status};

use crate::{chart::escape, notes::said_once};

/// Whether the figures can be trusted, on top of everything: each reason and warning with what it means and what to do.
pub(super) fn verdict(result: &RunResult) -> String {
    let verdict = &result.verdict;
    let (class, word, meaning) = match verdict.status {
        Status::Valid => ("valid", "Valid", "The figures say what the protocol does."),
        Status::Saturated => (
            "saturated",
            "Not valid: saturated",
            "The machine was overloaded: the figures say what it can do, and not what the protocol does.",
        ),
        Status::Invalid => (
            "invalid",
            "Not valid: invalid",
            "Something that the figures rest on is missing: they say nothing about the protocol.",
        ),
    };
    let reasons = sentences("Reasons", "reason", &said_once(&verdict.reasons, &result.variants));
    let warnings = sentences("Warnings", "warning", &said_once(&verdict.warnings, &result.variants));
    format!(
        "<section id=\"verdict\" class=\"{class}\" data-status=\"{}\">\n<h2>{word}</h2>\n<p>{meaning}</p>\n{reasons}{warnings}</section>\n",
        verdict.status
    )
}

fn sentences(title: &str, class: &str, all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let items: String = all.iter().map(|text| item(text)).collect();
    format!("<h3>{title}</h3>\n<ul class=\"{class}\">\n{items}</ul>\n")
}

/// What is said ends with the sentence that says what to do.
fn item(text: &str) -> String {
    match text.trim_end().trim_end_matches('.').rsplit_once(". ") {
        Some((meaning, advice)) => {
            format!("<li>{}. <strong>{}.</strong></li>\n", escape(meaning), escape(advice))
        }
        None => format!("<li>{}</li>\n", escape(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_stands_out() {
        assert_eq!(
            item("delta: Nodes were woken 1.50 ms late. Run fewer nodes."),
            "<li>delta: Nodes were woken 1.50 ms late. <strong>Run fewer nodes.</strong></li>\n"
        );
        assert_eq!(item("<b>"), "<li>&lt;b&gt;</li>\n");
    }
}
