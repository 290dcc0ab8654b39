use std::{sync::Arc, time::Duration};

use rumormill_measure::{Boot as BootReport, Histogram, IpVersion, bytes_by_cause};
use rumormill_protocol::{
    Command, Contact, Dot, Entry, NodeId, Purpose, Tag, Time, WarmBoot, generator, stream,
};

use crate::{
    Action, Boot, Cluster, Look, Scenario, Stamped,
    agenda::{key, value},
    progress::Ticker,
    stop::Stop,
};

/// Between two looks at a cluster that boots, at least.
const POLL: Duration = Duration::from_millis(200);

/// A cluster that is not up so long after the first node was told to start is measured as it is, and found invalid:
/// at least this, and longer the more nodes there are: 10,000 real ones that join take two cores 211 s.
const GIVE_UP_LEAST: Duration = Duration::from_secs(60);
const GIVE_UP_PER_NODE: Duration = Duration::from_millis(60);

/// Looks in a row that must find all nodes up: one alone may fall between two steps.
const LOOKS: usize = 2;

/// Makes the nodes a cluster, in which each owns its keys, and fills in how that went. A node is up when it knows all
/// members, and once had all connections that it wanted: in a large cluster there is always one that changes a partner.
///
/// At a warm boot all is known to all. Otherwise the seeds know each other and their keys, and all others join
/// through them at once and then write theirs.
pub(crate) fn boot(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    ticker: &mut Ticker<'_>,
    report: &mut BootReport,
    hear: &mut dyn FnMut(Stamped),
) -> Result<(), Stop> {
    let mut contacts = cluster.contacts();
    // Others come later.
    contacts.truncate(scenario.cluster.nodes);
    let (mode, warm) = match scenario.cluster.boot {
        Boot::Warm => ("warm", contacts.len()),
        Boot::Join => ("join", scenario.cluster.seeds),
    };
    mode.clone_into(&mut report.mode);
    let (seeds, others) = contacts.split_at(warm.min(contacts.len()));
    let common = Arc::new(warm_boot(scenario, &contacts));
    let mut looks = Looks::new(cluster.now(), contacts.len(), scenario.network.ip, report);
    for seed in seeds {
        ticker.check()?;
        cluster.act(seed.id, Action::Command(Command::Warm(common.clone())))?;
    }
    for other in others {
        ticker.check()?;
        join(scenario, cluster, other.id, seeds)?;
    }
    looks.wait(cluster, ticker, hear)
}

/// What the first nodes of a cluster know of each other and own: all of them at a warm boot, else the seeds. It depends on the
/// scenario and these contacts of all nodes alone.
pub fn warm_boot(scenario: &Scenario, contacts: &[Contact]) -> WarmBoot {
    let warm = match scenario.cluster.boot {
        Boot::Warm => scenario.cluster.nodes,
        Boot::Join => scenario.cluster.seeds,
    };
    let seeds = &contacts[..warm.min(contacts.len())];
    let entries = seeds.iter().flat_map(|seed| entries(scenario, seed.id)).collect();
    WarmBoot::new(seeds.to_vec(), entries)
}

/// What a node owns at the start, in the order of its writes.
pub(crate) fn entries(scenario: &Scenario, writer: NodeId) -> Vec<Entry> {
    let mut random = generator(stream(scenario.seed, Purpose::Workload, Some(writer)));
    (0..scenario.cluster.keys_per_node)
        .map(|number| Entry {
            dot: Dot { writer, counter: number as u64 + 1 },
            key: key(number as u32),
            value: value(&mut random, scenario.cluster.value_bytes),
            tag: Tag::default(),
        })
        .collect()
}

fn join(scenario: &Scenario, cluster: &mut dyn Cluster, node: NodeId, seeds: &[Contact]) -> Result<(), Stop> {
    cluster.act(node, Action::Command(Command::Join { seeds: seeds.to_vec() }))?;
    for Entry { key, value, .. } in entries(scenario, node) {
        cluster.act(node, Action::Command(Command::Put { key, value }))?;
    }
    Ok(())
}

/// What is seen of a cluster that boots.
struct Looks<'a> {
    began: Time,
    report: &'a mut BootReport,
    /// By number, whether a node was seen to take all members for alive.
    knew_all: Vec<bool>,
    /// And whether it was seen then with all connections that it wanted.
    was_linked: Vec<bool>,
    know_all: Histogram,
    ip: IpVersion,
}

impl<'a> Looks<'a> {
    fn new(began: Time, nodes: usize, ip: IpVersion, report: &'a mut BootReport) -> Self {
        let (knew_all, was_linked) = (vec![false; nodes], vec![false; nodes]);
        Self { began, report, knew_all, was_linked, know_all: Histogram::default(), ip }
    }

    fn wait(
        &mut self,
        cluster: &mut dyn Cluster,
        ticker: &mut Ticker<'_>,
        hear: &mut dyn FnMut(Stamped),
    ) -> Result<(), Stop> {
        let nodes = self.knew_all.len();
        let give_up = self.began + GIVE_UP_LEAST.max(GIVE_UP_PER_NODE * nodes as u32);
        let mut in_a_row = 0;
        while in_a_row < LOOKS && cluster.now() < give_up {
            ticker.check()?;
            let until = cluster.now() + ticker.pause(POLL);
            cluster.advance_to(until)?;
            // The boot's events belong to no figure, and must not pile up.
            cluster.drain_events(hear);
            let (now, look) = (cluster.now(), ticker.look(cluster)?);
            if ticker.is_due(now) {
                ticker.tick(now, &look);
            }
            let was_up = in_a_row > 0;
            in_a_row = if self.nodes_up(&look) == nodes { in_a_row + 1 } else { 0 };
            // The second look confirms the first, which is what counts.
            if !(was_up && in_a_row > 0) {
                self.see(now, &look);
            }
        }
        Ok(())
    }

    fn see(&mut self, now: Time, look: &Look) {
        let nodes = self.knew_all.len();
        let nodes_up = self.nodes_up(look) as u64;
        for (node, knew_all) in look.nodes.iter().zip(&mut self.knew_all) {
            if !*knew_all && node.alive == nodes {
                *knew_all = true;
                self.know_all.record(now - self.began);
            }
        }
        let wire_bytes = look.sent.wire_bytes(self.ip);
        let report = &mut *self.report;
        report.nodes_up = nodes_up;
        report.known_pairs = look.nodes[..nodes].iter().map(|node| node.alive as u64).sum();
        report.seconds = (now - self.began).as_secs_f64();
        report.know_all_us = self.know_all.summary();
        report.wire_bytes = wire_bytes;
        report.by_cause_bytes = bytes_by_cause(&look.sent, self.ip);
        report.wire_bytes_per_node = if nodes > 0 { wire_bytes as f64 / nodes as f64 } else { 0.0 };
    }

    fn nodes_up(&mut self, look: &Look) -> usize {
        let all = self.knew_all.len();
        let mut up = 0;
        for (node, was_linked) in look.nodes.iter().zip(&mut self.was_linked) {
            let knows_all = node.alive == all && !node.crashed;
            *was_linked |= knows_all && node.links_pending == 0;
            up += usize::from(knows_all && *was_linked);
        }
        up
    }
}
