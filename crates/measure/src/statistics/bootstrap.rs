//! How far a median may be off, by drawing again from what was measured.

use rumormill_protocol::mix;
use serde::{Deserialize, Serialize};

use super::median;

/// How often is drawn.
const DRAWS: u64 = 2_000;

/// Where a figure lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The interval of the change from the median of `old` to that of `new`, relative to the first: the 2.5th and 97.5th
/// percentile over draws with replacement from both (Efron and Tibshirani, An Introduction to the Bootstrap, section
/// 13.3). Of very few runs it is too narrow. Nothing where a draw has a median of 0 to be relative to, or there is only one run.
pub fn change_of_medians(old: &[f64], new: &[f64], seed: u64) -> Option<Interval> {
    if old.len() < 2 || new.len() < 2 {
        return None;
    }
    let mut state = mix(seed);
    let mut draw = |values: &[f64]| {
        let drawn: Vec<f64> = (0..values.len())
            .map(|_| {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                values[((u128::from(mix(state)) * values.len() as u128) >> 64) as usize]
            })
            .collect();
        median(&drawn)
    };
    let mut changes = Vec::with_capacity(DRAWS as usize);
    for _ in 0..DRAWS {
        let change = draw(new)? / draw(old)? - 1.0;
        if !change.is_finite() {
            return None;
        }
        changes.push(change);
    }
    changes.sort_by(f64::total_cmp);
    let at = |share: f64| changes[((DRAWS - 1) as f64 * share).round() as usize];
    Some(Interval { low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_varies_has_an_interval_of_no_width() {
        let interval = change_of_medians(&[10.0; 5], &[12.0; 5], 1).expect("enough runs");
        assert!((interval.low - 0.2).abs() < 1e-12 && interval.low == interval.high);
        assert_eq!(change_of_medians(&[1.0], &[1.0, 2.0], 1), None);
        assert_eq!(change_of_medians(&[0.0; 3], &[1.0; 3], 1), None);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let old: Vec<f64> = (1..40).map(|n| f64::from(n).sqrt()).collect();
        let new: Vec<f64> = (1..40).map(|n| f64::from(n).ln() + 3.0).collect();
        assert_eq!(change_of_medians(&old, &new, 7), change_of_medians(&old, &new, 7));
        let others: Vec<_> = (0..9).map(|seed| change_of_medians(&old, &new, seed)).collect();
        assert!(others.iter().any(|other| *other != others[0]));
    }

    /// The median of 3 drawn from 1, 2, 3 is 1 with probability 7/27, 2 with 13/27, 3 with 7/27: the interval spans all.
    /// Of 25 runs it must cover the truth about as often as promised.
    #[test]
    fn it_covers_the_truth_about_as_often_as_promised() {
        let small = change_of_medians(&[1.0; 3], &[1.0, 2.0, 3.0], 5).expect("enough runs");
        assert_eq!((small.low, small.high), (0.0, 2.0));
        let uniform = |trial: u64, place: u64| {
            let bits = mix(mix(trial).wrapping_add(place)) >> 11;
            1.0 + bits as f64 / (1_u64 << 53) as f64
        };
        let covered = (0..200_u64).filter(|&trial| {
            let of = |first| (first..first + 25).map(|place| uniform(trial, place)).collect::<Vec<_>>();
            let interval = change_of_medians(&of(0), &of(100), trial).expect("enough runs");
            (interval.low..=interval.high).contains(&0.0)
        });
        let covered = covered.count();
        assert!((180..=200).contains(&covered), "{covered} of 200 for about 190");
    }
}
