//! Student's t, and the t of a few runs that each know their own noise.

use std::f64::consts::PI;

/// The probability that |t| with so many degrees of freedom is at least this: both tails together.
///
/// I_x(ν/2, 1/2) with x = ν/(ν + t²) (Abramowitz and Stegun 26.7.1).
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The t that |t| exceeds with this probability, by bisection.
pub fn student_quantile(tail: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if student_tail(middle, freedom) > tail { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The noise of one run, from what each run says of its own and from how far repetitions are apart.
///
/// The variance of a run is a weighted mean of both, as in the moderated t of Smyth (2004, Statistical Applications in
/// Genetics and Molecular Biology 3:3, section 3): the runs' own estimate is the prior, with the degrees of freedom
/// that it was made with. So a single run on each side can be judged, and with repetitions what they show takes over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moderated {
    /// The standard deviation of one run.
    pub deviation: f64,
    /// How much is known about it.
    pub freedom: f64,
    runs: [usize; 2],
}

impl Moderated {
    /// From figures of runs on two sides. `own` is the variance of a run as runs know it, and its degrees of freedom.
    /// Nothing where neither that nor a second run says anything.
    pub fn new(sides: [&[f64]; 2], own: Option<(f64, f64)>) -> Option<Self> {
        let between: f64 = sides.iter().map(|side| squares(side)).sum();
        let between_freedom: usize = sides.iter().map(|side| side.len().saturating_sub(1)).sum();
        let (own_variance, own_freedom) = own.unwrap_or((0.0, 0.0));
        let freedom = own_freedom + between_freedom as f64;
        let empty = sides.iter().any(|side| side.is_empty());
        (freedom > 0.0 && !empty).then(|| Self {
            deviation: ((own_freedom * own_variance + between) / freedom).sqrt(),
            freedom,
            runs: sides.map(<[f64]>::len),
        })
    }

    /// The standard error of the difference of the sides' means.
    pub fn error(&self) -> f64 {
        let [one, two] = self.runs.map(|runs| 1.0 / runs as f64);
        self.deviation * (one + two).sqrt()
    }

    /// The probability of means at least so far apart if the sides do not differ.
    pub fn tail(&self, difference: f64) -> f64 {
        if difference == 0.0 { 1.0 } else { student_tail(difference / self.error(), self.freedom) }
    }

    /// How far apart the means of two sides that do not differ are in 95 of 100 comparisons, at most.
    pub fn noise(&self) -> f64 {
        student_quantile(0.05, self.freedom) * self.error()
    }
}

/// The sum of squared distances from the mean.
fn squares(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8), evaluated from
/// its beginning by Lentz's method.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it the other tail is computed.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a;
    const TINY: f64 = 1e-300;
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / kept(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for step in 1..1_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / kept(1.0 + term * d);
            c = kept(1.0 + term / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// ln Γ(x) for x > 0: Stirling's series (Abramowitz and Stegun 6.1.41), after raising x by the recurrence to 10.
fn ln_gamma(mut x: f64) -> f64 {
    let mut lowered = 0.0;
    while x < 10.0 {
        lowered += x.ln();
        x += 1.0;
    }
    let (inverse, square) = (1.0 / x, 1.0 / (x * x));
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - lowered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        // Two-sided 5 % and 1 % points of Student's t, as every textbook's table has them.
        let table = [
            (1.0, 12.706, 63.657),
            (2.0, 4.303, 9.925),
            (4.0, 2.776, 4.604),
            (9.0, 2.262, 3.250),
            (30.0, 2.042, 2.750),
            (120.0, 1.980, 2.617),
        ];
        for (freedom, five, one) in table {
            assert!((student_quantile(0.05, freedom) - five).abs() < 6e-4, "{freedom}");
            assert!((student_quantile(0.01, freedom) - one).abs() < 6e-4, "{freedom}");
        }
    }

    #[test]
    fn tails_have_closed_forms_for_one_and_two_degrees() {
        for t in [0.1, 1.0, 3.0, 20.0, 1_000.0] {
            let cauchy = 1.0 - 2.0 / PI * f64::atan(t);
            let two = 1.0 - t / (2.0 + t * t).sqrt();
            assert!((student_tail(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            assert!((student_tail(t, 2.0) - two).abs() < 1e-12, "{t}");
        }
        assert_eq!(student_tail(0.0, 5.0), 1.0);
    }

    #[test]
    fn gamma_has_its_known_values() {
        assert!((ln_gamma(0.5) - PI.sqrt().ln()).abs() < 1e-10);
        assert!((ln_gamma(5.0) - 24.0_f64.ln()).abs() < 1e-10);
    }

    /// Student's own data ("The probable error of a mean", Biometrika 1908): hours of sleep gained by two drugs. As two
    /// independent samples t = −1.8608 at 18 degrees of freedom and p = 0.0792, as R's `t.test(var.equal = TRUE)` says.
    #[test]
    fn without_noise_of_their_own_it_is_the_t_test_of_two_samples() {
        let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let moderated = Moderated::new([&one, &two], None).expect("enough runs");
        let difference = (two.iter().sum::<f64>() - one.iter().sum::<f64>()) / 10.0;
        assert!((difference / moderated.error() - 1.8608).abs() < 1e-4);
        assert!((moderated.tail(difference) - 0.07919).abs() < 1e-5);
    }

    #[test]
    fn a_single_run_has_its_own_noise_and_more_runs_what_they_show() {
        assert_eq!(Moderated::new([&[1.0], &[2.0]], None), None);
        assert_eq!(Moderated::new([&[1.0], &[]], Some((1.0, 9.0))), None);
        let alone = Moderated::new([&[1.0], &[2.0]], Some((4.0, 9.0))).expect("noise of its own");
        assert_eq!((alone.deviation, alone.freedom), (2.0, 9.0));
        // Nine degrees at 4 and two at 1/2 each: (36 + 1) / 11.
        let both = Moderated::new([&[1.0, 2.0], &[5.0, 6.0]], Some((4.0, 9.0))).expect("noise");
        assert_eq!(both.freedom, 11.0);
        assert!((both.deviation.powi(2) - 37.0 / 11.0).abs() < 1e-12);
    }
}
