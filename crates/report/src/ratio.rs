use rumormill_measure::{Variant, units};

use crate::text::paragraph;

/// How often the bytes of every other variant full state costs, if the first variant is that: a sentence each.
pub(crate) fn ratios(variants: &[Variant]) -> String {
    let Some((full, others)) = variants.split_first().filter(|(first, _)| first.name == "full") else {
        return String::new();
    };
    others.iter().filter_map(|other| ratio(full, other)).collect()
}

fn ratio(full: &Variant, other: &Variant) -> Option<String> {
    let mean = |variant: &Variant| variant.bandwidth.wire_bytes_per_node_per_second.mean;
    if mean(other) <= 0.0 {
        return None;
    }
    let times = units::significant(mean(full) / mean(other));
    let doubts: Vec<_> = [full, other]
        .iter()
        .filter(|variant| !variant.verdict.status.is_valid())
        .map(|variant| format!("{} is not valid: {}", variant.name, variant.verdict.status))
        .collect();
    let pushed = full.bandwidth.reduction.map_or_else(String::new, |reduction| {
        let [used, asked] = [reduction.used_interval_us, reduction.asked_interval_us].map(units::duration_us);
        format!(", pushed every {used} and not every {asked} as asked")
    });
    let doubt = if doubts.is_empty() {
        String::new()
    } else {
        format!(" (do not rely on it: {})", doubts.join(", "))
    };
    Some(paragraph("", &format!("full state costs {times} × the bytes of {}{pushed}{doubt}", other.name)))
}
