use std::{sync::Arc, time::Duration};

use rumormill_protocol::{Command, Contact, Dot, Entry, NodeId, Purpose, WarmBoot, generator, stream};

use crate::{
    Action, Boot, Census, Cluster, ClusterError, Scenario,
    agenda::{key, value},
    progress::Ticker,
};

/// Between two looks at a cluster that boots.
const POLL: Duration = Duration::from_millis(200);

/// A cluster that is not up this long after all nodes were told to start is measured as it is, and found invalid.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Looks in a row that must find all nodes up: one alone may fall between two steps.
const LOOKS: usize = 2;

/// Makes the nodes a cluster, in which each owns its keys, and says how many nodes are up: they have the
/// connections that they want and know all members.
///
/// At a warm boot all is known to all. Otherwise the seeds know each other and their keys, and all others join
/// through them at once and then write theirs.
pub(crate) fn boot(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    ticker: &mut Ticker<'_>,
) -> Result<usize, ClusterError> {
    let contacts = cluster.contacts();
    let warm = match scenario.cluster.boot {
        Boot::Warm => contacts.len(),
        Boot::Join => scenario.cluster.seeds,
    };
    let (seeds, others) = contacts.split_at(warm.min(contacts.len()));
    let entries = seeds.iter().flat_map(|seed| entries(scenario, seed.id)).collect();
    let common = Arc::new(WarmBoot { roster: seeds.to_vec(), entries });
    for seed in seeds {
        cluster.act(seed.id, Action::Command(Command::Warm(common.clone())))?;
    }
    for other in others {
        join(scenario, cluster, other.id, seeds)?;
    }
    wait(cluster, ticker)
}

/// What a node owns at the start, in the order of its writes.
fn entries(scenario: &Scenario, writer: NodeId) -> Vec<Entry> {
    let mut random = generator(stream(scenario.seed, Purpose::Workload, Some(writer)));
    (0..scenario.cluster.keys_per_node)
        .map(|number| Entry {
            dot: Dot { writer, counter: number as u64 + 1 },
            key: key(number as u32),
            value: value(&mut random, scenario.cluster.value_bytes),
        })
        .collect()
}

fn join(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    node: NodeId,
    seeds: &[Contact],
) -> Result<(), ClusterError> {
    cluster.act(node, Action::Command(Command::Join { seeds: seeds.to_vec() }))?;
    for Entry { key, value, .. } in entries(scenario, node) {
        cluster.act(node, Action::Command(Command::Put { key, value }))?;
    }
    Ok(())
}

fn wait(cluster: &mut dyn Cluster, ticker: &mut Ticker<'_>) -> Result<usize, ClusterError> {
    let nodes = cluster.nodes();
    let give_up = cluster.now() + GIVE_UP;
    let mut looks = 0;
    loop {
        let now = cluster.now();
        cluster.advance_to(now + POLL)?;
        // The boot's events belong to no figure, and must not pile up.
        cluster.drain_events(&mut |_| {});
        let (now, census) = (cluster.now(), cluster.census()?);
        if ticker.is_due(now) {
            ticker.tick(now, &census);
        }
        let up = nodes_up(&census);
        looks = if up == nodes { looks + 1 } else { 0 };
        if looks == LOOKS || now >= give_up {
            return Ok(up);
        }
    }
}

fn nodes_up(census: &Census) -> usize {
    let all = census.nodes.len();
    census.nodes.iter().filter(|node| node.links_pending == 0 && node.alive == all && !node.crashed).count()
}
