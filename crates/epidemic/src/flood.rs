/// How news gets from node to node where each holds a few partners, or calls anybody: a mean-field model of the curve of those
/// who know. It says nothing of single runs, whose beginnings differ by chance, and assumes that nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flood {
    /// How many nodes there are, of which one knows at first.
    pub nodes: u32,
    /// Whom a node that knows tells.
    pub told: Told,
    /// Between two times that a node tells others; when, differs by chance from node to node.
    pub interval_seconds: f64,
    /// How long what is said is under way.
    pub latency_seconds: f64,
}

/// Whom a node that knows tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many of all nodes each interval, by chance: the logistic curve, delayed by the latency.
    Anybody {
        /// How many.
        fanout: u32,
    },
    /// Each of its partners once, so many an interval, until all are told.
    Partners {
        /// How many partners each node has: its degree in a random regular graph.
        degree: u32,
        /// How many it tells in an interval.
        fanout: u32,
    },
    /// One of its partners each interval, by chance, whether or not it was told before.
    OnePartner {
        /// How many partners each node has.
        degree: u32,
    },
}

/// Steps that an interval and a latency together are cut into.
const STEPS: f64 = 100.0;
/// A curve is not followed further.
const STEPS_MAX: usize = 20_000;
/// Nor the delay of one hop.
const HOP_STEPS_MAX: usize = 20_000;
/// When this share lacks the news, or less, the curve ends.
const RESIDUE: f64 = 1e-5;

impl Flood {
    /// Seconds since the first node knew, and the share of the other nodes that know by then.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let step = (self.interval_seconds + self.latency_seconds) / STEPS;
        let shares = match self.told {
            Told::Anybody { fanout } => self.logistic(f64::from(fanout), step),
            Told::Partners { degree, .. } | Told::OnePartner { degree } => {
                self.over_graph(f64::from(degree), step)
            }
        };
        let nodes = f64::from(self.nodes);
        let others = |share: f64| ((share * nodes - 1.0) / (nodes - 1.0)).clamp(0.0, 1.0);
        (0..).zip(shares).map(|(place, share)| (f64::from(place) * step, others(share))).collect()
    }

    /// x' = fanout / interval · x(t − latency) · (1 − x): nodes whose phases are spread evenly call at a constant rate.
    fn logistic(&self, fanout: f64, step: f64) -> Vec<f64> {
        let late = (self.latency_seconds / step).round() as usize;
        let mut shares = vec![1.0 / f64::from(self.nodes)];
        let calls_in_step = fanout * step / self.interval_seconds;
        // Exact while the number of callers stands still, so that no step overshoots.
        let next = |now: f64, calling: f64| 1.0 - (1.0 - now) * (-calls_in_step * calling).exp();
        while shares.len() < STEPS_MAX && shares.last().is_some_and(|last| 1.0 - last > RESIDUE) {
            let (place, now) = (shares.len() - 1, shares[shares.len() - 1]);
            let from = place.checked_sub(late).map_or(0.0, |at| shares[at]);
            let to = match (place + 1).checked_sub(late) {
                None => 0.0,
                Some(at) => shares.get(at).copied().unwrap_or_else(|| next(now, from)),
            };
            shares.push(next(now, f64::midpoint(from, to)));
        }
        shares
    }

    /// The cavity equations of first passage on a random regular graph, which is a tree as far as a node can see: a neighbour
    /// knows without me with probability a = 1 − (1−1/N)(1−q)^(degree−1), where q is the probability that an edge has
    /// brought it, the delay of one hop folded with a; a node knows with probability 1 − (1−1/N)(1−q)^degree.
    fn over_graph(&self, degree: f64, step: f64) -> Vec<f64> {
        let taps = self.hop(step);
        let first = 1.0 / f64::from(self.nodes);
        let (mut neighbour, mut shares) = (vec![first], vec![first]);
        while shares.len() < STEPS_MAX && shares.last().is_some_and(|last| 1.0 - last > RESIDUE) {
            let brought: f64 = taps.iter().zip(neighbour.iter().rev()).map(|(tap, knew)| tap * knew).sum();
            let lacking = |edges: f64| (1.0 - first) * (1.0 - brought).max(0.0).powf(edges);
            neighbour.push(1.0 - lacking(degree - 1.0));
            shares.push(1.0 - lacking(degree));
        }
        shares
    }

    /// The probabilities that a hop takes 1, 2, ... steps, rounded to the nearest.
    fn hop(&self, step: f64) -> Vec<f64> {
        let until = |steps: f64| self.told_within(steps * step - self.latency_seconds);
        let mut taps = vec![until(1.5)];
        while taps.len() < HOP_STEPS_MAX {
            let place = taps.len() as f64;
            if until(place + 0.5) > 1.0 - 1e-7 {
                break;
            }
            taps.push(until(place + 1.5) - until(place + 0.5));
        }
        taps
    }

    /// The probability that a node has told one certain partner so long after it knew.
    fn told_within(&self, seconds: f64) -> f64 {
        let intervals = seconds / self.interval_seconds;
        if intervals <= 0.0 {
            return 0.0;
        }
        let (whole, part) = (intervals.floor(), intervals.fract());
        match self.told {
            Told::Anybody { .. } => 0.0,
            Told::Partners { degree, fanout } => {
                // After j tellings min(1, j · fanout / others) of them; the first is anywhere in the first interval.
                let others = f64::from(degree.saturating_sub(1).max(1));
                let told = |tellings: f64| (tellings * f64::from(fanout) / others).min(1.0);
                told(whole) * (1.0 - part) + told(whole + 1.0) * part
            }
            Told::OnePartner { degree } => {
                let missed = 1.0 - 1.0 / f64::from(degree.max(1));
                1.0 - missed.powf(whole) * (1.0 - part + part * missed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(flood: Flood, share: f64) -> f64 {
        flood.curve().into_iter().find(|&(_, known)| known >= share).map_or(f64::NAN, |(seconds, _)| seconds)
    }

    fn close(value: f64, expected: f64, by: f64) {
        assert!((value - expected).abs() < by, "{value}, expected {expected}");
    }

    #[test]
    fn calling_anybody_is_the_logistic_curve() {
        let flood = Flood {
            nodes: 1_000,
            told: Told::Anybody { fanout: 2 },
            interval_seconds: 3.0,
            latency_seconds: 0.0,
        };
        // x/(1−x) grows with e^(fanout t / interval).
        for share in [0.1, 0.5, 0.9] {
            let odds = |share: f64| share / (1.0 - share);
            let expected = (odds(share) / odds(0.001)).ln() * 3.0 / 2.0;
            close(until(flood, share), expected, 0.02 * expected);
        }
    }

    #[test]
    fn telling_one_of_many_partners_is_like_calling_anybody() {
        // With many partners the graph no longer shows, and phases that are spread evenly make calls a Poisson process.
        let many = Flood {
            nodes: 1_000,
            told: Told::OnePartner { degree: 400 },
            interval_seconds: 1.0,
            latency_seconds: 0.0,
        };
        let anybody = Flood { told: Told::Anybody { fanout: 1 }, ..many };
        close(until(many, 0.5), until(anybody, 0.5), 0.15);
    }

    #[test]
    fn without_waiting_a_flood_goes_a_hop_a_latency() {
        // On a random 3-regular graph 3 · 2^(h−1) nodes are h hops away: of 10,000 half are within 12 or so.
        let flood = Flood {
            nodes: 10_000,
            told: Told::Partners { degree: 3, fanout: 3 },
            interval_seconds: 0.02,
            latency_seconds: 1.0,
        };
        let (half, all) = (until(flood, 0.5), until(flood, 0.99));
        assert!((10.5..13.5).contains(&half) && (13.0..17.0).contains(&all), "{half} {all}");
    }

    #[test]
    fn curves_grow_from_nobody_else_to_all() {
        for told in [
            Told::Anybody { fanout: 1 },
            Told::Partners { degree: 8, fanout: 3 },
            Told::OnePartner { degree: 8 },
        ] {
            let curve = Flood { nodes: 100, told, interval_seconds: 0.2, latency_seconds: 0.001 }.curve();
            assert_eq!(curve[0], (0.0, 0.0));
            assert!(curve.windows(2).all(|two| two[1].1 >= two[0].1), "{told:?}");
            assert!(curve.last().is_some_and(|&(_, share)| share > 0.999), "{told:?}");
        }
    }
}
