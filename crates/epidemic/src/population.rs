use rumormill_protocol::Random;

use crate::{
    Course, Epidemic, Spread,
    bits::BitSet,
    course::Arrivals,
    interest::Interest,
    targets::{Targets, below},
};

/// Who knows the rumor and who spreads it. What is learnt takes effect with [`Self::advance`], so that all calls
/// before it see the same state.
pub(crate) struct Population {
    nodes: u32,
    spread: Spread,
    targets: Targets,
    knowing: BitSet,
    spreading: BitSet,
    /// Who stops spreading; nothing where nobody does.
    interest: Option<Interest>,
    /// Who got a copy since the state last advanced and did not know; some several times.
    learning: Vec<u32>,
    copies: u64,
    arrivals: Arrivals,
}

impl Population {
    /// One random node knows.
    pub(crate) fn new(epidemic: &Epidemic, random: &mut Random) -> Self {
        let nodes = epidemic.nodes;
        let mut population = Self {
            nodes,
            spread: epidemic.spread,
            targets: Targets::new(nodes, epidemic.fanout),
            knowing: BitSet::new(nodes),
            spreading: BitSet::new(nodes),
            interest: Interest::new(nodes, epidemic.stop, epidemic.k),
            learning: Vec::new(),
            copies: 0,
            arrivals: Arrivals::new(nodes),
        };
        let source = below(nodes, random);
        population.knowing.insert(source);
        population.spreading.insert(source);
        population.arrivals.note(0.0, 1, 0);
        population
    }

    pub(crate) const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Whether nothing more can come of it: all know, if none stops, and otherwise all have stopped.
    pub(crate) const fn is_over(&self) -> bool {
        match self.interest {
            None => self.knowing.count() == self.nodes,
            Some(_) => self.spreading.count() == 0,
        }
    }

    /// Whether a call of this node can carry a copy.
    pub(crate) fn has_cause_to_call(&self, node: u32) -> bool {
        self.spread != Spread::Push || self.spreading.contains(node)
    }

    /// All nodes that have cause to call do so.
    pub(crate) fn call_all(&mut self, random: &mut Random) {
        if self.spread != Spread::Push {
            (0..self.nodes).for_each(|node| self.call(node, random));
            return;
        }
        for word in 0..self.spreading.words() {
            self.spreading.word(word).for_each(|node| self.call(node, random));
        }
    }

    /// A node calls as many others as the fanout says.
    #[inline(always)]
    pub(crate) fn call(&mut self, caller: u32, random: &mut Random) {
        self.targets.draw(caller, random);
        for at in 0..self.targets.drawn().len() {
            let called = self.targets.drawn()[at];
            match self.spread {
                Spread::Push => self.send(caller, called),
                Spread::PushPull if self.spreading.contains(caller) => self.send(caller, called),
                Spread::Pull | Spread::PushPull => self.send(called, caller),
            }
        }
    }

    /// A copy goes from one node to another, if the first spreads the rumor.
    #[inline(always)]
    fn send(&mut self, sender: u32, recipient: u32) {
        if !self.spreading.contains(sender) {
            return;
        }
        self.copies += 1;
        let needed = !self.knowing.contains(recipient);
        if needed {
            self.learning.push(recipient);
        }
        if let Some(interest) = &mut self.interest {
            interest.note(sender, needed);
        }
    }

    /// All nodes that spread the rumor end a cycle.
    pub(crate) fn end_all_cycles(&mut self, random: &mut Random) {
        if self.interest.is_none() {
            return;
        }
        for word in 0..self.spreading.words() {
            self.spreading.word(word).for_each(|node| self.end_cycle(node, random));
        }
    }

    /// A node ends a cycle, which matters if it spreads the rumor.
    pub(crate) fn end_cycle(&mut self, node: u32, random: &mut Random) {
        let Some(interest) = &mut self.interest else { return };
        if self.spreading.contains(node) && interest.end_cycle(node, random) {
            self.spreading.remove(node);
        }
    }

    /// What was learnt takes effect, `now` rounds after the beginning.
    pub(crate) fn advance(&mut self, now: f64) {
        if self.learning.is_empty() {
            return;
        }
        let before = self.knowing.count();
        for node in self.learning.drain(..) {
            if self.knowing.insert(node) {
                self.spreading.insert(node);
            }
        }
        self.arrivals.note(now, self.knowing.count() - before, self.copies);
    }

    pub(crate) fn into_course(self) -> Course {
        self.arrivals.into_course(self.copies)
    }
}
