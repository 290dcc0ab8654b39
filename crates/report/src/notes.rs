use rumormill_measure::{RunResult, Variant, units};

use crate::text::paragraph;

/// The verdict and every reason and warning, as sentences.
pub(crate) fn notes(result: &RunResult) -> String {
    let verdict = &result.verdict;
    let mut notes = match verdict.status {
        status if status.is_valid() => "Verdict: valid\n".to_owned(),
        status => format!("Verdict: not valid: {status}. Figures marked ! say nothing about the protocol.\n"),
    };
    for sentence in gathered(&verdict.reasons, result) {
        notes += &paragraph("  reason   ", &sentence);
    }
    for sentence in gathered(&verdict.warnings, result) {
        notes += &paragraph("  warning  ", &sentence);
    }
    for Variant { name, bandwidth, .. } in &result.variants {
        if let Some(kernel) = bandwidth.kernel_wire_bytes {
            let (kernel, reported) = (units::count(kernel), units::count(bandwidth.reported_wire_bytes));
            let check =
                format!("{name}: the kernel counted {kernel} B on the wire, this result {reported} B.");
            notes += &paragraph("  check    ", &check);
        }
    }
    notes
}

/// What is said of several variants in the same words is said once. The run's verdict names each variant in
/// front of what it says of it.
fn gathered(sentences: &[String], result: &RunResult) -> Vec<String> {
    let mut gathered = Vec::<(Vec<&str>, &str)>::new();
    for sentence in sentences {
        let (name, text) = sentence
            .split_once(": ")
            .filter(|(name, _)| result.variants.iter().any(|variant| variant.name == *name))
            .map_or((None, sentence.as_str()), |(name, text)| (Some(name), text));
        match gathered.iter_mut().find(|(_, known)| *known == text) {
            Some((names, _)) => names.extend(name),
            None => gathered.push((Vec::from_iter(name), text)),
        }
    }
    let named = |(names, text): (Vec<&str>, &str)| {
        if names.is_empty() { text.to_owned() } else { format!("{}: {text}", names.join(", ")) }
    };
    gathered.into_iter().map(named).collect()
}
