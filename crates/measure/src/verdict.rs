use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Reason, Variant, Warning};

/// Whether figures can be trusted, and why not. What is not valid passes no gate and becomes no baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The state.
    pub status: Status,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<String>,
    /// What to know about figures that are valid.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// How far figures can be trusted, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They say what the protocol does.
    Valid,
    /// They say what the machine can do: it was overloaded.
    Saturated,
    /// They say nothing: something that they rest on is missing.
    Invalid,
}

impl Status {
    /// Whether figures may be compared and kept.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Saturated => "saturated",
            Self::Invalid => "invalid",
        })
    }
}

impl Verdict {
    /// As bad as the worst of the reasons; valid without any.
    pub fn new(reasons: &[Reason], warnings: &[Warning]) -> Self {
        Self {
            status: reasons.iter().map(Reason::status).max().unwrap_or(Status::Valid),
            reasons: reasons.iter().map(Reason::to_string).collect(),
            warnings: warnings.iter().map(Warning::to_string).collect(),
        }
    }

    /// Adds a reason, which makes the state as bad as that.
    pub fn add(&mut self, reason: Reason) {
        self.status = self.status.max(reason.status());
        self.reasons.push(reason.to_string());
    }

    /// Adds something to know about the figures, which leaves the state as it is.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning.to_string());
    }

    /// The verdict on a whole run: the worst variant's status, and what is said of each variant under its name.
    /// A run without variants is invalid.
    pub fn of_run(variants: &[Variant]) -> Self {
        let Some(status) = variants.iter().map(|variant| variant.verdict.status).max() else {
            return Self::new(&[Reason::NothingMeasured], &[]);
        };
        let named = |texts: fn(&Self) -> &[String]| {
            variants
                .iter()
                .flat_map(|variant| {
                    texts(&variant.verdict).iter().map(|text| format!("{}: {text}", variant.name))
                })
                .collect()
        };
        Self {
            status,
            reasons: named(|verdict| &verdict.reasons),
            warnings: named(|verdict| &verdict.warnings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_as_bad_as_its_worst_reason() {
        let saturated = Reason::SwappedIn { pages: 3, fits: None };
        assert_eq!(Verdict::new(&[], &[]).status, Status::Valid);
        assert_eq!(Verdict::new(&[saturated], &[]).status, Status::Saturated);
        assert_eq!(Verdict::new(&[Reason::Interrupted, saturated], &[]).status, Status::Invalid);
    }

    #[test]
    fn what_is_added_to_a_verdict_counts() {
        let mut verdict = Verdict::new(&[], &[]);
        verdict.warn(Warning::LoadUnknown);
        assert_eq!((verdict.status, verdict.warnings.len()), (Status::Valid, 1));
        verdict.add(Reason::Interrupted);
        verdict.add(Reason::SwappedIn { pages: 3, fits: None });
        assert_eq!((verdict.status, verdict.reasons.len()), (Status::Invalid, 2));
    }

    #[test]
    fn a_run_without_variants_is_invalid() {
        assert_eq!(Verdict::of_run(&[]).status, Status::Invalid);
    }
}
