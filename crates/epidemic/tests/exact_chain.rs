//! How many know is a Markov chain where nobody stops and all call at once; its transitions are computed here from
//! hypergeometric and binomial distributions, without drawing anything.

use rumormill_epidemic::{Clock, Epidemic, Spread, Stop};

#[test]
fn push_at_1_000_nodes() {
    let chain = Chain::new(1_000, Spread::Push, 1);
    assert!((chain.mean() - 18.038).abs() < 0.001 && chain.percentile(0.99) == 22);
    chain.check(3_000);
}

#[test]
fn push_pull_at_1_000_nodes() {
    let chain = Chain::new(1_000, Spread::PushPull, 1);
    assert!((chain.mean() - 9.151).abs() < 0.001 && chain.percentile(0.99) == 10);
    chain.check(3_000);
}

#[test]
fn pull_at_1_000_nodes() {
    Chain::new(1_000, Spread::Pull, 1).check(3_000);
}

#[test]
fn every_fanout_at_150_nodes() {
    for spread in [Spread::Push, Spread::Pull, Spread::PushPull] {
        for fanout in 2..=4 {
            Chain::new(150, spread, fanout).check(10_000);
        }
    }
}

#[test]
fn the_smallest_and_the_most_talkative() {
    for spread in [Spread::Push, Spread::Pull, Spread::PushPull] {
        Chain::new(2, spread, 1).check(100);
        Chain::new(40, spread, 39).check(100);
    }
    Chain::new(3, Spread::Push, 1).check(10_000);
}

#[test]
fn push_and_push_pull_at_10_000_nodes_have_the_published_means() {
    for (spread, mean, sd) in [(Spread::Push, 23.66, 1.35), (Spread::PushPull, 11.60, 0.54)] {
        let epidemic =
            Epidemic { nodes: 10_000, spread, fanout: 1, clock: Clock::Rounds, stop: Stop::Never, k: 1 };
        let tolerance = 0.005 + 4.0 * sd / 200.0_f64.sqrt();
        let times = (0..200).map(|number| epidemic.repetition(3, number).last_arrival);
        let measured = times.sum::<f64>() / 200.0;
        assert!((measured - mean).abs() < tolerance, "{spread}: {measured}, exactly {mean}");
    }
}

/// The distribution of the rounds until all know.
struct Chain {
    epidemic: Epidemic,
    /// The probability of each number of rounds.
    rounds: Vec<f64>,
}

impl Chain {
    fn new(nodes: usize, spread: Spread, fanout: usize) -> Self {
        let steps: Vec<_> = (1..nodes).map(|knowing| step(nodes, knowing, spread, fanout)).collect();
        let mut knowing = vec![0.0; nodes + 1];
        knowing[1] = 1.0;
        let mut rounds = vec![0.0];
        while rounds.iter().sum::<f64>() < 1.0 - 1e-9 {
            let mut next = vec![0.0; nodes + 1];
            for (step, (count, probability)) in steps.iter().zip((1..).zip(&knowing[1..nodes])) {
                // Without this, adding what is nearly nothing takes most of the time.
                if *probability < 1e-15 {
                    continue;
                }
                for (learnt, chance) in step.iter().enumerate() {
                    next[count + learnt] += probability * chance;
                }
            }
            rounds.push(next[nodes]);
            next[nodes] = 0.0;
            knowing = next;
        }
        let (nodes, fanout) = (nodes as u32, fanout as u32);
        let epidemic = Epidemic { nodes, spread, fanout, clock: Clock::Rounds, stop: Stop::Never, k: 1 };
        Self { epidemic, rounds }
    }

    fn moment(&self, power: i32) -> f64 {
        self.rounds.iter().enumerate().map(|(rounds, chance)| (rounds as f64).powi(power) * chance).sum()
    }

    fn mean(&self) -> f64 {
        self.moment(1)
    }

    fn percentile(&self, share: f64) -> usize {
        let mut sum = 0.0;
        self.rounds
            .iter()
            .take_while(|chance| {
                sum += **chance;
                sum < share
            })
            .count()
    }

    /// Holds the engine's mean, and the share of its runs up to the 99th percentile, against the exact ones.
    fn check(&self, repetitions: u64) {
        let epidemic = self.epidemic;
        let times: Vec<_> =
            (0..repetitions).map(|number| epidemic.repetition(11, number).last_arrival).collect();
        let repetitions = repetitions as f64;
        let mean = times.iter().sum::<f64>() / repetitions;
        let sd = (self.moment(2) - self.mean().powi(2)).max(0.0).sqrt();
        let exactly = self.mean();
        assert!(
            (mean - exactly).abs() <= 4.0 * sd / repetitions.sqrt() + 1e-6,
            "{epidemic:?}: {mean}, exactly {exactly}"
        );
        let p99 = self.percentile(0.99);
        let within = self.rounds[..=p99].iter().sum::<f64>();
        let measured = times.iter().filter(|time| **time <= p99 as f64).count() as f64 / repetitions;
        let sd = (within * (1.0 - within)).max(0.0).sqrt();
        assert!(
            (measured - within).abs() <= 4.0 * sd / repetitions.sqrt() + 1e-6,
            "{epidemic:?}: {measured} up to {p99} rounds, exactly {within}"
        );
    }
}

/// The probability of each number of nodes that learn in a round that begins with `knowing` nodes.
fn step(nodes: usize, knowing: usize, spread: Spread, fanout: usize) -> Vec<f64> {
    let lacking = nodes - knowing;
    let told = match spread {
        Spread::Pull => vec![1.0],
        Spread::Push | Spread::PushPull => told(nodes, knowing, fanout),
    };
    if spread == Spread::Push {
        return told;
    }
    // Each of those that were not told learns by its own calls, unless all of these go to others that lack it.
    let vain: f64 = (0..fanout)
        .map(|call| (lacking as f64 - 1.0 - call as f64).max(0.0) / (nodes - 1 - call) as f64)
        .product();
    let mut learnt = vec![0.0; lacking + 1];
    for (told, chance) in told.iter().enumerate() {
        for (asked, share) in binomial(lacking - told, 1.0 - vain).into_iter().enumerate() {
            learnt[told + asked] += chance * share;
        }
    }
    learnt
}

/// The probability of each number of nodes that are told by others, who choose one after the other.
fn told(nodes: usize, knowing: usize, fanout: usize) -> Vec<f64> {
    let lacking = nodes - knowing;
    let mut told = vec![1.0];
    for _ in 0..knowing {
        let mut next = vec![0.0; (told.len() + fanout).min(lacking + 1)];
        for (before, chance) in told.iter().enumerate().filter(|(_, chance)| **chance > 1e-18) {
            let left = lacking - before;
            for new in 0..=fanout.min(left) {
                next[before + new] += chance * hypergeometric(nodes - 1, left, fanout, new);
            }
        }
        told = next;
    }
    told
}

/// The probability that among `drawn` distinct of `all` there are `hits` of those `marked`.
fn hypergeometric(all: usize, marked: usize, drawn: usize, hits: usize) -> f64 {
    if drawn - hits > all - marked {
        return 0.0;
    }
    choose(marked, hits) * choose(all - marked, drawn - hits) / choose(all, drawn)
}

fn choose(from: usize, count: usize) -> f64 {
    (0..count).map(|at| (from - at) as f64 / (at + 1) as f64).product()
}

fn binomial(trials: usize, probability: f64) -> Vec<f64> {
    if probability >= 1.0 {
        return (0..=trials).map(|hits| f64::from(u8::from(hits == trials))).collect();
    }
    // From the mode outwards, scaled in the end: the ends of the range may be too small for a number.
    let odds = probability / (1.0 - probability);
    let mode = (((trials + 1) as f64 * probability) as usize).min(trials);
    let mut terms = vec![0.0; trials + 1];
    terms[mode] = 1.0;
    for hits in mode..trials {
        terms[hits + 1] = terms[hits] * odds * (trials - hits) as f64 / (hits + 1) as f64;
    }
    for hits in (0..mode).rev() {
        terms[hits] = terms[hits + 1] / odds * (hits + 1) as f64 / (trials - hits) as f64;
    }
    let sum: f64 = terms.iter().sum();
    terms.into_iter().map(|term| term / sum).collect()
}
