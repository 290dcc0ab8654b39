//! How a write spreads among uniform peers, against the model of the literature on clocks of the same kind.

mod world;

use std::time::Duration;

use rumormill_epidemic::{Clock, Epidemic, Spread, Stop};
use rumormill_node::{Config, Dissemination, Peers};
use rumormill_protocol::{Event, NodeId};
use world::{World, put};

const NODES: u32 = 150;
const WRITES: u32 = 16;
/// Long against the network's delays, which the model does not have.
const PERIOD: Duration = Duration::from_secs(10);

/// For each of many writes, the periods until all nodes have it.
fn last_arrivals(dissemination: Dissemination) -> Vec<f64> {
    let config = Config {
        peers: Peers::Uniform,
        dissemination,
        fanout: 1,
        gossip_interval: PERIOD,
        protocol_period: PERIOD,
        ..Config::default()
    };
    let mut world = World::warm(NODES, &config);
    world.run(4 * PERIOD);
    let times = (0..WRITES).map(|number| {
        let (writer, written_at, before) = (NodeId(number * 7 % NODES), world.now, world.events.len());
        world.command(writer, put("k1"));
        world.run(Duration::from_millis(35 * PERIOD.as_millis() as u64 + 1_237));
        let is_arrival = |event: &Event| matches!(event, Event::Applied(dot) if dot.writer == writer);
        let arrivals: Vec<_> = world.events[before..]
            .iter()
            .filter(|(_, _, event)| is_arrival(event))
            .map(|(at, ..)| *at)
            .collect();
        assert_eq!(arrivals.len(), NODES as usize - 1, "everyone has it, and once");
        let last = arrivals.into_iter().max().expect("there are others");
        last.since(written_at).as_secs_f64() / PERIOD.as_secs_f64()
    });
    times.collect()
}

fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

#[test]
fn writes_take_as_many_periods_as_rumors_do_on_clocks_with_random_phases() {
    for (dissemination, spread) in [
        (Dissemination::Push, Spread::Push),
        (Dissemination::Pull, Spread::Pull),
        (Dissemination::PushPull, Spread::PushPull),
    ] {
        let (measured, error) = mean(&last_arrivals(dissemination));
        let model =
            Epidemic { nodes: NODES, spread, fanout: 1, clock: Clock::Periodic, stop: Stop::Never, k: 1 };
        let courses: Vec<f64> = (0..400).map(|number| model.repetition(5, number).last_arrival).collect();
        let (expected, its_error) = mean(&courses);
        let bound = 4.0 * error.hypot(its_error);
        println!(
            "{spread:?}: {measured:.2} ± {error:.2} periods, by the model {expected:.2} ± {its_error:.2}"
        );
        assert!((measured - expected).abs() < bound, "{spread:?}: {measured} ± {error} against {expected}");
        assert!(error < 0.6, "{error}");
    }
}

/// Each writer writes several keys in a row, so that rumors of later ones overtake earlier ones: one version per writer
/// could hide that one is lacking.
#[test]
fn a_rumor_that_overtook_an_earlier_one_hides_nothing() {
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    let config = Config { peers: Peers::Uniform, fanout: 1, ..Config::default() };
    let mut world = World::warm(40, &config);
    world.loss = 0.1;
    world.run(Duration::from_secs(5));
    for writer in (0..20).map(NodeId) {
        for key in KEYS {
            world.command(writer, put(key));
            world.run(Duration::from_millis(330));
        }
    }
    world.run(Duration::from_secs(60));
    let mut applied = vec![0; 40];
    for (_, node, event) in &world.events {
        applied[node.index()] += usize::from(matches!(event, Event::Applied(_)));
    }
    for (number, applied) in applied.into_iter().enumerate() {
        let own = if number < 20 { KEYS.len() } else { 0 };
        assert_eq!(applied + own, 20 * KEYS.len(), "node {number} has every write, and each once");
    }
}
