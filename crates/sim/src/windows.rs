//! Shards in lock step. Nothing that a node sends arrives sooner than the network's shortest latency, so shards can
//! work side by side through a window of that length and hand over their packets at its end (conservative
//! synchronisation with a lookahead; R. Fujimoto, CACM 33, 1990). The windows change nothing in what happens.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rumormill_protocol::Time;

use crate::{machine::Machine, shard::Shard, wheel::Entry};

/// How often a shard that waits for the others looks before it goes to sleep.
const SPINS: u32 = 2_000;

/// No event is due at a shard.
const NEVER: u64 = u64::MAX;

/// Works off everything that is due up to `until`, on a thread for each shard. `lookahead` is the network's shortest
/// latency, and not zero unless there is one shard only. Says whether all shards came through.
pub(crate) fn run_until<M: Machine>(shards: &mut [Shard<M>], until: Time, lookahead: Duration) {
    let end = Time(until.nanos().saturating_add(1));
    if let [alone] = shards {
        alone.run_until(end);
        return;
    }
    let meeting = Meeting::<M>::new(shards.len());
    thread::scope(|scope| {
        let (first, others) = shards.split_at_mut(1);
        for (number, shard) in others.iter_mut().enumerate() {
            let meeting = &meeting;
            scope.spawn(move || meeting.attend(number + 1, shard, end, lookahead));
        }
        meeting.attend(0, &mut first[0], end, lookahead);
    });
}

/// Packets of one shard for another.
type Letterbox<P> = Mutex<Vec<Entry<P>>>;

/// Where shards hand over packets and agree on the next window.
struct Meeting<M: Machine> {
    /// From each shard to each.
    mail: Vec<Vec<Letterbox<M::Packet>>>,
    /// When each shard's next event is due, at the earliest.
    next: Vec<AtomicU64>,
    barrier: Barrier,
}

impl<M: Machine> Meeting<M> {
    fn new(shards: usize) -> Self {
        Self {
            mail: (0..shards).map(|_| (0..shards).map(|_| Mutex::default()).collect()).collect(),
            next: (0..shards).map(|_| AtomicU64::new(NEVER)).collect(),
            barrier: Barrier::new(shards),
        }
    }

    fn attend(&self, number: usize, shard: &mut Shard<M>, end: Time, lookahead: Duration) {
        // A shard that panics must not leave the others waiting for it.
        let _guard = self.barrier.guard();
        self.hand_over(number, shard);
        self.barrier.wait();
        loop {
            for from in &self.mail {
                let mut mail = from[number].lock().expect("no shard panics while it holds mail");
                shard.take_in(mail.drain(..));
            }
            let next = shard.next_at_least().map_or(NEVER, Time::nanos);
            self.next[number].store(next, Ordering::Release);
            self.barrier.wait();
            let start = self.next.iter().map(|next| next.load(Ordering::Acquire)).min().unwrap_or(NEVER);
            if start >= end.nanos() {
                return;
            }
            shard.run_until(end.min(Time(start) + lookahead));
            self.hand_over(number, shard);
            self.barrier.wait();
        }
    }

    fn hand_over(&self, number: usize, shard: &mut Shard<M>) {
        for (departures, mail) in shard.departures.iter_mut().zip(&self.mail[number]) {
            if !departures.is_empty() {
                mail.lock().expect("no shard panics while it holds mail").append(departures);
            }
        }
    }
}

/// Where threads wait for each other: for microseconds mostly, so they spin first. Who waits longer sleeps: on a busy
/// machine one that yielded its core over and over would get it back last.
struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
    asleep: Mutex<()>,
    wake: Condvar,
}

impl Barrier {
    const fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Waits until all threads do.
    ///
    /// # Panics
    /// When another thread panicked.
    fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Release);
            self.round.store(round + 1, Ordering::Release);
            self.wake_all();
            return;
        }
        let over = || self.round.load(Ordering::Acquire) != round || self.broken.load(Ordering::Acquire);
        let mut spins = 0;
        while spins < SPINS && !over() {
            spins += 1;
            std::hint::spin_loop();
        }
        if !over() {
            let asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.wake.wait_while(asleep, |()| !over()));
        }
        assert!(!self.broken.load(Ordering::Acquire), "another shard panicked");
    }

    /// Who found the round not over has the lock until it sleeps, so it is not missed.
    fn wake_all(&self) {
        drop(self.asleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_all();
    }

    fn guard(&self) -> Guard<'_> {
        Guard { barrier: self }
    }
}

/// Breaks its barrier when its thread panics.
struct Guard<'a> {
    barrier: &'a Barrier,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.barrier.broken.store(true, Ordering::Release);
            self.barrier.wake_all();
        }
    }
}
