use rumormill_measure::{Variant, units};

use crate::text::width;

/// A full bar, in columns.
const FULL: usize = 50;

/// What each variant sends, as bars of one scale; a variant that is not valid says so at its bar.
pub(crate) fn bars(variants: &[Variant]) -> String {
    let mean = |variant: &Variant| variant.bandwidth.wire_bytes_per_node_per_second.mean;
    let largest = variants.iter().map(mean).fold(0.0, f64::max);
    if variants.len() < 2 || largest <= 0.0 {
        return String::new();
    }
    let name_width = variants.iter().map(|variant| width(&variant.name)).max().unwrap_or(0);
    let mut lines = "Wire bytes per node and second\n".to_owned();
    for variant in variants {
        let mut line = format!(
            "  {:<name_width$}  {} {}",
            variant.name,
            bar(mean(variant) / largest),
            units::bytes_per_second(mean(variant))
        );
        if !variant.verdict.status.is_valid() {
            line += &format!(", not valid: {}", variant.verdict.status);
        }
        lines += &(line + "\n");
    }
    lines
}

/// A bar for a share of the largest, in eighths of a column; whatever is not nothing shows.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * (FULL * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { eighths };
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(1.0), "█".repeat(FULL));
        assert_eq!(bar(0.5), "█".repeat(FULL / 2));
        assert_eq!(bar(0.51), "█".repeat(25) + "▌");
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1e-9), "▏");
    }
}
