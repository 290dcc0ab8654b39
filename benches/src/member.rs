use std::{collections::VecDeque, sync::Arc, time::Duration};

use rumormill_node::{Body, Compression, Config, Meet, Message, Names, Node};
use rumormill_protocol::{
    Command, Contact, Entry, LinkEvent, NodeId, Output, Protocol, Start, Time, WarmBoot,
};

use crate::messages::entry;

/// Long enough for every partner to be connected and met.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// A node that booted warm and holds everything by itself, as a real one does. The others are not there: each
/// answers what it is asked at once, and agrees with everything.
#[derive(Debug)]
pub struct Member {
    node: Node,
    now: Time,
    answers: VecDeque<(NodeId, Answer)>,
    written: u64,
    last_probe: Option<(NodeId, Body)>,
}

#[derive(Debug)]
enum Answer {
    Link(LinkEvent),
    Says(Body),
}

impl Member {
    /// One of `members`, each of whom wrote one value. `rotate_every` as in [`Config`].
    pub fn warm(members: u32, rotate_every: Duration) -> Self {
        let entries: Vec<Entry> = (0..members).map(|writer| entry(writer, 1)).collect();
        let warm = Arc::new(WarmBoot::new((0..members).map(contact).collect(), entries));
        let config = Config { rotate_every, ..Config::default() };
        let start = Start { me: NodeId(0), address: contact(0).address, generation: 0, seed: 1 };
        let node = Node::new(&Arc::new(config), &start, Time::ZERO);
        let mut member =
            Self { node, now: Time::ZERO, answers: VecDeque::new(), written: 0, last_probe: None };
        member.node.handle_command(Time::ZERO, Command::Warm(warm));
        member.settle();
        while member.now < Time::ZERO + SETTLED_AFTER {
            member.tick();
        }
        member
    }

    /// The node's next deadline comes, and what it then asks is answered: for an idle node a protocol period. Says
    /// how many messages it sent.
    pub fn tick(&mut self) -> usize {
        if let Some(due) = self.node.poll_timeout() {
            self.now = self.now.max(due);
        }
        self.node.handle_timeout(self.now);
        self.settle()
    }

    /// A member says something. Returns how many messages the node sent in answer.
    pub fn hear(&mut self, from: NodeId, body: Body) -> usize {
        let message = Message { names: Names::Full, compression: Compression::None, body };
        self.node.handle_message(self.now, from, message);
        self.settle()
    }

    /// The node writes so many values, and all partners are sent them.
    pub fn write(&mut self, values: u32) -> usize {
        for _ in 0..values {
            self.written += 1;
            let Entry { key, value, .. } = entry(0, self.written);
            self.node.handle_command(self.now, Command::Put { key, value });
        }
        let flushed = self.now + Duration::from_secs(1);
        let mut sent = self.settle();
        while self.node.poll_timeout().is_some_and(|due| due < flushed) {
            sent += self.tick();
        }
        sent
    }

    /// Whom the node probed last, and the probe: from one who holds the same it could have come as well.
    pub fn last_probe(&self) -> Option<(NodeId, Body)> {
        self.last_probe.clone()
    }

    /// Takes the node's outputs and answers until there is nothing left to say.
    fn settle(&mut self) -> usize {
        let mut sent = 0;
        loop {
            while let Some(output) = self.node.poll_output() {
                sent += usize::from(matches!(output, Output::Send { .. }));
                self.answer(output);
            }
            match self.answers.pop_front() {
                Some((peer, Answer::Link(link))) => self.node.handle_link(self.now, peer, link),
                Some((peer, Answer::Says(body))) => {
                    let message = Message { names: Names::Full, compression: Compression::None, body };
                    self.node.handle_message(self.now, peer, message);
                }
                None => return sent,
            }
        }
    }

    fn answer(&mut self, output: Output<Message>) {
        match output {
            Output::Connect(peer) => self.answers.push_back((peer, Answer::Link(LinkEvent::Up))),
            Output::Disconnect(peer) | Output::Release(peer) => {
                self.answers.push_back((peer, Answer::Link(LinkEvent::Down)));
            }
            Output::Send { to, message, .. } => match message.body {
                Body::Ping { seq, .. } => {
                    self.last_probe = Some((to, message.body));
                    self.answers.push_back((to, Answer::Says(Body::Ack { seq, news: Vec::new() })));
                }
                Body::Meet(meet) if !meet.answer => {
                    self.answers.push_back((to, Answer::Says(Body::Meet(Meet { answer: true, ..meet }))));
                }
                _ => {}
            },
            Output::Introduce { .. } | Output::Event(_) => {}
        }
    }
}

fn contact(number: u32) -> Contact {
    let [.., high, low] = number.to_be_bytes();
    Contact { id: NodeId(number), address: ([10, 0, high, low], 7_946).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATE_EVERY: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn an_idle_member_sends_one_probe_a_period_and_passes_its_writes_on_to_all_partners() {
        let mut member = Member::warm(100, ROTATE_EVERY);
        for _ in 0..50 {
            assert_eq!(member.tick(), 1, "one probe, which is answered");
        }
        // Eight partners at most, fewer where one is a neighbour on two rings; and the second's probe.
        assert!((6..=9).contains(&member.write(10)));
        member.tick();
        let (partner, probe) = member.last_probe().expect("someone is probed");
        assert_eq!(member.hear(partner, probe), 1, "the answer");
    }
}
