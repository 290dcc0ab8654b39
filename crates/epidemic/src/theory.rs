use crate::{Clock, Epidemic, MILESTONES_PERCENT, Spread, Stop, course::share};

/// What the literature says of an epidemic, where it says something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Theory {
    /// The mean time until each of [`MILESTONES_PERCENT`] knows.
    pub reached: [Option<f64>; MILESTONES_PERCENT.len()],
    /// How these come about; N are the nodes.
    pub reached_formula: Option<&'static str>,
    /// The share of nodes that never learns the rumor.
    pub residue: Option<f64>,
    /// How that comes about; k is that of the stop rule.
    pub residue_formula: Option<&'static str>,
}

impl Epidemic {
    /// What the literature says of it. The formulas for rounds and for the residue are limits for many nodes; those
    /// for Poisson clocks are exact.
    pub fn theory(&self) -> Theory {
        let mut theory = Theory::default();
        if self.stop == Stop::Never {
            (theory.residue, theory.residue_formula) = (Some(0.0), Some("none, for nobody stops"));
            self.spreading(&mut theory);
        } else if self.spread == Spread::Push {
            self.dying_out(&mut theory);
        }
        theory
    }

    fn spreading(&self, theory: &mut Theory) {
        let (nodes, fanout) = (f64::from(self.nodes), f64::from(self.fanout));
        let until_all = match (self.clock, self.spread) {
            (Clock::Rounds, Spread::Push) => {
                theory.reached_formula = Some("log(fanout+1) N + ln N / fanout + 1");
                nodes.ln() / (fanout + 1.0).ln() + nodes.ln() / fanout + 1.0
            }
            (Clock::Rounds, Spread::Pull) if self.fanout == 1 => {
                theory.reached_formula = Some("log2 N + log2 ln N + 1");
                nodes.log2() + nodes.ln().log2() + 1.0
            }
            (Clock::Rounds, Spread::PushPull) if self.fanout == 1 => {
                theory.reached_formula = Some("log3 N + log2 ln N + 0.1");
                nodes.ln() / 3.0_f64.ln() + nodes.ln().log2() + 0.1
            }
            (Clock::Poisson, spread) if self.fanout == 1 => {
                // Who is called is as often who is to learn as who calls: two ways make it twice as fast.
                let (ways, formula) = match spread {
                    Spread::Push | Spread::Pull => (1.0, "sum of (N-1) / (i (N-i)) over i that know"),
                    Spread::PushPull => (2.0, "half the sum of (N-1) / (i (N-i)) over i that know"),
                };
                theory.reached_formula = Some(formula);
                let until = |percent| poisson(self.nodes, share(self.nodes, percent)) / ways;
                theory.reached = MILESTONES_PERCENT.map(|percent| Some(until(percent)));
                return;
            }
            _ => return,
        };
        theory.reached[MILESTONES_PERCENT.len() - 1] = Some(until_all);
    }

    fn dying_out(&self, theory: &mut Theory) {
        let k = f64::from(self.k);
        let (exponent, formula) = match self.stop {
            Stop::FeedbackCoin if self.fanout == 1 => {
                (k + 1.0, "s = e^(-(k+1) (1-s)), where nodes call one after the other")
            }
            Stop::BlindCounter | Stop::BlindCoin => (k * f64::from(self.fanout), "s = e^(-k fanout (1-s))"),
            _ => return,
        };
        theory.residue_formula = Some(formula);
        theory.residue = Some(smallest_residue(exponent));
    }
}

/// The mean time until so many nodes know, of which one does at first: while i know, the next learns at rate
/// i (N−i) / (N−1). Until all do, that is 2 (N−1)/N · H(N−1).
fn poisson(nodes: u32, wanted: u32) -> f64 {
    let all = f64::from(nodes);
    (1..wanted).map(f64::from).map(|knowing| (all - 1.0) / (knowing * (all - knowing))).sum()
}

/// The smallest s from 0 to 1 for which s = e^(−c (1−s)); below 1 only for c above 1.
fn smallest_residue(c: f64) -> f64 {
    /// Close to c = 1 steps become small; what is left then is far below what a run can tell.
    const STEPS_MAX: usize = 100_000;
    if c <= 1.0 {
        return 1.0;
    }
    let mut residue = 0.0;
    for _ in 0..STEPS_MAX {
        let next = (-c * (1.0 - residue)).exp();
        if next - residue < 1e-15 {
            break;
        }
        residue = next;
    }
    residue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epidemic(nodes: u32, spread: Spread, clock: Clock, stop: Stop, k: u32) -> Theory {
        Epidemic { nodes, spread, fanout: 1, clock, stop, k }.theory()
    }

    #[test]
    fn laws_of_rounds_are_near_the_exact_means() {
        for (spread, nodes, mean) in [
            (Spread::Push, 1_000, 18.03),
            (Spread::Push, 1_000_000, 34.89),
            (Spread::PushPull, 1_000, 9.16),
            (Spread::PushPull, 1_000_000, 16.31),
        ] {
            let law = epidemic(nodes, spread, Clock::Rounds, Stop::Never, 1).reached[3];
            assert!(
                law.is_some_and(|law| (law - mean).abs() < 0.2),
                "{spread} {nodes}: {law:?}, exactly {mean}"
            );
        }
    }

    #[test]
    fn poisson_clocks_have_the_closed_form() {
        let theory = epidemic(10_000, Spread::Push, Clock::Poisson, Stop::Never, 1);
        assert!(theory.reached[3].is_some_and(|mean| (mean - 19.573).abs() < 0.0005));
        let both = epidemic(10_000, Spread::PushPull, Clock::Poisson, Stop::Never, 1);
        for (one, both) in theory.reached.iter().zip(both.reached) {
            assert_eq!(one.map(|one| one / 2.0), both);
        }
    }

    #[test]
    fn one_patience_misses_a_fifth_and_two_six_percent() {
        for (k, residue) in [(1, 0.20), (2, 0.06)] {
            let theory = epidemic(1_000, Spread::Push, Clock::Rounds, Stop::FeedbackCoin, k);
            assert!(theory.residue.is_some_and(|s| (s - residue).abs() < 0.005));
        }
    }
}
