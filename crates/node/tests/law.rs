//! How long a crash goes unnoticed, against the closed form.

mod world;

use std::time::Duration;

use rumormill_node::{Config, Peers};
use rumormill_protocol::{Event, NodeId};
use world::World;

/// Mean and standard error of crash to first suspicion, in seconds, over many crashes.
fn first_suspicions(config: &Config, nodes: u32, clusters: u32) -> (f64, f64) {
    let mut times = Vec::new();
    for cluster in 0..clusters {
        let mut world = World::warm(nodes, config);
        // Each cluster's crashes fall elsewhere into the periods.
        world.run(Duration::from_millis(40_000 + 137 * u64::from(cluster)));
        for victim in (0..nodes / 2).map(NodeId) {
            let crashed_at = world.now;
            world.crash(victim);
            world.run(Duration::from_millis(15_000 + 61));
            let suspicion = world
                .events
                .iter()
                .find(|(at, _, event)| *at >= crashed_at && *event == Event::Suspected(victim));
            times.push((suspicion.expect("it is suspected").0.since(crashed_at)).as_secs_f64());
        }
    }
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// With d probers that each visit d peers in turn, one period apart and at independent phases, the first probe after
/// a crash comes d/(d + 1) periods after it on average: the least of d uniform times in [0, d). It is judged one
/// period after it began.
fn law(probers: f64) -> f64 {
    probers / (probers + 1.0) + 1.0
}

#[test]
fn sticky_partners_notice_by_the_law_of_their_number() {
    for partners in [4, 8] {
        let config = Config { partners, ..Config::default() };
        let (mean, error) = first_suspicions(&config, 60, 4);
        let expected = law(partners as f64);
        assert!((mean - expected).abs() < 4.0 * error, "{partners}: {mean} ± {error} against {expected}");
        assert!(error < 0.12, "{error}");
    }
}

#[test]
fn uniform_peers_notice_by_the_law_of_all_members() {
    let config = Config { peers: Peers::Uniform, ..Config::default() };
    let (mean, error) = first_suspicions(&config, 40, 10);
    // Between 39 and 20 members are left to probe.
    let expected = f64::midpoint(law(39.0), law(20.0));
    assert!((mean - expected).abs() < 4.0 * error, "{mean} ± {error} against {expected}");
}
