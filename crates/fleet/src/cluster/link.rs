use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use quinn::{Connection, RecvStream, SendStream};
use rumormill_lab::ClusterError;
use rumormill_measure::ClockOffset;

use crate::{
    Gate,
    clock::{Clock, Estimate},
    form::{Actions, CensusReader},
    frame::FrameError,
    gate::Arrival,
    message::{Sent, ping},
    place::Place,
};

/// Pings before the boot, and between them.
pub(super) const FIRST_PINGS: usize = 30;
pub(super) const FIRST_PING_EVERY: Duration = Duration::from_millis(10);
/// Between two later pings: with their answers some 500 bytes a second.
const PING_EVERY: Duration = Duration::from_millis(250);
/// Pings that may be without an answer; older ones are lost.
const PINGS_OPEN_MAX: usize = 64;

/// One agent as the coordinator sees it.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) receive: RecvStream,
    clock: Arc<Mutex<Clock>>,
    pub(super) nodes: Range<usize>,
    pub(super) actions: Actions,
    pub(super) census: CensusReader,
    pub(super) sent: Sent,
    pub(super) late_us_max: u64,
    pub(super) offsets: Vec<ClockOffset>,
    /// The most by which an offset that times were moved by may have been wrong.
    pub(super) uncertainty_ns_max: u64,
    pub(super) lost: bool,
}

impl Link {
    pub(super) fn open(
        gate: &Gate,
        epoch: Instant,
        arrival: Arrival,
        nodes: Range<usize>,
    ) -> Result<Self, ClusterError> {
        let Arrival { number, connection, place } = arrival;
        let name = format!("agent {number} on {} ({})", place.host, connection.remote_address().ip());
        let (send, receive) = gate
            .runtime()
            .block_on(connection.open_bi())
            .map_err(|error| ClusterError::Fleet(format!("lost {name}: {error}")))?;
        let clock = Arc::new(Mutex::new(Clock::default()));
        gate.runtime().spawn(compare_clocks(connection.clone(), epoch, clock.clone()));
        Ok(Self {
            name,
            place,
            connection,
            send,
            receive,
            clock,
            census: CensusReader::new(nodes.len()),
            nodes,
            actions: Actions::default(),
            sent: Sent::default(),
            late_us_max: 0,
            offsets: Vec::new(),
            uncertainty_ns_max: 0,
            lost: false,
        })
    }

    pub(super) fn estimate(&self, now_ns: u64) -> Option<Estimate> {
        lock(&self.clock).estimate(now_ns)
    }

    /// How far its clock is ahead, to move times by.
    pub(super) fn offset_ns(&mut self, now_ns: u64) -> i64 {
        let known = self.estimate(now_ns).unwrap_or_default();
        self.uncertainty_ns_max = self.uncertainty_ns_max.max(known.uncertainty_ns);
        known.offset_ns
    }

    pub(super) fn pings(&self) -> usize {
        lock(&self.clock).len()
    }

    /// Why nothing came: the connection knows better than the stream.
    pub(super) fn explain(&self, error: &FrameError) -> String {
        self.connection.close_reason().map_or_else(|| error.to_string(), |why| why.to_string())
    }
}

/// A poisoned lock only says that a task panicked.
fn lock(clock: &Mutex<Clock>) -> MutexGuard<'_, Clock> {
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends pings for as long as the connection lasts, and reads their answers.
async fn compare_clocks(connection: Connection, epoch: Instant, clock: Arc<Mutex<Clock>>) {
    let now_ns = || epoch.elapsed().as_nanos() as u64;
    let mut open = BTreeMap::new();
    let mut next = tokio::time::Instant::now();
    for number in 0.. {
        let every = if (number as usize) < FIRST_PINGS { FIRST_PING_EVERY } else { PING_EVERY };
        next += every;
        open.insert(number, now_ns());
        if open.len() > PINGS_OPEN_MAX {
            open.pop_first();
        }
        if connection.send_datagram(ping::write(number).into()).is_err() {
            return;
        }
        loop {
            tokio::select! {
                pong = connection.read_datagram() => {
                    let received = now_ns();
                    let Ok(pong) = pong else { return };
                    let Some((number, theirs)) = ping::read(&pong) else { continue };
                    if let Some(sent) = open.remove(&number) {
                        lock(&clock).add(sent, theirs, received);
                    }
                }
                () = tokio::time::sleep_until(next) => break,
            }
        }
    }
}
