use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use quinn::{Connection, Endpoint, Incoming, VarInt};
use rumormill_crypto::real::IdentityError;
use rumormill_lab::ClusterError;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::timeout,
};

use crate::{
    Token, Version,
    frame::{self, FrameError, STRANGER_BYTES_MAX},
    identity::{Authority, agent_of},
    message::{Answer, Hello, Introduction},
    place::Place,
};

/// How long a stranger may take to say what it wants.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);

/// Connections that may be between their first packet and their admission.
const STRANGERS_MAX: usize = 64;

/// Between two looks while agents are awaited.
const LOOK: Duration = Duration::from_millis(100);

/// Where agents dial in: it listens from when it is opened, and refuses who comes too late or is one too many.
pub struct Gate {
    runtime: Runtime,
    endpoint: Endpoint,
    token: Token,
    roll: Arc<Mutex<Roll>>,
    arrivals: mpsc::Receiver<Arrival>,
}

/// An agent that has come.
pub(crate) struct Arrival {
    pub(crate) number: u32,
    pub(crate) connection: Connection,
    pub(crate) place: Place,
}

/// What the coordinator waits for agents with.
pub struct Muster<'a> {
    /// How long at most.
    pub patience: Duration,
    /// Whether it is to be given up.
    pub interrupted: &'a dyn Fn() -> bool,
    /// Looks after whatever starts the agents; fails when one of them has ended.
    pub watch: &'a mut dyn FnMut() -> Result<(), String>,
    /// Is told of each that comes.
    pub say: &'a mut dyn FnMut(&str),
}

/// Who is in.
struct Roll {
    expected: usize,
    /// By number, when an agent was given its certificate, and whether it has come back with it.
    admitted: BTreeMap<u32, (Instant, bool)>,
    has_begun: bool,
}

impl Roll {
    /// A number for one more agent, or why there is none.
    fn admit(&mut self, now: Instant) -> Result<u32, String> {
        if self.has_begun {
            return Err("the run has begun, so this agent is too late".into());
        }
        // Who has not come back with its certificate in time does not come any more.
        self.admitted.retain(|_, &mut (at, came)| came || now - at < STRANGER_PATIENCE);
        let number = (0..self.expected as u32).find(|number| !self.admitted.contains_key(number));
        let number = number.ok_or_else(|| {
            format!("all {} agents of this run are there, so this one is too many", self.expected)
        })?;
        self.admitted.insert(number, (now, false));
        Ok(number)
    }

    /// An agent comes back with its certificate.
    fn welcome(&mut self, number: u32) -> Result<(), String> {
        match self.admitted.get_mut(&number) {
            Some((_, came)) if !*came && !self.has_begun => {
                *came = true;
                Ok(())
            }
            _ => Err("this agent is there already, or came too late".into()),
        }
    }

    fn leave(&mut self, number: u32) {
        if !self.has_begun {
            self.admitted.remove(&number);
        }
    }
}

impl Gate {
    /// Listens for so many agents, with a new token.
    ///
    /// # Errors
    /// When the operating system refuses the socket or the cryptography fails.
    pub fn open(listen: SocketAddr, agents: usize, version: Version) -> Result<Self, ClusterError> {
        let identity = |error: IdentityError| ClusterError::System {
            what: "make the run's certificate authority".into(),
            source: io::Error::other(error),
        };
        let authority = Authority::new().map_err(identity)?;
        let token = authority.token().map_err(identity)?;
        let config = authority.coordinator().map_err(identity)?;
        let runtime = runtime()?;
        let endpoint = {
            let _inside = runtime.enter();
            Endpoint::server(config, listen)
        };
        let endpoint = endpoint.map_err(|source| ClusterError::System {
            what: format!("listen for agents at {listen}"),
            source,
        })?;
        let roll = Roll { expected: agents, admitted: BTreeMap::new(), has_begun: false };
        let roll = Arc::new(Mutex::new(roll));
        let (comes, arrivals) = mpsc::channel(agents.max(1));
        let desk = Arc::new(Desk { authority, token: token.clone(), version, roll: roll.clone(), comes });
        let listening = endpoint.clone();
        runtime.spawn(async move {
            while let Some(incoming) = listening.accept().await {
                if Arc::strong_count(&desk) > STRANGERS_MAX {
                    incoming.refuse();
                    continue;
                }
                let desk = desk.clone();
                tokio::spawn(async move { desk.receive(incoming).await });
            }
        });
        Ok(Self { runtime, endpoint, token, roll, arrivals })
    }

    /// What lets agents in.
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> Result<SocketAddr, ClusterError> {
        self.endpoint.local_addr().map_err(|source| ClusterError::System {
            what: "find out where it listens for agents".into(),
            source,
        })
    }

    /// Waits until all agents are there, and lets nobody in from then on.
    pub(crate) fn muster(&mut self, muster: &mut Muster<'_>) -> Result<Vec<Arrival>, ClusterError> {
        let begun = Instant::now();
        let mut there: BTreeMap<u32, Arrival> = BTreeMap::new();
        loop {
            let next = self.runtime.block_on(async { timeout(LOOK, self.arrivals.recv()).await });
            if let Ok(Some(arrival)) = next {
                let (from, host) = (arrival.connection.remote_address().ip(), arrival.place.host.clone());
                there.insert(arrival.number, arrival);
                (muster.say)(&format!(
                    "agent {} of {} is there: {host} ({from})",
                    there.len(),
                    self.expected()
                ));
            }
            there.retain(|&number, arrival| {
                let is_lost = arrival.connection.close_reason().is_some();
                if is_lost {
                    (muster.say)(&format!("agent {number} is gone again"));
                    lock(&self.roll).leave(number);
                }
                !is_lost
            });
            if there.len() == self.expected() {
                lock(&self.roll).has_begun = true;
                let mut arrivals: Vec<_> = there.into_values().collect();
                arrivals.sort_by_key(|arrival| (arrival.connection.remote_address().ip(), arrival.number));
                return Ok(arrivals);
            }
            if (muster.interrupted)() {
                return Err(ClusterError::Interrupted);
            }
            (muster.watch)().map_err(ClusterError::Fleet)?;
            if begun.elapsed() > muster.patience {
                let hosts: Vec<_> = there
                    .values()
                    .map(|agent| format!("{} ({})", agent.place.host, agent.connection.remote_address().ip()))
                    .collect();
                let there = if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") };
                return Err(ClusterError::Fleet(format!(
                    "only {} of {} agents dialled in within {} s: {there}",
                    hosts.len(),
                    self.expected(),
                    muster.patience.as_secs()
                )));
            }
        }
    }

    fn expected(&self) -> usize {
        lock(&self.roll).expected
    }

    pub(crate) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Closes all connections, and waits a little for the others to hear of it.
    pub(crate) fn close(&self, why: &str) {
        self.endpoint.close(VarInt::from_u32(0), why.as_bytes());
        let _ = self.runtime.block_on(async { timeout(LOOK, self.endpoint.wait_idle()).await });
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close("the run has ended");
    }
}

/// One thread for all connections of this process.
pub(crate) fn runtime() -> Result<Runtime, ClusterError> {
    Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build().map_err(|source| {
        ClusterError::System { what: "start the thread of the control connections".into(), source }
    })
}

/// A poisoned lock only says that a task panicked; the roll stays as good as it was.
fn lock(roll: &Mutex<Roll>) -> MutexGuard<'_, Roll> {
    roll.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is needed to receive agents.
struct Desk {
    authority: Authority,
    token: Token,
    version: Version,
    roll: Arc<Mutex<Roll>>,
    comes: mpsc::Sender<Arrival>,
}

impl Desk {
    async fn receive(&self, incoming: Incoming) {
        // Whoever fails at the handshake was told why by TLS.
        let Ok(Ok(connection)) = timeout(STRANGER_PATIENCE, incoming).await else { return };
        match agent_of(&connection) {
            // A stranger that breaks off needs no answer.
            None => drop(timeout(STRANGER_PATIENCE, self.admit(&connection)).await),
            Some(number) => {
                let came = lock(&self.roll).welcome(number);
                if let Err(why) = came {
                    connection.close(VarInt::from_u32(1), why.as_bytes());
                    return;
                }
                match timeout(STRANGER_PATIENCE, introduction(&connection)).await {
                    Ok(Ok(Introduction { place })) => {
                        let _ = self.comes.send(Arrival { number, connection, place }).await;
                    }
                    _ => lock(&self.roll).leave(number),
                }
            }
        }
    }

    async fn admit(&self, connection: &Connection) -> Result<(), FrameError> {
        let lost = |error: quinn::ConnectionError| FrameError::Connection(error.to_string());
        let (mut send, mut receive) = connection.accept_bi().await.map_err(lost)?;
        let hello = frame::read_bytes(&mut receive, STRANGER_BYTES_MAX).await?;
        let answer = match self.judge(&hello) {
            Ok(certificate) => Answer::Welcome(certificate),
            Err(why) => Answer::Refused(why),
        };
        frame::write_bytes(&mut send, &answer.write()).await?;
        let _ = send.finish();
        // The stranger closes when it has read the answer.
        connection.closed().await;
        Ok(())
    }

    fn judge(&self, hello: &[u8]) -> Result<Vec<u8>, String> {
        let Version { protocol, tool } = &self.version;
        let Some((version, hello)) = Hello::read(hello, *protocol) else {
            return Err("this is not an agent".into());
        };
        let Some(hello) = hello else {
            return Err(if version == *protocol {
                "what the agent said cannot be read".into()
            } else {
                format!(
                    "the agent speaks version {version} of the control protocol, and the coordinator {protocol}"
                )
            });
        };
        if !self.token.admits(&hello.secret) {
            return Err("the token is not the one of this run".into());
        }
        if hello.tool != *tool {
            let theirs = hello.tool.escape_debug();
            return Err(format!(
                "the agent is {theirs}, and the coordinator {tool}: both must be the same build"
            ));
        }
        let number = lock(&self.roll).admit(Instant::now())?;
        self.authority.admit(number, hello.key).map_err(|error| error.to_string())
    }
}

async fn introduction(connection: &Connection) -> Result<Introduction, FrameError> {
    let lost = |error: quinn::ConnectionError| FrameError::Connection(error.to_string());
    let mut stream = connection.accept_uni().await.map_err(lost)?;
    frame::read(&mut stream).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_admits_as_many_as_are_expected_until_the_run_begins() {
        let mut roll = Roll { expected: 2, admitted: BTreeMap::new(), has_begun: false };
        let now = Instant::now();
        assert_eq!([roll.admit(now), roll.admit(now)], [Ok(0), Ok(1)]);
        assert!(roll.admit(now).is_err_and(|why| why.contains("too many")));
        assert_eq!(roll.welcome(1), Ok(()));
        assert!(roll.welcome(1).is_err(), "a certificate serves once");
        assert!(roll.welcome(2).is_err());
        // The first never came back.
        assert_eq!(roll.admit(now + STRANGER_PATIENCE), Ok(0));
        roll.leave(1);
        assert_eq!(roll.admit(now + STRANGER_PATIENCE), Ok(1));
        roll.has_begun = true;
        assert!(roll.admit(now).is_err_and(|why| why.contains("too late")));
        assert!(roll.welcome(0).is_err());
        roll.leave(0);
        assert!(roll.admitted.contains_key(&0), "who is lost later is not replaced");
    }
}
