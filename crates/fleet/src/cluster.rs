use std::{
    thread,
    time::{Duration, Instant},
};

use rumormill_lab::{Action, Census, Cluster, ClusterError, Equipment, Inspection, Stamped};
use rumormill_measure::{Agent, ClockOffset, Fleet, LoadReport};
use rumormill_protocol::{Contact, NodeId, Time};

use crate::{
    Gate,
    message::{Reply, Request},
    place::Place,
};

mod asking;
mod launch;
mod link;
mod merge;

use link::Link;
use merge::{merge, time_uncertainty_us};

/// How often a sleeping cluster looks whether its agents are there.
const WATCH: Duration = Duration::from_millis(100);

/// What becomes of a run that loses an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// It ends, without a result.
    #[default]
    End,
    /// It goes on; the agent's nodes count as lost, so the result is not valid.
    GoOn,
}

/// What a fleet is made of.
pub struct FleetSpec {
    /// The protocol's name.
    pub protocol: String,
    /// The scenario, resolved, as a file.
    pub scenario: String,
    /// How nodes hold what they know, by its name.
    pub view: String,
    /// Threads of each agent that carry the nodes; 0 is one for each core.
    pub shards: u32,
    /// How many nodes there are in all.
    pub nodes: usize,
    /// What a lost agent means.
    pub on_loss: OnLoss,
}

/// A cluster whose nodes are carried by agents, in contiguous shares of equal size.
///
/// Times are the coordinator's: events are stamped by the agents' clocks and moved by how far these are ahead, as ping-pong
/// tells, cut to whole microseconds. Actions are sent before they are due, and done when they are. Calls block, and must not
/// be made from inside an asynchronous runtime.
pub struct FleetCluster {
    epoch: Instant,
    /// The time of the epoch by this host's clock.
    began_ns: i64,
    contacts: Vec<Contact>,
    agents: Vec<Link>,
    on_loss: OnLoss,
    equipment: Equipment,
    lead: Duration,
    /// Why the run cannot go on; said by the next call that can.
    failed: Option<String>,
    here: Place,
    /// Says no to whoever still comes. It ends last.
    gate: Gate,
}

impl FleetCluster {
    fn note_clocks(&mut self) {
        let now = self.now_ns();
        for link in self.agents.iter_mut().filter(|link| !link.lost) {
            if let Some(known) = link.estimate(now) {
                link.offsets.push(ClockOffset {
                    at_us: (now / 1_000).cast_signed(),
                    // Ours counts from the beginning of the run, and theirs as their host's does.
                    offset_us: (known.offset_ns - self.began_ns) / 1_000,
                    uncertainty_us: known.uncertainty_ns.div_ceil(1_000),
                    round_trip_us: known.round_trip_ns.div_ceil(1_000),
                });
                link.uncertainty_ns_max = link.uncertainty_ns_max.max(known.uncertainty_ns);
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    fn owner(&self, node: NodeId) -> Option<usize> {
        let after = self.agents.partition_point(|link| link.nodes.start <= node.index());
        after.checked_sub(1).filter(|&number| self.agents[number].nodes.contains(&node.index()))
    }

    fn give(&mut self, at: Option<Time>, node: NodeId, action: Action) -> Result<(), ClusterError> {
        self.failure()?;
        let now = self.now_ns();
        let Some(number) = self.owner(node) else {
            return Err(ClusterError::Fleet(format!("{node} is not of this cluster")));
        };
        let link = &mut self.agents[number];
        let offset_ns = link.offset_ns(now);
        // 0 is at once; the agent's clock began before this run.
        let due_ns = at.map_or(0, |at| at.nanos().saturating_add_signed(offset_ns).max(1));
        link.actions.push(due_ns, node, action);
        if link.actions.is_full() {
            self.flush_one(number);
        }
        Ok(())
    }
}

impl Cluster for FleetCluster {
    fn nodes(&self) -> usize {
        self.contacts.len()
    }

    fn contacts(&self) -> Vec<Contact> {
        self.contacts.clone()
    }

    fn equipment(&self) -> Equipment {
        self.equipment.clone()
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError> {
        self.flush()?;
        loop {
            self.look_after()?;
            let left = until - self.now();
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(WATCH));
        }
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        self.give(None, node, action)
    }

    fn lead(&self) -> Duration {
        self.lead
    }

    fn act_at(&mut self, at: Time, node: NodeId, action: Action) -> Result<(), ClusterError> {
        self.give(Some(at), node, action)
    }

    fn begin_load(&mut self) {
        self.note_clocks();
        self.tell(|| Request::BeginLoad);
    }

    fn load(&mut self, own: LoadReport) -> LoadReport {
        self.note_clocks();
        // Who cannot answer is found lost by the next call.
        let Ok(replies) = self.ask(|_| Request::Load) else { return own };
        let mut reports = vec![(self.here.machine.clone(), own)];
        for (number, reply) in replies {
            match reply {
                Reply::Load(report) => reports.push((self.agents[number].place.machine.clone(), report)),
                _ => drop(self.nonsense(number)),
            }
        }
        merge(&reports)
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        // Who cannot answer is reported by the next call that can say so.
        let Ok(replies) = self.ask(|_| Request::Events) else { return };
        let now = self.now_ns();
        for (number, reply) in replies {
            let link = &mut self.agents[number];
            let offset_ns = link.offset_ns(now);
            let events = match reply {
                Reply::Events { events, .. } => events.read(),
                _ => None,
            };
            let events =
                events.filter(|events| events.iter().all(|event| link.nodes.contains(&event.node.index())));
            let Some(events) = events else {
                drop(self.nonsense(number));
                continue;
            };
            for event in events {
                let at = Time(event.at.nanos().saturating_add_signed(offset_ns.saturating_neg()));
                into(Stamped { at, ..event });
            }
        }
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        for (number, reply) in self.ask(|_| Request::Census)? {
            let Reply::Census { census, sent, late_us_max } = reply else {
                return Err(self.nonsense(number));
            };
            let link = &mut self.agents[number];
            (link.sent, link.late_us_max) = (sent, late_us_max);
            if !link.census.read(census) {
                return Err(self.nonsense(number));
            }
        }
        let mut census = Census::default();
        for link in &self.agents {
            census.nodes.extend(link.census.last.nodes.iter().cloned());
            census.lag.add(&link.census.last.lag);
        }
        self.sum_up(&mut census);
        Ok(census)
    }

    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let numbers = |ids: &[NodeId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
        let (asked, of) = (numbers(members), numbers(writers));
        let ask = |_: &Link| Request::Inspect { members: asked.clone(), writers: of.clone() };
        let mut all = Vec::new();
        for (number, reply) in self.ask(ask)? {
            let inspections = match reply {
                Reply::Inspections(form) => form.read(members.len(), writers.len()),
                _ => None,
            };
            let nodes = &self.agents[number].nodes;
            let inspections =
                inspections.filter(|all| all.iter().all(|one| nodes.contains(&one.node.index())));
            all.extend(inspections.ok_or_else(|| self.nonsense(number))?);
        }
        Ok(all)
    }

    fn fleet(&mut self) -> Option<Fleet> {
        self.note_clocks();
        let agent = |link: &Link| Agent {
            host: link.place.host.clone(),
            address: link.connection.remote_address().ip().to_string(),
            first_node: link.nodes.start as u64,
            nodes: link.nodes.len() as u64,
            lost: link.lost,
            clock: link.offsets.clone(),
            control_wire_bytes: link.sent.wire_bytes,
            ..Agent::default()
        };
        Some(Fleet {
            agents: self.agents.iter().map(agent).collect(),
            time_uncertainty_us: time_uncertainty_us(self.agents.iter().map(|link| link.uncertainty_ns_max)),
            negative_latencies: 0,
            actions_late_us_max: self.agents.iter().map(|link| link.late_us_max).max().unwrap_or(0),
        })
    }

    fn shut_down(mut self: Box<Self>) {
        self.tell(|| Request::End);
        // They close when their nodes have ended; one that hangs is left alone, and finds the connection closed.
        let begun = Instant::now();
        let is_there = |link: &Link| !link.lost && link.connection.close_reason().is_none();
        while self.agents.iter().any(is_there) && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
