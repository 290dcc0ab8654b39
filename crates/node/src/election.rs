//! A leader by majority, for a lease at a time.
//!
//! A node that hears of no leader for a lease stands: a wave asks all others for their votes, and its echo counts them
//! ([`Echo`]). Who has a majority of all members leads, and asks for the votes anew by a further wave at each quarter of
//! the lease. A vote is a promise to vote for nobody else for a time, and the leader counts that time from when it *sent*
//! the wave, so that it ceases to lead before any voter may vote for another (leases as in PaxosLease: Trencséni,
//! Gazsó, Reinhardt, 2012). Any two majorities have a member in common: there are never two leaders, as long as nodes'
//! clocks run equally fast, and for a given set of members. Nothing is written to disk: a node that starts again votes
//! only when all that it may have promised has run out.
//!
//! The order in which nodes stand is known to all ([`rank`]), so that as a rule one stands at a time. Terms name reigns,
//! for whoever must tell a late order from a valid one; safety does not rest on them.

use std::time::Duration;

use rand::RngExt;
use rumormill_protocol::{Cause, Channel, Event, NodeId, Status, Time, rank};

use crate::{
    ballot::{Ballot, Claim, ClaimSaid, Votes},
    config::ElectionMode,
    echo::Echo,
    message::Body,
    node::{Node, Stage},
};

/// The most by which a term may exceed all that this node knows of: far more than there can be, and far less than would
/// use up the numbers.
const TERM_STEP_MAX: u64 = 1 << 32;

/// How often the time between two attempts to be elected doubles at most.
const DOUBLINGS_MAX: u32 = 4;

/// A node's part in having a leader.
#[derive(Debug)]
pub(crate) struct Election {
    lease: Duration,
    promise: Option<Promise>,
    /// No vote is given before: a former life may have promised one.
    votes_from: Time,
    /// The greatest term that this node voted in, and that it heard of.
    voted: u64,
    heard: u64,
    /// The latest wave of a reign that was granted.
    reign: (u64, u64),
    leader: Option<(NodeId, u64)>,
    /// Who led last: it is not waited for.
    before: Option<NodeId>,
    stand_at: Option<Time>,
    /// Attempts in a row that came to nothing.
    failures: u32,
    own: Option<Own>,
    wave: Option<(Claim, Echo<Votes>)>,
}

/// To vote for nobody else until then.
#[derive(Clone, Copy, Debug)]
struct Promise {
    to: NodeId,
    until: Time,
}

/// An attempt to be elected (epoch 0), or a reign.
#[derive(Clone, Copy, Debug)]
struct Own {
    term: u64,
    epoch: u64,
    /// When its latest wave began.
    sent: Time,
    /// When it ends, unless votes come.
    until: Time,
    next_wave: Time,
    /// The least term by which all would take the next wave for one of the latest reign.
    next_term: u64,
}

impl Election {
    pub(crate) fn of(mode: ElectionMode) -> Option<Box<Self>> {
        let ElectionMode::Majority { lease } = mode else { return None };
        Some(Box::new(Self {
            lease,
            promise: None,
            votes_from: Time::ZERO,
            voted: 0,
            heard: 0,
            reign: (0, 0),
            leader: None,
            before: None,
            stand_at: None,
            failures: 0,
            own: None,
            wave: None,
        }))
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let own = self.own.map(|own| if own.epoch > 0 { own.until.min(own.next_wave) } else { own.until });
        let others = if own.is_some() { None } else { self.promise.map(|promise| promise.until) };
        let echo = self.wave.as_ref().and_then(|(_, echo)| echo.deadline());
        [own, others, self.stand_at, echo].into_iter().flatten().min()
    }

    /// How long an attempt to be elected may take.
    fn attempt(&self) -> Duration {
        self.lease / 2
    }

    /// Between the times at which nodes stand that follow each other in rank.
    fn step(&self) -> Duration {
        self.lease / 8
    }

    /// How long silent peers are waited for.
    fn patience(&self) -> Duration {
        self.lease / 20
    }

    /// Within what time late answers are reported together.
    fn collecting(&self) -> Duration {
        self.lease / 80
    }

    fn is_free(&self, now: Time, candidate: NodeId) -> bool {
        self.promise.is_none_or(|promise| promise.until <= now || promise.to == candidate)
    }

    /// A promise is never shortened.
    fn promise(&mut self, to: NodeId, until: Time) {
        let longer = self.promise.filter(|promise| promise.to == to && promise.until > until);
        self.promise = Some(longer.unwrap_or(Promise { to, until }));
    }

    /// This node's own vote: none as long as it may have promised it in a former life.
    fn vote(&self, now: Time, claim: Claim) -> Votes {
        Votes { count: u32::from(now >= self.votes_from), term: self.refusal(claim).term }
    }

    /// No vote, and the term that a wave must exceed, or of a reign reach, to be granted.
    fn refusal(&self, claim: Claim) -> Votes {
        Votes { count: 0, term: if claim.epoch == 0 { self.heard.max(self.voted) } else { self.reign.0 } }
    }

    /// Whether a wave is granted, and passed on.
    fn grants(&self, now: Time, claim: Claim, electorate: usize, known: usize) -> bool {
        if claim.epoch == 0 {
            // Whoever does not know all members would take too few votes for a majority.
            return self.is_free(now, claim.by) && claim.term > self.voted && electorate >= known;
        }
        let newer = (claim.term, claim.epoch) > self.reign;
        let outranks_own = self.own.is_some_and(|own| own.epoch == 0 || claim.term > own.term);
        newer && (self.is_free(now, claim.by) || outranks_own)
    }
}

impl Node {
    pub(crate) fn begin_election(&mut self, now: Time) {
        let joins = self.stage == Stage::Joining;
        if self.election.is_none() {
            return;
        }
        let position = if joins { 0 } else { self.place_in_rank() };
        // Waves follow each other from here on: not in step with whatever else begins now.
        let phase: f64 = self.random.random_range(0.0..1.0);
        let Some(election) = &mut self.election else { return };
        if self.start.generation > 0 {
            election.votes_from = now + election.lease;
        }
        // Who joins finds a leader, as a rule.
        let wait = if joins { election.lease } else { Duration::ZERO };
        election.stand_at =
            Some(now + wait + election.step() * (position + 1) + election.step().mul_f64(phase));
    }

    /// How many that are fit to lead come before this node.
    fn place_in_rank(&self) -> u32 {
        let Some(election) = &self.election else { return 0 };
        let me = self.start.me;
        let better = |(member, standing): &(NodeId, crate::standing::Standing)| {
            standing.status() == Status::Alive && Some(*member) != election.before && rank(*member) < rank(me)
        };
        let better = self.membership.known().filter(better).count();
        // Who led last does not meet the one who is next now.
        u32::try_from(better).unwrap_or(u32::MAX / 2) + u32::from(election.before == Some(me))
    }

    /// What is due.
    pub(crate) fn time_election(&mut self, now: Time) {
        let Some(election) = &mut self.election else { return };
        if election.own.is_some_and(|own| own.until <= now) {
            election.failures += u32::from(election.leader.is_none());
            election.promise = None;
            self.follow_nobody(now);
        } else if election.own.is_some_and(|own| own.epoch > 0 && own.next_wave <= now) {
            self.reign_on(now);
        } else if election.own.is_none() && election.promise.is_some_and(|promise| promise.until <= now) {
            election.promise = None;
            self.follow_nobody(now);
        }
        let Some(election) = &mut self.election else { return };
        if election.stand_at.is_some_and(|at| at <= now) {
            self.stand(now);
        }
        self.report_votes(now);
    }

    /// A member left, or is in another life: it leads no longer.
    pub(crate) fn lose_leader(&mut self, now: Time, member: NodeId) {
        if let Some(election) = &mut self.election
            && election.promise.is_some_and(|promise| promise.to == member)
        {
            election.promise = None;
            self.follow_nobody(now);
        }
    }

    /// Neither leads nor follows anyone, and will stand when its turn comes.
    fn follow_nobody(&mut self, now: Time) {
        let Some(election) = &mut self.election else { return };
        election.own = None;
        election.wave = None;
        let lost = election.leader.take();
        if let Some((leader, _)) = lost {
            election.before = Some(leader);
            election.failures = 0;
        }
        let doublings = election.failures.min(DOUBLINGS_MAX);
        let (step, failed) = (election.step(), election.failures > 0);
        let mut wait = step * (self.place_in_rank() + 1);
        if failed {
            wait += step.mul_f64(self.random.random_range(0.0..f64::from(1u32 << doublings)));
        }
        if let Some(election) = &mut self.election {
            election.stand_at = Some(now + wait);
        }
        if lost.is_some() {
            self.emit(Event::LeaderLost);
        }
    }

    /// Asks for votes.
    fn stand(&mut self, now: Time) {
        let running = self.stage == Stage::Running;
        let Some(election) = &mut self.election else { return };
        election.stand_at = None;
        let term = election.heard.max(election.voted).checked_add(1);
        let (Some(term), true, true) = (term, running, now >= election.votes_from) else {
            // Nobody to ask yet, or no vote to give.
            election.stand_at = term.map(|_| now + election.lease);
            return;
        };
        let until = now + election.attempt();
        election.voted = term;
        election.promise(self.start.me, until);
        election.own = Some(Own { term, epoch: 0, sent: now, until, next_wave: until, next_term: term });
        self.begin_wave(now, None, Claim { term, epoch: 0, by: self.start.me });
        self.count_votes(now);
    }

    /// Asks for votes anew.
    fn reign_on(&mut self, now: Time) {
        let me = self.start.me;
        let Some(election) = &mut self.election else { return };
        let wait = election.lease / 2;
        let Some(own) = &mut election.own else { return };
        (own.epoch, own.sent, own.next_wave) = (own.epoch + 1, now, now + wait);
        let renamed = own.next_term > own.term;
        own.term = own.next_term;
        let claim = Claim { term: own.term, epoch: own.epoch, by: me };
        election.reign = (claim.term, claim.epoch);
        election.voted = election.voted.max(claim.term);
        if renamed {
            election.leader = Some((me, claim.term));
            self.emit(Event::LeaderChosen { leader: me, term: claim.term });
        }
        self.begin_wave(now, None, claim);
        self.count_votes(now);
    }

    /// Passes a wave on.
    fn begin_wave(&mut self, now: Time, parent: Option<NodeId>, claim: Claim) {
        let peers = self.wave_peers(parent);
        let electorate = self.electorate();
        let Some(election) = &mut self.election else { return };
        let report_at = now + election.patience();
        election.wave = Some((claim, Echo::new(parent, election.vote(now, claim), &peers, report_at)));
        for (peer, _) in peers {
            self.say_ballot(peer, claim, ClaimSaid::Wave { electorate });
        }
    }

    pub(crate) fn handle_ballot(&mut self, now: Time, from: NodeId, ballot: Ballot) {
        let Ballot { claim, said } = ballot;
        let known = self.membership.electorate();
        let Some(election) = &mut self.election else { return };
        match said {
            ClaimSaid::Wave { .. } if claim.term > election.heard.saturating_add(TERM_STEP_MAX) => {}
            ClaimSaid::Wave { electorate } => {
                let has_it = match &mut election.wave {
                    Some((present, echo)) if *present == claim => Some(echo.has_it(from)),
                    _ => None,
                };
                match has_it {
                    Some(true) => self.report_votes(now),
                    Some(false) => self.say_ballot(from, claim, ClaimSaid::Echo(Votes::default())),
                    None if election.grants(now, claim, electorate as usize, known) => {
                        self.grant(now, from, claim);
                    }
                    None => {
                        let refusal = election.refusal(claim);
                        self.say_ballot(from, claim, ClaimSaid::Echo(refusal));
                    }
                }
            }
            ClaimSaid::Echo(votes) => {
                let collecting = election.collecting();
                if let Some((present, echo)) = &mut election.wave
                    && *present == claim
                {
                    echo.answered(now, from, votes, collecting);
                    self.report_votes(now);
                    self.count_votes(now);
                }
            }
        }
    }

    fn grant(&mut self, now: Time, from: NodeId, claim: Claim) {
        let Some(election) = &mut self.election else { return };
        let reigns = claim.epoch > 0;
        election.own = None;
        election.stand_at = None;
        election.heard = election.heard.max(claim.term);
        election.voted = election.voted.max(claim.term);
        let lasts = if reigns { election.lease } else { election.attempt() };
        election.promise(claim.by, now + lasts);
        let follows = (claim.by, claim.term);
        if reigns {
            election.reign = (claim.term, claim.epoch);
            election.failures = 0;
        }
        if reigns && election.leader.replace(follows) != Some(follows) {
            self.emit(Event::LeaderChosen { leader: claim.by, term: claim.term });
        }
        self.begin_wave(now, Some(from), claim);
        self.report_votes(now);
    }

    fn report_votes(&mut self, now: Time) {
        if let Some(election) = &mut self.election
            && let Some((claim, echo)) = &mut election.wave
        {
            let claim = *claim;
            if let Some((parent, votes)) = echo.report(now) {
                self.say_ballot(parent, claim, ClaimSaid::Echo(votes));
            }
        }
    }

    /// Whether the votes for this node's own wave are a majority now.
    fn count_votes(&mut self, now: Time) {
        let (me, electorate) = (self.start.me, self.membership.electorate());
        let Some(election) = &mut self.election else { return };
        let (Some(mut own), Some((claim, echo))) = (election.own, &election.wave) else { return };
        let votes = echo.total();
        // What is far beyond all that is known is forged, and would use up the numbers.
        let plausible = votes.term <= election.heard.saturating_add(TERM_STEP_MAX);
        if plausible {
            election.heard = election.heard.max(votes.term);
        }
        let counted = claim.by == me && (claim.term, claim.epoch) == (own.term, own.epoch);
        if counted && plausible && own.epoch > 0 && votes.term > own.term {
            // Some take another for the latest to reign, as long as this one's term is not the greatest.
            own.next_term = votes.term.saturating_add(1);
            election.own = Some(own);
        }
        // What comes after the votes have run out counts for nothing.
        if !counted || own.until <= now || (votes.count as usize) * 2 <= electorate {
            return;
        }
        let elected = own.epoch == 0;
        let lasts = if elected { election.attempt() } else { election.lease };
        own.until = own.until.max(own.sent + lasts);
        own.next_wave =
            if elected { now } else { own.next_wave.min((own.sent + election.lease / 4).max(now)) };
        election.promise(me, own.until);
        election.own = Some(own);
        if elected {
            election.leader = Some((me, own.term));
            election.failures = 0;
            self.emit(Event::LeaderChosen { leader: me, term: own.term });
            self.reign_on(now);
        }
    }

    fn say_ballot(&mut self, to: NodeId, claim: Claim, said: ClaimSaid) {
        self.send(to, Channel::Stream, Cause::Election, Body::Ballot(Ballot { claim, said }));
    }

    /// How many may vote, as it is told.
    pub(crate) fn electorate(&self) -> u32 {
        u32::try_from(self.membership.electorate()).unwrap_or(u32::MAX)
    }
}
