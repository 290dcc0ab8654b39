use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use rumormill_protocol::{NodeId, Time};

/// A bucket is 2¹⁹ ns long, 0.5 ms: short enough that few events share one, long enough that those that are filled
/// next stay in the cache.
const BUCKET_BITS: u32 = 19;
/// 2¹² buckets reach 2.1 s ahead: beyond a protocol period, which nearly all timers are.
const BUCKETS: usize = 1 << 12;

/// Something that is due at a node: a packet that arrives, or the node's own timeout.
#[derive(Debug)]
pub(crate) struct Entry<P> {
    pub(crate) at: Time,
    /// At which node.
    pub(crate) to: NodeId,
    /// Who caused it: for a timeout the node itself.
    pub(crate) from: NodeId,
    /// The cause's own count.
    pub(crate) sequence: u64,
    pub(crate) what: What<P>,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum What<P> {
    /// The node's deadline.
    Timeout,
    /// A packet arrives.
    Packet(P),
}

impl<P> Entry<P> {
    /// The order of events. It depends on nothing but the nodes themselves, so that it is the same however nodes are
    /// spread over shards; events of one node and instant stand together.
    const fn key(&self) -> (Time, NodeId, NodeId, u64) {
        (self.at, self.to, self.from, self.sequence)
    }
}

impl<P> PartialEq for Entry<P> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<P> Eq for Entry<P> {}

impl<P> PartialOrd for Entry<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Entry<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// What is due, in order: a ring of buckets for the near future, of which only the one that is open is sorted, and a
/// heap for what lies beyond (a calendar queue; R. Brown, CACM 31, 1988).
pub(crate) struct Wheel<P> {
    /// Bucket number `n` lies at `n % BUCKETS`. Those up to the open one are empty.
    buckets: Vec<Vec<Entry<P>>>,
    /// Events in buckets.
    in_buckets: usize,
    /// The number of the open bucket.
    open: u64,
    /// What the open bucket held when it was opened, the latest first.
    sorted: Vec<Entry<P>>,
    /// What was added to the open bucket, or before it, since.
    late: BinaryHeap<Reverse<Entry<P>>>,
    beyond: BinaryHeap<Reverse<Entry<P>>>,
}

impl<P> Wheel<P> {
    pub(crate) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            in_buckets: 0,
            open: 0,
            sorted: Vec::new(),
            late: BinaryHeap::new(),
            beyond: BinaryHeap::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: Entry<P>) {
        let bucket = bucket_of(entry.at);
        if bucket <= self.open {
            self.late.push(Reverse(entry));
        } else if bucket - self.open < BUCKETS as u64 {
            self.buckets[bucket as usize % BUCKETS].push(entry);
            self.in_buckets += 1;
        } else {
            self.beyond.push(Reverse(entry));
        }
    }

    /// The next event at this node and instant, if it is the next of all.
    pub(crate) fn pop_same(&mut self, at: Time, to: NodeId) -> Option<Entry<P>> {
        let is_same = |entry: &Entry<P>| entry.at == at && entry.to == to;
        if self.late.peek().is_some_and(|Reverse(late)| is_same(late)) {
            let first = self
                .sorted
                .last()
                .is_none_or(|sorted| self.late.peek().is_some_and(|Reverse(late)| late < sorted));
            if first {
                return self.late.pop().map(|Reverse(late)| late);
            }
        }
        self.sorted.pop_if(|sorted| is_same(sorted))
    }

    /// The next event before `end`.
    pub(crate) fn pop_before(&mut self, end: Time) -> Option<Entry<P>> {
        loop {
            let sorted_first = match (self.sorted.last(), self.late.peek()) {
                (Some(sorted), Some(Reverse(late))) => sorted < late,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => {
                    if self.open_next(end) {
                        continue;
                    }
                    return None;
                }
            };
            let next =
                if sorted_first { self.sorted.last() } else { self.late.peek().map(|Reverse(late)| late) };
            if next.is_none_or(|next| next.at >= end) {
                return None;
            }
            return if sorted_first { self.sorted.pop() } else { self.late.pop().map(|Reverse(late)| late) };
        }
    }

    /// A time at or before the next event, and near it; nothing when there is none.
    pub(crate) fn next_at_least(&mut self) -> Option<Time> {
        let open = self.sorted.last().map(|entry| entry.at).into_iter();
        let open = open.chain(self.late.peek().map(|Reverse(late)| late.at)).min();
        if open.is_some() {
            return open;
        }
        let beyond = self.beyond.peek().map(|Reverse(entry)| entry.at);
        if self.in_buckets == 0 {
            return beyond;
        }
        let mut bucket = self.open + 1;
        while self.buckets[bucket as usize % BUCKETS].is_empty() {
            bucket += 1;
        }
        // Nothing beyond can come before the ring's end, which moves only when a bucket is opened.
        let begins = Time(bucket << BUCKET_BITS);
        Some(beyond.map_or(begins, |beyond| beyond.min(begins)))
    }

    /// Opens the next bucket that holds anything, if it begins before `end`; says whether it did.
    fn open_next(&mut self, end: Time) -> bool {
        let last = bucket_of(Time(end.nanos().saturating_sub(1)));
        if self.in_buckets == 0 {
            // Nothing up to the first event beyond, which may be far.
            let Some(Reverse(first)) = self.beyond.peek() else { return false };
            let before = bucket_of(first.at) - 1;
            if before >= last {
                return false;
            }
            self.open = self.open.max(before);
        }
        while self.open < last {
            self.open += 1;
            self.take_in();
            let bucket = &mut self.buckets[self.open as usize % BUCKETS];
            if bucket.is_empty() {
                if self.in_buckets == 0 {
                    return self.open_next(end);
                }
                continue;
            }
            self.in_buckets -= bucket.len();
            std::mem::swap(bucket, &mut self.sorted);
            self.sorted.sort_unstable_by(|one, other| other.cmp(one));
            return true;
        }
        false
    }

    /// Takes into the ring what is no longer beyond it.
    fn take_in(&mut self) {
        let end = self.open + BUCKETS as u64;
        while self.beyond.peek().is_some_and(|Reverse(entry)| bucket_of(entry.at) < end) {
            let Some(Reverse(entry)) = self.beyond.pop() else { return };
            self.buckets[bucket_of(entry.at) as usize % BUCKETS].push(entry);
            self.in_buckets += 1;
        }
    }
}

const fn bucket_of(at: Time) -> u64 {
    at.nanos() >> BUCKET_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::RngExt;
    use rumormill_protocol::generator;

    use super::*;

    fn entry(at: u64, to: u32, sequence: u64) -> Entry<()> {
        Entry { at: Time(at), to: NodeId(to), from: NodeId(to), sequence, what: What::Timeout }
    }

    /// Pops everything before each of many ends, while new events come in, beside a plain ordered set.
    #[test]
    fn events_come_in_the_order_of_an_ordered_set() {
        let mut random = generator(3);
        let (mut wheel, mut set) = (Wheel::new(), BTreeSet::new());
        let (mut now, mut sequence, mut popped) = (0u64, 0, 0);
        for _ in 0..20_000 {
            for _ in 0..random.random_range(0..4) {
                let ahead = match random.random_range(0..4) {
                    0 => random.random_range(0..1_000),
                    1 => random.random_range(0..1_000_000),
                    2 => random.random_range(0..2_000_000_000),
                    _ => random.random_range(0..60_000_000_000),
                };
                let next = entry(now + ahead, random.random_range(0..50), sequence);
                set.insert(next.key());
                wheel.push(next);
                sequence += 1;
            }
            let end = Time(now + random.random_range(0..20_000_000));
            while let Some(next) = wheel.pop_before(end) {
                assert_eq!(set.pop_first(), Some(next.key()));
                popped += 1;
            }
            assert!(set.first().is_none_or(|first| first.0 >= end));
            assert!(wheel.next_at_least() <= set.first().map(|first| first.0));
            now = end.nanos();
        }
        assert!(popped > 10_000);
        while let Some(next) = wheel.pop_before(Time(u64::MAX)) {
            assert_eq!(set.pop_first(), Some(next.key()));
        }
        assert!(set.is_empty() && wheel.next_at_least().is_none());
    }
}
