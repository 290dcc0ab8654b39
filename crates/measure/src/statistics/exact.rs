//! Whether two shares differ.

use super::ln_factorial;

/// The probability, under no difference, of shares at least so far apart: Fisher's exact test of `hits` of `of` on two
/// sides, both tails, as the smaller tail twice.
pub fn fisher(one: (u64, u64), two: (u64, u64)) -> f64 {
    let ((a, m), (b, n)) = (one, two);
    let (a, b) = (a.min(m), b.min(n));
    let hits = a + b;
    let ln_choose = |n: u64, k: u64| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let all = ln_choose(m + n, hits);
    let probability = |k: u64| (ln_choose(m, k) + ln_choose(n, hits - k) - all).exp();
    let (least, most) = (hits.saturating_sub(n), hits.min(m));
    let low: f64 = (least..=a).map(probability).sum();
    let high: f64 = (a..=most).map(probability).sum();
    (2.0 * low.min(high)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fishers_tea_is_tasted_as_he_says() {
        // The Design of Experiments (1935): 3 of 4 right, by chance or better with probability 17/70.
        assert!((fisher((3, 4), (1, 4)) - 34.0 / 70.0).abs() < 1e-9);
        assert!((fisher((4, 4), (0, 4)) - 2.0 / 70.0).abs() < 1e-9);
        assert_eq!(fisher((0, 10), (0, 10)), 1.0);
    }

    #[test]
    fn of_very_many_trials_it_is_a_fair_coin() {
        // 10 hits that may fall on either side alike: all on one of them with probability 2⁻¹⁰, twice.
        let p = fisher((0, 1_000_000), (10, 1_000_000));
        assert!((p - 2.0 / 1024.0).abs() < 2e-5, "{p}");
    }
}
