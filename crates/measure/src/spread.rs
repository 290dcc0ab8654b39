use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a figure spreads over nodes; all 0 when there are none.
///
/// Percentiles are nearest-rank: with n values sorted upwards, percentile q is the value at place ⌈q·n⌉, counted
/// from 1. Each is therefore a value that some node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The arithmetic mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of these values, which must be numbers.
    pub fn over(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let Some(&max) = values.last() else { return Self::default() };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, p50: nearest_rank(&values, 50), p99: nearest_rank(&values, 99), max }
    }
}

/// The percentile of sorted values, of which there is at least one. Ranks are counted in integers, because
/// 0.99 · 100 need not be 99 in binary fractions.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_values_spread_over_nothing() {
        assert_eq!(Spread::over(Vec::new()), Spread::default());
    }

    #[test]
    fn one_value_is_every_figure() {
        assert_eq!(Spread::over(vec![3.5]), Spread { mean: 3.5, p50: 3.5, p99: 3.5, max: 3.5 });
    }

    #[test]
    fn ranks_are_those_of_the_definition() {
        let hundred = (1..=100).rev().map(f64::from).collect();
        assert_eq!(Spread::over(hundred), Spread { mean: 50.5, p50: 50.0, p99: 99.0, max: 100.0 });
        let odd = vec![5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(Spread::over(odd), Spread { mean: 3.0, p50: 3.0, p99: 5.0, max: 5.0 });
    }
}
