use rumormill_measure::{Membership, RunResult, Variant, units};

use crate::text::paragraph;

/// The verdict and every reason and warning, as sentences; what nodes wrongly believed at the end; and how the bytes
/// agree with the kernel's.
pub(crate) fn notes(result: &RunResult) -> String {
    let verdict = &result.verdict;
    let mut notes = match verdict.status {
        status if status.is_valid() => "Verdict: valid\n".to_owned(),
        status => format!("Verdict: not valid: {status}. Figures marked ! say nothing about the protocol.\n"),
    };
    let of_run = |sentences| said_once(sentences, &result.variants);
    let of_each = |say: fn(&Variant) -> Option<String>| {
        let variants = result.variants.iter();
        gathered(variants.filter_map(move |variant| Some((Some(variant.name.as_str()), say(variant)?))))
    };
    for (label, sentences) in [
        ("  reason   ", of_run(&verdict.reasons)),
        ("  warning  ", of_run(&verdict.warnings)),
        ("  members  ", of_each(|variant| wrong_beliefs(&variant.membership))),
        ("  check    ", of_each(kernel)),
        ("  agents   ", of_each(agents)),
    ] {
        for sentence in sentences {
            notes += &paragraph(label, &sentence);
        }
    }
    notes
}

/// What live nodes wrongly held of members at the end; nothing when all was right.
fn wrong_beliefs(membership: &Membership) -> Option<String> {
    let kinds = [
        (membership.phantom_pairs, "hold a member that is gone for alive (phantoms)"),
        (membership.wrongly_gone_pairs, "take a live member for dead or gone"),
        (membership.suspect_pairs, "suspect a live member"),
        (membership.unknown_pairs, "do not know a live member"),
        (membership.old_life_pairs, "know a live member by an earlier life"),
    ];
    let wrong: Vec<_> = kinds
        .into_iter()
        .filter(|&(pairs, _)| pairs > 0)
        .map(|(pairs, what)| format!("{} {what}", units::count(pairs)))
        .collect();
    let asked = units::count(membership.observers * membership.members);
    (!wrong.is_empty()).then(|| {
        format!(
            "At the end, of {asked} pairs of a live node and a member it was asked about, {}.",
            wrong.join(", ")
        )
    })
}

/// The kernel's count beside ours, or why there is none.
fn kernel(variant: &Variant) -> Option<String> {
    let bandwidth = &variant.bandwidth;
    let Some(kernel) = bandwidth.kernel_wire_bytes else {
        let reason = bandwidth.kernel_wire_bytes_reason.as_ref()?;
        return Some(format!("The kernel's count of bytes is not known: {reason}."));
    };
    let ours = bandwidth.handed_over_wire_bytes;
    if (kernel, ours) == (0, 0) {
        return None;
    }
    let ratio =
        if ours > 0 { format!(", {:.4} times as many", kernel as f64 / ours as f64) } else { String::new() };
    let (kernel, ours) = (units::count(kernel), units::count(ours));
    Some(format!("Nodes handed {ours} B to the kernel, which counted {kernel} B{ratio}."))
}

/// What a run's verdict says, once each, with all the variants that it says it of.
pub(crate) fn said_once(sentences: &[String], variants: &[Variant]) -> Vec<String> {
    gathered(sentences.iter().map(|text| split_name(text, variants)))
}

/// Who carried the nodes, and how far times between them can be trusted; nothing where it was one process.
fn agents(variant: &Variant) -> Option<String> {
    let fleet = variant.fleet.as_ref()?;
    let mut text = format!(
        "{} processes carried the nodes; times between them are right to {}",
        fleet.agents.len(),
        units::duration_us(fleet.time_uncertainty_us)
    );
    let lost: Vec<_> =
        fleet.agents.iter().filter(|agent| agent.lost).map(|agent| agent.address.as_str()).collect();
    if !lost.is_empty() {
        text += &format!(". Lost before the end, with their nodes: those at {}", lost.join(", "));
    }
    if fleet.negative_latencies > 0 {
        let negative = units::count(fleet.negative_latencies);
        text += &format!(". By the clocks {negative} pairs had a write before it was due; they count as 0");
    }
    Some(text + ".")
}

/// The run's verdict names each variant in front of what it says of it.
fn split_name<'a>(sentence: &'a str, variants: &[Variant]) -> (Option<&'a str>, String) {
    let (name, text) = sentence
        .split_once(": ")
        .filter(|(name, _)| variants.iter().any(|variant| variant.name == *name))
        .map_or((None, sentence), |(name, text)| (Some(name), text));
    (name, text.to_owned())
}

/// What is said of several variants in the same words is said once.
fn gathered<'a>(sentences: impl Iterator<Item = (Option<&'a str>, String)>) -> Vec<String> {
    let mut gathered = Vec::<(Vec<&str>, String)>::new();
    for (name, text) in sentences {
        match gathered.iter_mut().find(|(_, known)| *known == text) {
            Some((names, _)) => names.extend(name),
            None => gathered.push((Vec::from_iter(name), text)),
        }
    }
    let named = |(names, text): (Vec<&str>, String)| {
        if names.is_empty() { text } else { format!("{}: {text}", names.join(", ")) }
    };
    gathered.into_iter().map(named).collect()
}
