use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use rumormill_protocol::{Entry, NodeId, WarmBoot, is_shared};

use crate::{
    commons::Commons, membership::opinion_hash, mix::mix2, parts::BasePart, standing::Standing,
    stated::Start, store::version_hash, writer_log::Squeezed,
};

/// A warm boot and what every node makes of it.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) warm: Arc<WarmBoot>,
    /// Names the roster and the writes that come with it: two nodes with equal hashes may name its members by index, and say
    /// of writers that they have of them what came with it.
    pub(crate) roster_hash: u64,
    /// Of the membership table in which all of the roster are alive in the first incarnation.
    pub(crate) members_hash: u64,
    /// Of the versions of all writers.
    pub(crate) state_hash: u64,
    /// Whether any write is of a key that several write.
    pub(crate) shares: bool,
    /// How the state is cut into messages, once that was asked for.
    parts: OnceLock<Vec<BasePart>>,
    /// The versions of all writers, once that was asked for.
    digest: OnceLock<Start>,
    /// The lengths of writers' logs when compressed, by the writer's number, once that was asked for.
    squeezed_logs: OnceLock<Vec<Squeezed>>,
}

impl Base {
    /// Looks at everything once; from the commons it was looked at before.
    pub(crate) fn of(warm: &Arc<WarmBoot>, commons: Option<&Arc<Commons>>) -> Arc<Self> {
        commons.map_or_else(|| Arc::new(Self::new(warm)), |commons| commons.base(warm))
    }

    pub(crate) fn new(warm: &Arc<WarmBoot>) -> Self {
        let alive = Standing::first_of_life(0);
        let opinions = warm.roster.iter().map(|contact| opinion_hash(contact.id, alive));
        let lasts = warm
            .entries
            .chunk_by(|one, next| one.dot.writer == next.dot.writer)
            .map(|log| version_hash(log[log.len() - 1].dot));
        let state_hash = lasts.fold(0, u64::wrapping_add);
        Self {
            warm: Arc::clone(warm),
            roster_hash: mix2(roster_hash(warm), state_hash),
            members_hash: opinions.fold(0, u64::wrapping_add),
            state_hash,
            shares: warm.entries.iter().any(|entry| is_shared(&entry.key)),
            parts: OnceLock::new(),
            digest: OnceLock::new(),
            squeezed_logs: OnceLock::new(),
        }
    }

    /// How many members the roster names: those with smaller numbers.
    pub(crate) fn roster_len(&self) -> usize {
        self.warm.roster.len()
    }

    /// What everyone started with of one writer.
    pub(crate) fn version(&self, writer: NodeId) -> u64 {
        self.warm.log(writer).last().map_or(0, |entry| entry.dot.counter)
    }

    pub(crate) fn parts(&self) -> &[BasePart] {
        self.parts.get_or_init(|| BasePart::all(&self.warm))
    }

    /// The number after the greatest of a writer that everyone started with.
    pub(crate) fn writer_numbers(&self) -> usize {
        self.warm.entries.last().map_or(0, |entry| entry.dot.writer.index() + 1)
    }

    pub(crate) fn digest(&self) -> &Start {
        self.digest.get_or_init(|| Start::of(&self.warm))
    }

    /// The length of what everyone started with of one writer, compressed by itself.
    pub(crate) fn squeezed_log(
        &self,
        writer: NodeId,
        level: i32,
        find: impl FnOnce(&[Entry]) -> usize,
    ) -> usize {
        let log = self.warm.log(writer);
        let all = self
            .squeezed_logs
            .get_or_init(|| (0..self.writer_numbers()).map(|_| Squeezed::default()).collect());
        all.get(writer.index()).map_or(0, |squeezed| squeezed.at(level, || find(log)))
    }
}

fn roster_hash(warm: &WarmBoot) -> u64 {
    warm.roster.iter().fold(warm.roster.len() as u64, |hash, contact| {
        let ip = match contact.address {
            SocketAddr::V4(v4) => u64::from(v4.ip().to_bits()),
            SocketAddr::V6(v6) => mix2(v6.ip().to_bits() as u64, (v6.ip().to_bits() >> 64) as u64),
        };
        mix2(hash ^ u64::from(contact.id.0), ip ^ (u64::from(contact.address.port()) << 48))
    })
}
