//! What chance does to figures: how far they may be off, and whether two sets of them differ. Pure; all chance is seeded.

mod batches;
mod bootstrap;
mod exact;
mod holm;
mod quantile;
mod rank;
mod student;

pub use batches::{BATCHES, Batch, standard_error, total_without};
pub use bootstrap::{Interval, change_of_medians};
pub use exact::fisher;
pub use holm::holm;
pub use quantile::quantile_error;
pub use rank::{mann_whitney, smallest};
pub use student::{Moderated, student_quantile, student_tail};

/// The median; of an even number, the mean of the two in the middle. Nothing of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The natural logarithm of n!, by Stirling's series (Abramowitz and Stegun 6.1.41) from 256 on, summed below.
fn ln_factorial(n: u64) -> f64 {
    if n < 256 {
        return (2..=n).map(|factor| (factor as f64).ln()).sum();
    }
    let x = n as f64;
    let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
    (x + 0.5) * x.ln() - x + half_ln_tau + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_the_definition() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn both_ways_to_a_factorial_meet() {
        let summed = |n: u64| (2..=n).map(|factor| (factor as f64).ln()).sum::<f64>();
        for n in [256, 1_000, 5_000] {
            assert!((ln_factorial(n) - summed(n)).abs() < 1e-7, "{n}");
        }
    }
}
