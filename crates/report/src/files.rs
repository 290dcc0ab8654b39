//! What the files of a run are called, on any system.

use rumormill_measure::RunResult;

/// The longest part of a variant's name that goes into a file's.
const STEM_MAX: usize = 64;

/// Names that Windows keeps for devices, with any ending.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// How the files of each variant begin, in the order of the result: letters, digits, `-`, `_` and `.` of its name, no two
/// alike on systems that do not tell capitals from small letters.
pub(crate) fn stems(result: &RunResult) -> Vec<String> {
    let mut stems: Vec<String> = Vec::with_capacity(result.variants.len());
    for variant in &result.variants {
        let wanted = stem(&variant.name);
        let taken = |stem: &str| stems.iter().any(|other| other.eq_ignore_ascii_case(stem));
        let mut unique = wanted.clone();
        let mut again = 2;
        while taken(&unique) {
            unique = format!("{wanted}-{again}");
            again += 1;
        }
        stems.push(unique);
    }
    stems
}

fn stem(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let stem: String = name.chars().take(STEM_MAX).map(plain).collect();
    let stem = stem.trim_start_matches(['.', '-']).trim_end_matches('.');
    let base = stem.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = RESERVED.contains(&base.trim_end_matches(|c: char| c.is_ascii_digit()));
    if stem.is_empty() || device { format!("variant-{stem}") } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        for (name, expected) in [
            ("delta", "delta"),
            ("nodes=100,loss=0.01", "nodes-100-loss-0.01"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\\b:c*?\"<>|", "a-b-c------"),
            ("NUL", "variant-NUL"),
            ("com1.x", "variant-com1.x"),
            ("", "variant-"),
            ("ende.", "ende"),
        ] {
            assert_eq!(stem(name), expected);
        }
        assert_eq!(stem(&"ä".repeat(500)).len(), "variant-".len());
        assert_eq!(stem(&"x".repeat(500)).len(), STEM_MAX);
    }
}
