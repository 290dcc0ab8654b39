use std::{
    net::SocketAddr,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use rumormill_crypto::real;
use rumormill_lab::{ClusterError, Equipment};
use rumormill_protocol::{Contact, NodeId};

use super::{
    FleetCluster, FleetSpec, OnLoss,
    link::{FIRST_PING_EVERY, FIRST_PINGS, Link},
};
use crate::{
    Gate, Muster, Setup,
    agent::wall_clock,
    frame,
    message::{LaunchForm, Reply, Request},
    place::Place,
};

/// How long before its time an action is sent, besides the longest round trip: an agent may be busy with an answer.
const LEAD: Duration = Duration::from_millis(30);

impl FleetCluster {
    /// Waits for the agents, gives each its share, and brings all nodes to life, silent.
    ///
    /// # Errors
    /// When not all agents come, or one cannot carry its share.
    pub fn launch(mut gate: Gate, spec: FleetSpec, mut muster: Muster<'_>) -> Result<Self, ClusterError> {
        let arrivals = gate.muster(&mut muster)?;
        let (epoch, began_ns) = (Instant::now(), (wall_clock().as_nanos() as u64).cast_signed());
        let shares = shares(spec.nodes, arrivals.len());
        let mut agents = Vec::new();
        for (arrival, nodes) in arrivals.into_iter().zip(shares) {
            agents.push(Link::open(&gate, epoch, arrival, nodes)?);
        }
        let own_address = gate.address()?;
        let mut fleet = Self {
            epoch,
            began_ns,
            contacts: Vec::new(),
            agents,
            on_loss: OnLoss::End,
            equipment: Equipment { real_time: true, ..Equipment::default() },
            lead: LEAD,
            failed: None,
            here: Place::here(),
            gate,
        };
        let book = fleet.prepare(&spec)?;
        fleet.contacts =
            (0..).zip(&book).map(|(number, &address)| Contact { id: NodeId(number), address }).collect();
        let mut neighbours: Vec<_> =
            fleet.agents.iter().map(|link| link.connection.remote_address()).collect();
        neighbours.push(own_address);
        let seal = real::Authority::seal().map_err(|error| ClusterError::System {
            what: "make the nodes' certificate authority".into(),
            source: std::io::Error::other(error),
        })?;
        let form = || Request::Launch(LaunchForm::new(book.clone(), neighbours.clone(), seal.clone()));
        for (number, reply) in fleet.ask(|_| form())? {
            let Reply::Launched(equipment) = reply else { return Err(fleet.nonsense(number)) };
            fleet.equipment = equipment.read();
        }
        fleet.synchronise()?;
        fleet.on_loss = spec.on_loss;
        Ok(fleet)
    }

    fn prepare(&mut self, spec: &FleetSpec) -> Result<Vec<SocketAddr>, ClusterError> {
        let setup = |link: &Link| {
            Request::Prepare(Setup {
                protocol: spec.protocol.clone(),
                scenario: spec.scenario.clone(),
                view: spec.view.clone(),
                shards: spec.shards,
                first: link.nodes.start as u32,
                nodes: link.nodes.len() as u32,
            })
        };
        let mut book = Vec::with_capacity(spec.nodes);
        for (number, reply) in self.ask(setup)? {
            let Reply::Prepared(addresses) = reply else { return Err(self.nonsense(number)) };
            if addresses.len() != self.agents[number].nodes.len() {
                return Err(self.nonsense(number));
            }
            book.extend(addresses);
        }
        Ok(book)
    }

    /// Waits until every clock is known.
    fn synchronise(&mut self) -> Result<(), ClusterError> {
        let begun = Instant::now();
        while self.agents.iter().any(|link| link.pings() < FIRST_PINGS) {
            self.look_after()?;
            if begun.elapsed() > frame::PATIENCE {
                return Err(ClusterError::Fleet(
                    "the agents' clocks cannot be compared: pings get lost".into(),
                ));
            }
            thread::sleep(FIRST_PING_EVERY);
        }
        let now = self.now_ns();
        let longest =
            self.agents.iter().filter_map(|link| link.estimate(now)).map(|known| known.round_trip_ns).max();
        self.lead = LEAD + Duration::from_nanos(longest.unwrap_or(0));
        self.note_clocks();
        Ok(())
    }
}

/// Contiguous shares that differ by one node at most.
fn shares(nodes: usize, agents: usize) -> Vec<Range<usize>> {
    (0..agents).map(|agent| nodes * agent / agents..nodes * (agent + 1) / agents).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_all_nodes_once_and_differ_by_one_at_most() {
        for (nodes, agents) in [(50, 4), (3, 4), (10_000, 7), (1, 1), (0, 3)] {
            let shares = shares(nodes, agents);
            assert_eq!(
                shares.iter().flat_map(Clone::clone).collect::<Vec<_>>(),
                (0..nodes).collect::<Vec<_>>()
            );
            let lengths: Vec<_> = shares.iter().map(ExactSizeIterator::len).collect();
            let [least, most] = [lengths.iter().min(), lengths.iter().max()];
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{lengths:?}");
        }
    }
}
