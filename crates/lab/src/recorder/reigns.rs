use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rumormill_measure::{Election, Histogram};
use rumormill_protocol::{NodeId, Time};

/// A leader, and the number of its reign.
type Reign = (NodeId, u64);

/// Who follows whom, and how long nobody or more than one led.
#[derive(Debug)]
pub(super) struct Reigns {
    /// Times count from here on.
    start: Time,
    /// By number, whom each live node follows.
    followed: Vec<Option<Reign>>,
    followers: BTreeMap<Reign, usize>,
    /// Nodes that are up.
    live: usize,
    /// Those that hold themselves for the leader.
    leading: BTreeSet<NodeId>,
    /// Those that stand still, which do nothing whatever they hold.
    still: BTreeSet<NodeId>,
    /// Whom all followed last, and since when they no longer do.
    agreed: Option<Reign>,
    broken_at: Option<Time>,
    agreements: Histogram,
    last: Time,
    nobody: Duration,
    several: Duration,
    several_now: Duration,
    several_longest: Duration,
    struck: u64,
}

impl Reigns {
    /// Of so many nodes, of which the first so many are there from the beginning.
    pub(super) fn new(nodes: usize, residents: usize, start: Time) -> Self {
        Self {
            start,
            followed: vec![None; nodes],
            followers: BTreeMap::new(),
            live: residents,
            leading: BTreeSet::new(),
            still: BTreeSet::new(),
            agreed: None,
            broken_at: None,
            agreements: Histogram::default(),
            last: Time::ZERO,
            nobody: Duration::ZERO,
            several: Duration::ZERO,
            several_now: Duration::ZERO,
            several_longest: Duration::ZERO,
            struck: 0,
        }
    }

    /// A live node follows this reign from now on, or none.
    pub(super) fn follow(&mut self, at: Time, node: NodeId, reign: Option<Reign>) {
        self.pass(at);
        self.set(node, reign);
        self.compare(at);
    }

    /// A node's life ended.
    pub(super) fn gone(&mut self, at: Time, node: NodeId) {
        self.pass(at);
        self.struck += u64::from(self.leads(node));
        self.set(node, None);
        self.live -= 1;
        self.compare(at);
    }

    /// Another life of a node began, or one that comes late joins.
    pub(super) fn back(&mut self, at: Time, node: NodeId) {
        self.pass(at);
        self.set(node, None);
        self.live += 1;
        self.compare(at);
    }

    /// A node stands still.
    pub(super) fn pause(&mut self, at: Time, node: NodeId) {
        self.pass(at);
        self.struck += u64::from(self.leads(node));
        self.still.insert(node);
    }

    /// It goes on.
    pub(super) fn resume(&mut self, at: Time, node: NodeId) {
        self.pass(at);
        self.still.remove(&node);
    }

    /// A fault begins that leaves a node alive.
    pub(super) fn strike(&mut self, node: NodeId) {
        self.struck += u64::from(self.leads(node));
    }

    /// Whether all live nodes follow one of them.
    pub(super) fn settled(&self) -> bool {
        self.broken_at.is_none() && self.agreed.is_some()
    }

    /// What it came to by `end`.
    pub(super) fn report(&mut self, end: Time) -> Election {
        self.pass(end);
        let following = self.leading.first().map(|leader| self.followed[leader.index()]);
        let following = following.flatten().and_then(|reign| self.followers.get(&reign)).copied();
        Election {
            elections: self.agreements.count(),
            agreement_us: self.agreements.summary(),
            without_leader_us: micros(self.nobody),
            two_leaders_us: micros(self.several),
            two_leaders_max_us: micros(self.several_longest),
            leaders_struck: self.struck,
            not_following: (self.live - following.unwrap_or(0)) as u64,
        }
    }

    fn leads(&self, node: NodeId) -> bool {
        self.leading.contains(&node) && !self.still.contains(&node)
    }

    fn set(&mut self, node: NodeId, reign: Option<Reign>) {
        if let Some(before) = self.followed[node.index()].take()
            && let Some(count) = self.followers.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.followers.remove(&before);
            }
        }
        self.leading.remove(&node);
        if let Some(reign) = reign {
            self.followed[node.index()] = Some(reign);
            *self.followers.entry(reign).or_default() += 1;
            if reign.0 == node {
                self.leading.insert(node);
            }
        }
    }

    /// Adds up the time until now.
    fn pass(&mut self, now: Time) {
        let passed = now.since(self.last.max(self.start));
        self.last = self.last.max(now);
        match self.leading.difference(&self.still).count() {
            0 => self.nobody += passed,
            1 => {}
            _ => {
                self.several += passed;
                self.several_now += passed;
                self.several_longest = self.several_longest.max(self.several_now);
                return;
            }
        }
        if passed > Duration::ZERO {
            self.several_now = Duration::ZERO;
        }
    }

    /// Whether all agree now.
    fn compare(&mut self, now: Time) {
        let mut reigns = self.leading.iter().filter_map(|leader| self.followed[leader.index()]);
        match reigns.find(|reign| self.followers.get(reign) == Some(&self.live)) {
            None => {
                self.broken_at.get_or_insert(now);
            }
            Some(reign) => {
                let broken_at = self.broken_at.take();
                let changed = self.agreed.replace(reign).is_some_and(|before| before != reign);
                if let Some(broken_at) = broken_at.filter(|_| changed && now >= self.start) {
                    self.agreements.record(now - broken_at);
                }
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    /// Three nodes that follow the first since before the start at 10 s.
    fn reigns() -> Reigns {
        let mut reigns = Reigns::new(3, 3, s(10));
        for node in 0..3 {
            reigns.follow(s(5), NodeId(node), Some((NodeId(0), 1)));
        }
        assert!(reigns.settled());
        reigns
    }

    #[test]
    fn an_election_takes_from_the_leaders_death_until_all_follow_another() {
        let mut reigns = reigns();
        reigns.gone(s(20), NodeId(0));
        reigns.follow(s(23), NodeId(1), None);
        reigns.follow(s(24), NodeId(2), None);
        reigns.follow(s(25), NodeId(2), Some((NodeId(2), 2)));
        assert!(!reigns.settled());
        reigns.follow(s(27), NodeId(1), Some((NodeId(2), 2)));
        let report = reigns.report(s(60));
        assert_eq!((report.elections, report.leaders_struck, report.not_following), (1, 1, 0));
        assert!(report.agreement_us.max.abs_diff(7_000_000) <= 7_000);
        assert_eq!((report.without_leader_us, report.two_leaders_us), (5_000_000, 0));
    }

    #[test]
    fn two_that_lead_at_once_are_counted_and_who_stands_still_does_not_lead() {
        let mut reigns = reigns();
        reigns.pause(s(11), NodeId(0));
        reigns.follow(s(16), NodeId(1), Some((NodeId(1), 2)));
        reigns.follow(s(17), NodeId(2), Some((NodeId(1), 2)));
        reigns.resume(s(20), NodeId(0));
        reigns.follow(s(22), NodeId(0), None);
        reigns.follow(s(23), NodeId(0), Some((NodeId(1), 2)));
        let report = reigns.report(s(30));
        assert_eq!((report.without_leader_us, report.two_leaders_us), (5_000_000, 2_000_000));
        assert_eq!((report.two_leaders_max_us, report.elections), (2_000_000, 1));
        assert!(report.agreement_us.max.abs_diff(7_000_000) <= 7_000, "from 16 s to 23 s");
    }

    #[test]
    fn who_follows_the_same_reign_again_elected_nobody() {
        let mut reigns = reigns();
        reigns.follow(s(20), NodeId(1), None);
        reigns.follow(s(21), NodeId(1), Some((NodeId(0), 1)));
        reigns.gone(s(22), NodeId(2));
        reigns.back(s(24), NodeId(2));
        assert_eq!(reigns.report(s(25)).not_following, 1);
        reigns.follow(s(26), NodeId(2), Some((NodeId(0), 1)));
        let report = reigns.report(s(30));
        assert_eq!((report.elections, report.without_leader_us, report.not_following), (0, 0, 0));
    }
}
