use rumormill_protocol::{Command, LinkEvent, NodeId, Output, Protocol, Start, Time, View};

use crate::{
    core::{Core, Stage},
    timing::Timing,
};

mod coordinator;
mod message;
mod record;
mod reporter;

use coordinator::Coordinator;
pub use message::Message;
use record::Subject;
use reporter::Reporter;

/// Everybody reports to one coordinator: it watches all, and all learn from it alone.
///
/// # Checks
/// Each of the N−1 members reports to the coordinator once in a protocol period, at a random phase of its own, and
/// says how far it has taken the coordinator's record of changes. The answer is what followed: who died, came back,
/// joined or left, and what was written. That is 2·(N−1) messages a period, and connections with the coordinator alone.
///
/// # Detection
/// The coordinator suspects a member whose last report is one protocol period and one probe timeout old, and takes it
/// for dead when the suspicion has lasted [`Timing::suspicion_timeout`]; any report ends it. So for a period T', a
/// probe timeout t, a suspicion time S and a one-way delay l, a crashed member is suspected after a time uniform between
/// t + l and t + l + T', and the coordinator declares it dead S later. Each other member learns of the death with the
/// answer to its next report: up to T' + 2·l later. Suspicions are not told. A node that was itself asleep at a
/// deadline judges nobody by it.
///
/// A member whose report is not answered within the probe timeout suspects the coordinator, and later takes it for
/// dead, by itself and for itself.
///
/// # When the coordinator is gone
/// Nobody detects anything but that, and no write spreads. Its next life begins with an empty record: members give it
/// their own writes, and the writes of members that died meanwhile are lost to it.
///
/// # Joining
/// A node only needs the coordinator's address. A seed that is not the coordinator answers with it. The record then
/// brings everything, from its first place on, in parts of about 64 KiB.
///
/// # State
/// A writer sends its writes to the coordinator, which numbers them in its record and gives them out in its answers. On
/// a new connection the coordinator says up to which version it has the member's writes, and gets the rest.
///
/// # Memory
/// A member holds what changed since the boot. The coordinator also holds a deadline for each member.
#[derive(Debug)]
pub struct Central {
    core: Core<Message>,
    role: Role,
}

/// Settings of [`Central`], the same for all nodes of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct CentralConfig {
    /// When members are checked, suspected and taken for dead.
    pub timing: Timing,
    /// Who coordinates.
    pub coordinator: NodeId,
}

impl Default for CentralConfig {
    /// Node 0 coordinates.
    fn default() -> Self {
        Self { timing: Timing::default(), coordinator: NodeId(0) }
    }
}

#[derive(Debug)]
enum Role {
    Coordinator(Box<Coordinator>),
    Member(Reporter),
}

impl Protocol for Central {
    type Config = CentralConfig;
    type Message = Message;

    fn new(config: &CentralConfig, start: &Start, _now: Time) -> Self {
        let role = if start.me == config.coordinator {
            Role::Coordinator(Box::new(Coordinator::new(start.generation)))
        } else {
            Role::Member(Reporter::new(config.coordinator))
        };
        Self { core: Core::new(*start, config.timing.clone()), role }
    }

    fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        let core = &mut self.core;
        if !core.is_started() || from == core.start.me || core.is_over(from, message.life) {
            return;
        }
        match &mut self.role {
            Role::Coordinator(coordinator) => coordinator.handle_message(now, core, from, message),
            Role::Member(reporter) => reporter.handle_message(core, from, message),
        }
    }

    fn handle_link(&mut self, _now: Time, peer: NodeId, link: LinkEvent) {
        if self.core.is_started()
            && let Role::Member(reporter) = &mut self.role
        {
            reporter.handle_link(&mut self.core, peer, link);
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if !self.core.is_started() {
            return;
        }
        match &mut self.role {
            Role::Coordinator(coordinator) => coordinator.handle_timeout(now, &mut self.core),
            Role::Member(reporter) => reporter.handle_timeout(now, &mut self.core),
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        let core = &mut self.core;
        match command {
            Command::Warm(warm) if core.stage == Stage::Idle => {
                core.begin(Some(&warm));
                match &mut self.role {
                    Role::Coordinator(coordinator) => coordinator.warm(now, core, &warm),
                    Role::Member(reporter) => reporter.warm(now, core, &warm),
                }
            }
            Command::Join { seeds } if core.stage == Stage::Idle => {
                core.begin(None);
                match &mut self.role {
                    Role::Coordinator(coordinator) => coordinator.join(core, &seeds),
                    Role::Member(reporter) => reporter.join(now, core, &seeds),
                }
            }
            Command::Leave if core.is_started() => {
                match &self.role {
                    Role::Coordinator(coordinator) => coordinator.leave(core),
                    Role::Member(reporter) => reporter.leave(core),
                }
                core.stage = Stage::Gone;
            }
            Command::Put { key, value } if core.is_started() => {
                let Some(entry) = core.put(key, value) else { return };
                match &mut self.role {
                    Role::Coordinator(coordinator) => coordinator.wrote(core, Subject::Write(entry.dot)),
                    Role::Member(reporter) => reporter.wrote(core, &entry),
                }
            }
            Command::Delete { .. } if core.is_started() => core.delete(),
            Command::Warm(_)
            | Command::Join { .. }
            | Command::Leave
            | Command::Put { .. }
            | Command::Delete { .. }
            | Command::Propose { .. } => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        self.core.out.pop()
    }

    fn poll_timeout(&self) -> Option<Time> {
        if !self.core.is_started() {
            return None;
        }
        match &self.role {
            Role::Coordinator(coordinator) => coordinator.next_deadline(),
            Role::Member(reporter) => reporter.next_deadline(),
        }
    }

    fn view(&self) -> &dyn View {
        &self.core
    }
}
