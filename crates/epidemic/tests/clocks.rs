//! Nodes with clocks of their own, against closed forms and against a simulation that is written otherwise.

use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{Rng, SeedableRng};
use rumormill_epidemic::{Clock, Course, Epidemic, Spread, Stop};
use rumormill_protocol::Random;

fn courses(epidemic: Epidemic, repetitions: u64) -> Vec<Course> {
    (0..repetitions).map(|number| epidemic.repetition(5, number)).collect()
}

/// The mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

fn never(nodes: u32, spread: Spread, clock: Clock) -> Epidemic {
    Epidemic { nodes, spread, fanout: 1, clock, stop: Stop::Never, k: 1 }
}

#[test]
fn poisson_clocks_reach_each_share_when_the_closed_form_says() {
    for (nodes, repetitions) in [(300, 3_000), (10_000, 50)] {
        for spread in [Spread::Push, Spread::Pull, Spread::PushPull] {
            let epidemic = never(nodes, spread, Clock::Poisson);
            let courses = courses(epidemic, repetitions);
            for (place, theory) in epidemic.theory().reached.iter().enumerate() {
                let times: Vec<_> = courses.iter().filter_map(|course| course.reached[place]).collect();
                assert_eq!(times.len(), courses.len());
                let (mean, error) = mean(&times);
                let exactly = theory.expect("Poisson clocks have a closed form");
                assert!((mean - exactly).abs() < 4.0 * error, "{epidemic:?}: {mean}, exactly {exactly}");
            }
        }
    }
}

#[test]
fn timers_with_random_phases_are_a_little_faster_than_poisson_clocks() {
    const NODES: u32 = 1_000;
    const REPETITIONS: u64 = 2_000;
    let courses = courses(never(NODES, Spread::Push, Clock::Periodic), REPETITIONS);
    let times: Vec<_> = courses.iter().map(|course| course.last_arrival).collect();
    let mut random = Random::seed_from_u64(99);
    let others: Vec<_> = (0..REPETITIONS).map(|_| push_by_timers(NODES as usize, &mut random)).collect();
    let ((mean, error), (other, other_error)) = (mean(&times), mean(&others));
    assert!((mean - other).abs() < 4.0 * error.hypot(other_error), "{mean}, in the other simulation {other}");
    // 14.954 by the closed form for Poisson clocks.
    assert!(mean < 14.954 - 4.0 * error);
}

/// Push by a queue of events: when the last node learns the rumor.
fn push_by_timers(nodes: usize, random: &mut Random) -> f64 {
    const PERIOD: u64 = 1 << 32;
    let phases: Vec<u64> = (0..nodes).map(|_| random.next_u64() % PERIOD).collect();
    let mut knows = vec![false; nodes];
    knows[0] = true;
    let mut queue = BinaryHeap::from([Reverse((phases[0], 0))]);
    let mut left = nodes - 1;
    while let Some(Reverse((now, node))) = queue.pop() {
        queue.push(Reverse((now + PERIOD, node)));
        let other = (node + 1 + (random.next_u64() % (nodes as u64 - 1)) as usize) % nodes;
        if knows[other] {
            continue;
        }
        knows[other] = true;
        left -= 1;
        if left == 0 {
            return now as f64 / PERIOD as f64;
        }
        let this_period = now - now % PERIOD + phases[other];
        queue.push(Reverse((if this_period > now { this_period } else { this_period + PERIOD }, other)));
    }
    unreachable!("nodes that know never stop calling");
}

#[test]
fn coins_that_are_tossed_one_at_a_time_leave_the_residue_of_the_differential_equation() {
    for k in [1, 2, 3] {
        let epidemic = Epidemic { stop: Stop::FeedbackCoin, k, ..never(4_000, Spread::Push, Clock::Poisson) };
        let residues: Vec<_> =
            courses(epidemic, 300).iter().map(|course| 1.0 - f64::from(course.knew) / 4_000.0).collect();
        let (mean, error) = mean(&residues);
        let limit = epidemic.theory().residue.expect("the equation is for feedback and coin");
        assert!((mean - limit).abs() < 4.0 * error, "k = {k}: {mean}, in the limit {limit}");
    }
}

#[test]
fn a_seed_and_a_number_give_one_course() {
    for clock in [Clock::Rounds, Clock::Poisson, Clock::Periodic] {
        let epidemic = never(500, Spread::PushPull, clock);
        assert_eq!(epidemic.repetition(1, 7), epidemic.repetition(1, 7));
        assert_ne!(epidemic.repetition(1, 7).copies, epidemic.repetition(1, 8).copies);
        assert_ne!(epidemic.repetition(1, 7).copies, epidemic.repetition(2, 7).copies);
    }
}
