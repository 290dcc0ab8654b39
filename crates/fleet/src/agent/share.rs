use std::{
    cmp::Reverse, collections::BinaryHeap, net::IpAddr, ops::Range, sync::Arc, thread, time::Duration,
};

use quinn::Connection;
use rumormill_crypto::real::Authority;
use rumormill_lab::{Action, Cluster, Draft, Load, Scenario, Stamped, warm_boot};
use rumormill_measure::IpVersion;
use rumormill_protocol::{Contact, NodeId, Time, WarmBoot};

use super::{Clock, Hosting, Launch, TIMER_SLACK, waiting::Waiting};
use crate::{
    form::{ActionsForm, CensusWriter, EventsForm, InspectionsForm},
    message::{EquipmentForm, LaunchForm, Reply, Request, Sent, Setup},
};

/// Events in one frame.
const EVENTS_AT_ONCE: usize = 1 << 20;

/// What an agent does between dialling in and its end: it keeps its share of the nodes, and answers what it is asked.
pub(super) struct Agent<'a> {
    clock: Clock,
    address: IpAddr,
    connection: Connection,
    hosting: &'a mut dyn Hosting,
    share: Option<(Setup, Scenario)>,
    running: Option<Running>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    order: u64,
    late_us_max: u64,
    census: CensusWriter,
    load: Option<Load>,
    /// Why an action could not be done; said with the next reply.
    failure: Option<String>,
}

struct Running {
    cluster: Box<dyn Cluster>,
    /// The time on the agent's clock at which the cluster's began.
    origin_ns: u64,
    warm: Arc<WarmBoot>,
    nodes: Range<u32>,
}

impl<'a> Agent<'a> {
    pub(super) fn new(
        clock: Clock,
        address: IpAddr,
        connection: Connection,
        hosting: &'a mut dyn Hosting,
    ) -> Self {
        Self {
            clock,
            address,
            connection,
            hosting,
            share: None,
            running: None,
            waiting: BinaryHeap::new(),
            order: 0,
            late_us_max: 0,
            census: CensusWriter::default(),
            load: None,
            failure: None,
        }
    }

    /// How long it is until the next action.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let Reverse(next) = self.waiting.peek()?;
        Some(Duration::from_nanos(next.due_ns.saturating_sub(self.clock.now_ns())))
    }

    /// Sleeps the little that is left until the next action, and does it.
    pub(super) fn act_when_due(&mut self) {
        while let Some(left) = self.next_due().filter(|&left| left <= TIMER_SLACK) {
            thread::sleep(left);
            let Some(Reverse(Waiting { due_ns, node, action, .. })) = self.waiting.pop() else { return };
            let late_us = self.clock.now_ns().saturating_sub(due_ns) / 1_000;
            self.late_us_max = self.late_us_max.max(late_us);
            self.act(node, action);
        }
    }

    fn act(&mut self, node: NodeId, action: Action) {
        let Some(running) = &mut self.running else { return };
        if !running.nodes.contains(&node.0) {
            self.failure = Some(format!("{node} is not of this agent's share"));
        } else if let Err(error) = running.cluster.act(node, action) {
            self.failure = Some(error.to_string());
        }
    }

    pub(super) fn answer(&mut self, request: Request) -> Vec<Reply> {
        let replies = match request {
            Request::Act(form) => self.take_actions(form),
            Request::BeginLoad => {
                self.load = Some(Load::start());
                Ok(Vec::new())
            }
            Request::Prepare(setup) => self.prepare(setup).map(|reply| vec![reply]),
            Request::Launch(form) => self.launch(&form).map(|reply| vec![reply]),
            Request::Load => Ok(vec![Reply::Load(self.load.take().map(Load::stop).unwrap_or_default())]),
            Request::Events => self.events(),
            Request::Census => self.take_census().map(|reply| vec![reply]),
            Request::Inspect { members, writers } => {
                self.inspect(&members, &writers).map(|reply| vec![reply])
            }
            Request::End => Ok(Vec::new()),
        };
        match (replies, self.failure.take()) {
            (Ok(replies), None) => replies,
            // What nothing is answered to is told with the next answer.
            (Ok(replies), Some(failure)) if replies.is_empty() => {
                self.failure = Some(failure);
                replies
            }
            (Ok(_), Some(failure)) | (Err(failure), _) => vec![Reply::Failed(failure)],
        }
    }

    fn prepare(&mut self, setup: Setup) -> Result<Reply, String> {
        let mut draft = Draft::default();
        draft.overlay(&setup.scenario).map_err(|error| error.to_string())?;
        let scenario = draft.finish().map_err(|error| error.to_string())?;
        self.refuse_address(scenario.network.ip)?;
        let addresses = self.hosting.prepare(&setup, &scenario, self.address)?;
        self.share = Some((setup, scenario));
        Ok(Reply::Prepared(addresses))
    }

    /// Nodes listen at the address from which the coordinator is reached.
    fn refuse_address(&self, ip: IpVersion) -> Result<(), String> {
        let address = self.address;
        if IpVersion::of(address) != ip {
            return Err(format!(
                "network.ip is {}, but the coordinator is reached from {address}: let --advertise be an {ip} address",
                u8::from(ip)
            ));
        }
        Ok(())
    }

    fn launch(&mut self, form: &LaunchForm) -> Result<Reply, String> {
        let (setup, scenario) = self.share.as_ref().ok_or("nodes are launched before they are prepared")?;
        let authority = Authority::of(&form.seal()).map_err(|error| error.to_string())?;
        let (book, neighbours) = (form.book.clone(), form.neighbours.clone());
        let numbered = (0..).zip(&form.book);
        let contacts: Vec<_> =
            numbered.map(|(number, &address)| Contact { id: NodeId(number), address }).collect();
        let cluster = self.hosting.launch(Launch { book, neighbours, authority })?;
        let equipment = EquipmentForm::of(cluster.equipment());
        self.running = Some(Running {
            origin_ns: origin_ns(cluster.as_ref(), self.clock),
            cluster,
            warm: Arc::new(warm_boot(scenario, &contacts)),
            nodes: setup.first..setup.first.saturating_add(setup.nodes),
        });
        Ok(Reply::Launched(equipment))
    }

    fn take_actions(&mut self, form: ActionsForm) -> Result<Vec<Reply>, String> {
        let warm = self.running()?.warm.clone();
        let actions = form.read(&warm).ok_or("actions that make no sense")?;
        for (due_ns, node, action) in actions {
            if due_ns == 0 {
                self.act(node, action);
            } else {
                self.order += 1;
                self.waiting.push(Reverse(Waiting { due_ns, order: self.order, node, action }));
            }
        }
        self.act_when_due();
        Ok(Vec::new())
    }

    fn events(&mut self) -> Result<Vec<Reply>, String> {
        let running = self.running()?;
        let (origin, mut events) = (Duration::from_nanos(running.origin_ns), Vec::new());
        running.cluster.drain_events(&mut |event| {
            events.push(Stamped { at: event.at + origin, ..event });
        });
        let mut replies = Vec::new();
        loop {
            let rest = events.split_off(events.len().min(EVENTS_AT_ONCE));
            let more = !rest.is_empty();
            replies.push(Reply::Events { events: EventsForm::of(events), more });
            if !more {
                return Ok(replies);
            }
            events = rest;
        }
    }

    fn take_census(&mut self) -> Result<Reply, String> {
        let census = self.running()?.cluster.census().map_err(|error| error.to_string())?;
        let (sent, late_us_max) = (Sent::of(&self.connection), self.late_us_max);
        Ok(Reply::Census { census: self.census.write(census), sent, late_us_max })
    }

    fn inspect(&mut self, members: &[u32], writers: &[u32]) -> Result<Reply, String> {
        let ids = |numbers: &[u32]| numbers.iter().copied().map(NodeId).collect::<Vec<_>>();
        let inspections = self.running()?.cluster.inspect(&ids(members), &ids(writers));
        let inspections = inspections.map_err(|error| error.to_string())?;
        Ok(Reply::Inspections(InspectionsForm::of(&inspections)))
    }

    fn running(&mut self) -> Result<&mut Running, String> {
        self.running.as_mut().ok_or_else(|| "there are no nodes yet".into())
    }
}

/// When a cluster's time began, on the agent's clock: read between two looks, of which the closest count.
fn origin_ns(cluster: &dyn Cluster, clock: Clock) -> u64 {
    let look = |_| {
        let before = clock.now_ns();
        let there = (cluster.now() - Time::ZERO).as_nanos() as u64;
        let after = clock.now_ns();
        (after - before, before.midpoint(after).saturating_sub(there))
    };
    (0..16).map(look).min().map_or(0, |(_, origin)| origin)
}
