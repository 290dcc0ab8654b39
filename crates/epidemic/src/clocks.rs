use rand::Rng;
use rumormill_protocol::Random;

use crate::{Clock, population::Population, targets::below};

/// Lets nodes call until the epidemic is over.
pub(crate) fn run(clock: Clock, population: &mut Population, random: &mut Random) {
    match clock {
        Clock::Rounds => rounds(population, random),
        Clock::Poisson => poisson(population, random),
        Clock::Periodic => periodic(population, random),
    }
}

fn rounds(population: &mut Population, random: &mut Random) {
    let mut round = 0.0;
    while !population.is_over() {
        round += 1.0;
        population.call_all(random);
        population.end_all_cycles(random);
        population.advance(round);
    }
}

/// The clocks together are one Poisson process, of which each event is equally likely to be any node's.
fn poisson(population: &mut Population, random: &mut Random) {
    let nodes = population.nodes();
    let mut now = 0.0;
    while !population.is_over() {
        now += exponential(random) / f64::from(nodes);
        let node = below(nodes, random);
        tick(node, now, population, random);
    }
}

/// Nodes are numbered in the order of their phases, which loses nothing: all that is drawn is drawn from all alike.
fn periodic(population: &mut Population, random: &mut Random) {
    let phases = phases(population.nodes(), random);
    let mut period = 0.0;
    while !population.is_over() {
        for (node, phase) in (0..).zip(&phases) {
            tick(node, period + phase, population, random);
            if population.is_over() {
                return;
            }
        }
        period += 1.0;
    }
}

fn tick(node: u32, now: f64, population: &mut Population, random: &mut Random) {
    if !population.has_cause_to_call(node) {
        return;
    }
    population.call(node, random);
    population.end_cycle(node, random);
    population.advance(now);
}

/// Points drawn evenly from 0 to 1, in order: the arrivals of a Poisson process, scaled to end with the next one.
fn phases(nodes: u32, random: &mut Random) -> Vec<f64> {
    let mut sum = 0.0;
    let mut phases: Vec<f64> = (0..nodes)
        .map(|_| {
            sum += exponential(random);
            sum
        })
        .collect();
    sum += exponential(random);
    phases.iter_mut().for_each(|phase| *phase /= sum);
    phases
}

/// A time to the next event of a Poisson process of rate 1.
fn exponential(random: &mut Random) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    // From above 0 to 1, so that the logarithm exists.
    let chance = ((random.next_u64() >> 11) + 1) as f64 * UNIT;
    -chance.ln()
}
