use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant, SystemTime},
};

use quinn::{Connection, VarInt};
use rumormill_crypto::real::{Authority, IdentityError};
use rumormill_lab::{Cluster, Scenario};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    Token, Version, frame,
    gate::runtime,
    identity::OTHER_RUN,
    message::{Reply, Request, Setup, ping},
};

mod dial;
mod share;
mod waiting;

use dial::dial_in;
use share::Agent;

/// Requests and replies that wait in an agent.
const WAITING_MAX: usize = 1_024;

/// A timer may be this late, so the rest of the time until an action is slept.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// What an agent begins with.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// Host and port of the coordinator.
    pub coordinator: String,
    /// The run's token.
    pub token: Token,
    /// What this program is.
    pub version: Version,
    /// How long the coordinator is tried for.
    pub dial_for: Duration,
    /// For tests: how far ahead the clock is to seem.
    pub clock_ahead: Duration,
}

/// Who brings nodes to life in an agent's process.
pub trait Hosting {
    /// Binds sockets for the nodes at an address of this host, and says where they will listen.
    ///
    /// # Errors
    /// Why it cannot be done, in a sentence.
    fn prepare(
        &mut self,
        setup: &Setup,
        scenario: &Scenario,
        address: IpAddr,
    ) -> Result<Vec<SocketAddr>, String>;

    /// Brings the nodes to life, as a cluster of its own whose nodes are numbered as in the whole.
    ///
    /// # Errors
    /// Why it cannot be done, in a sentence.
    fn launch(&mut self, launch: Launch) -> Result<Box<dyn Cluster>, String>;
}

/// What nodes are brought to life with.
pub struct Launch {
    /// Where all nodes of the cluster listen.
    pub book: Vec<SocketAddr>,
    /// Sockets of the run that are no nodes'.
    pub neighbours: Vec<SocketAddr>,
    /// Who makes the nodes' certificates.
    pub authority: Authority,
}

/// Why an agent ended before its run.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The coordinator was not found or did not answer.
    #[error("the coordinator at {0} does not answer: {1}")]
    Unreachable(String, String),
    /// It is that of another run, or somebody else.
    #[error("{OTHER_RUN}; either the token or the coordinator's address is of another run")]
    OtherRun,
    /// It does not want this agent.
    #[error("the coordinator refused this agent: {0}")]
    Refused(String),
    /// The connection to it was lost in the run.
    #[error("the coordinator is gone: {0}")]
    Gone(String),
    /// This machine does not do what an agent needs.
    #[error("{0}")]
    Here(String),
}

impl From<IdentityError> for AgentError {
    fn from(error: IdentityError) -> Self {
        Self::Here(error.to_string())
    }
}

/// Dials in, carries its share of one run, and returns when that has ended.
///
/// # Errors
/// When it does not come to that: also when the coordinator is gone, at most 10 s after it is.
pub fn serve(options: &AgentOptions, hosting: &mut dyn Hosting) -> Result<(), AgentError> {
    let clock = Clock { base: Instant::now(), began: wall_clock() + options.clock_ahead };
    let runtime = runtime().map_err(|error| AgentError::Here(error.to_string()))?;
    let (endpoint, connection, address) = runtime.block_on(dial_in(options))?;
    let (requests, mut inbox) = mpsc::channel(WAITING_MAX);
    let (replies, outbox) = mpsc::channel(WAITING_MAX);
    let (sent_all, written) = oneshot::channel();
    runtime.spawn(answer_pings(connection.clone(), clock));
    runtime.spawn(exchange(connection.clone(), requests, outbox, sent_all));
    let mut agent = Agent::new(clock, address, connection.clone(), hosting);
    let ended = loop {
        let next = match agent.next_due() {
            None => runtime.block_on(inbox.recv()),
            Some(due) => {
                let left = due.saturating_sub(TIMER_SLACK);
                match runtime.block_on(async { timeout(left, inbox.recv()).await }) {
                    Ok(request) => request,
                    Err(_) => {
                        agent.act_when_due();
                        continue;
                    }
                }
            }
        };
        match next {
            Some(Request::End) => break Ok(()),
            Some(request) => {
                for reply in agent.answer(request) {
                    // Where nobody writes any more, nothing comes in either.
                    let _ = replies.blocking_send(reply);
                }
            }
            None => {
                let why = connection.close_reason();
                let why = why.map_or_else(|| "its stream ended".to_owned(), |why| why.to_string());
                break Err(AgentError::Gone(why));
            }
        }
    };
    // Nodes end before the connection: the coordinator takes its end for theirs.
    drop(agent);
    drop(replies);
    let _ = runtime.block_on(async { timeout(Duration::from_secs(1), written).await });
    endpoint.close(VarInt::from_u32(0), b"done");
    let _ = runtime.block_on(async { timeout(Duration::from_secs(1), endpoint.wait_idle()).await });
    ended
}

/// An agent's clock: its host's when it began, and steady from there on.
#[derive(Clone, Copy, Debug)]
struct Clock {
    base: Instant,
    began: Duration,
}

impl Clock {
    fn now_ns(self) -> u64 {
        (self.began + self.base.elapsed()).as_nanos() as u64
    }
}

/// The time since 1970.
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

async fn answer_pings(connection: Connection, clock: Clock) {
    while let Ok(ping) = connection.read_datagram().await {
        if let Some(pong) = ping::answer(&ping, clock.now_ns()) {
            // A pong that finds no room is one less.
            let _ = connection.send_datagram(pong.into());
        }
    }
}

/// Passes requests in and replies out until either ends.
async fn exchange(
    connection: Connection,
    requests: mpsc::Sender<Request>,
    mut replies: mpsc::Receiver<Reply>,
    written: oneshot::Sender<()>,
) {
    let Ok((mut send, mut receive)) = connection.accept_bi().await else { return };
    let reading = tokio::spawn(async move {
        while let Ok(request) = frame::read(&mut receive).await {
            if requests.send(request).await.is_err() {
                return;
            }
        }
    });
    while let Some(reply) = replies.recv().await {
        if frame::write(&mut send, &reply).await.is_err() {
            break;
        }
    }
    let _ = send.finish();
    let _ = written.send(());
    // Without replies requests are no use; what reads them ends with the connection.
    let _ = reading.await;
}
