//! The rank test of Mann and Whitney.

/// Up to so many runs on both sides together the test is exact where no two are equal.
const EXACT_RUNS_MAX: usize = 60;

/// The probability, under no difference, of two sides whose ranks are at least so far apart: both tails.
///
/// Exact where no values are equal, by counting the arrangements with each U (Mann and Whitney 1947, Annals of
/// Mathematical Statistics 18, the recurrence of section 2). With equal values, or many, by the normal approximation with
/// midranks, the variance corrected for ties and half a unit for continuity (Lehmann, Nonparametrics, section 1.4).
pub fn mann_whitney(one: &[f64], two: &[f64]) -> f64 {
    let (m, n) = (one.len(), two.len());
    if m == 0 || n == 0 {
        return 1.0;
    }
    let mut all: Vec<f64> = one.iter().chain(two).copied().collect();
    all.sort_by(f64::total_cmp);
    let tied = all.windows(2).any(|pair| pair[0] == pair[1]);
    // Twice U: a pair of equals is half above.
    let twice_u: usize =
        one.iter().flat_map(|a| two.iter().map(move |b| if a > b { 2 } else { usize::from(a == b) })).sum();
    if !tied && m + n <= EXACT_RUNS_MAX {
        let (u, counts) = (twice_u / 2, arrangements(m, n));
        let low = u.min(m * n - u);
        let all: f64 = counts.iter().sum();
        return (2.0 * counts[..=low].iter().sum::<f64>() / all).min(1.0);
    }
    let (m, n, total) = (m as f64, n as f64, (m + n) as f64);
    let ties: f64 = all
        .chunk_by(|a, b| a == b)
        .map(|equal| {
            let t = equal.len() as f64;
            t.powi(3) - t
        })
        .sum();
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = ((twice_u as f64 / 2.0 - m * n / 2.0).abs() - 0.5).max(0.0);
    normal_tail(distance / variance.sqrt())
}

/// The smallest probability that so many runs on each side can give: when one side is above the other throughout.
pub fn smallest(one: usize, two: usize) -> f64 {
    let arrangements: f64 = (1..=one).map(|k| (two + k) as f64 / k as f64).product();
    (2.0 / arrangements).min(1.0)
}

/// How many of the arrangements of m and n values have each U, from 0 to m·n.
fn arrangements(m: usize, n: usize) -> Vec<f64> {
    // The Gaussian binomial coefficient, by its product of (1 − q^(n+k)) / (1 − q^k).
    let mut counts = vec![0.0; m * n + 1];
    counts[0] = 1.0;
    for k in 1..=m {
        for u in (n + k..counts.len()).rev() {
            counts[u] -= counts[u - n - k];
        }
        for u in k..counts.len() {
            counts[u] += counts[u - k];
        }
    }
    counts
}

/// The probability that a standard normal is at least so far from 0, by Student's t with very many degrees.
fn normal_tail(z: f64) -> f64 {
    super::student_tail(z, 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of arrangements of 3 and 3, and of 4 and 4 with the smallest U, as in Mann and Whitney's table I:
    /// P(U ≤ 0) = 0.05 for 3 and 3; P(U ≤ 1) = 0.029 and P(U ≤ 4) = 0.171 for 4 and 4.
    #[test]
    fn probabilities_are_those_of_the_published_table() {
        let share = |m, n, u: usize| {
            let counts = arrangements(m, n);
            counts[..=u].iter().sum::<f64>() / counts.iter().sum::<f64>()
        };
        for (m, n, u, expected) in [
            (3, 3, 0, 0.050),
            (3, 3, 4, 0.500),
            (4, 4, 0, 0.014),
            (4, 4, 1, 0.029),
            (4, 4, 4, 0.171),
            (3, 5, 2, 0.071),
            (5, 5, 4, 0.048),
            (8, 8, 13, 0.025),
        ] {
            assert!((share(m, n, u) - expected).abs() < 6e-4, "{m} {n} {u}: {}", share(m, n, u));
        }
        assert_eq!(arrangements(8, 8).iter().sum::<f64>(), 12_870.0);
    }

    #[test]
    fn it_counts_what_trying_all_arrangements_counts() {
        // All ways to choose which 4 of 9 places one side has.
        let (one, two) = ([1.0, 2.5, 3.5, 9.0], [2.0, 4.0, 5.0, 6.0, 7.0]);
        let u_of = |places: u32| {
            let is = |place: u32| places >> place & 1 == 1;
            (0..9).map(|a| (0..a).filter(|&b| is(a) && !is(b)).count()).sum::<usize>()
        };
        let choices: Vec<usize> = (0..512_u32).filter(|c| c.count_ones() == 4).map(u_of).collect();
        let observed = one.iter().map(|a| two.iter().filter(|b| a > *b).count()).sum::<usize>();
        let low = observed.min(20 - observed);
        let share = choices.iter().filter(|&&u| u <= low).count() as f64 / choices.len() as f64;
        assert!((mann_whitney(&one, &two) - (2.0 * share).min(1.0)).abs() < 1e-12);
    }

    #[test]
    fn sides_that_do_not_overlap_give_the_smallest_there_is() {
        let [low, high] = [[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]];
        assert!((mann_whitney(&low, &high) - 2.0 / 252.0).abs() < 1e-12);
        assert!((smallest(5, 5) - 2.0 / 252.0).abs() < 1e-12);
        assert_eq!((smallest(1, 1), mann_whitney(&[1.0], &[2.0])), (1.0, 1.0));
    }

    #[test]
    fn equal_values_tell_nothing_and_ties_are_corrected_for() {
        assert_eq!(mann_whitney(&[1.0; 5], &[1.0; 5]), 1.0);
        // U is 3½ of 12½ on average; two, two, three and two values are equal.
        let p = mann_whitney(&[1.0, 1.0, 2.0, 3.0, 3.0], &[2.0, 3.0, 4.0, 4.0, 5.0]);
        let variance: f64 = 25.0 / 12.0 * (11.0 - (6.0 + 6.0 + 24.0 + 6.0) / 90.0);
        let z = (12.5 - 3.5_f64 - 0.5) / variance.sqrt();
        assert!((p - normal_tail(z)).abs() < 1e-12, "{p}");
        assert!((normal_tail(1.959_964) - 0.05).abs() < 1e-6);
    }
}
