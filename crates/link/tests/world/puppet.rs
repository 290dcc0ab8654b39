use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use rumormill_protocol::{
    Command, DecodeError, LinkEvent, NodeId, Output, Protocol, Sizes, Start, Status, Time, View, Wire,
};

/// A protocol without a will: it does what its strings say, and tells them what it hears.
pub(crate) struct Puppet {
    strings: Strings,
}

/// Where a test pulls a puppet's outputs and reads what it heard.
#[derive(Clone, Default)]
pub(crate) struct Strings(Arc<Mutex<Knots>>);

#[derive(Default)]
struct Knots {
    outputs: VecDeque<Output<Note>>,
    heard: Vec<Heard>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Link(NodeId, LinkEvent),
    Note(NodeId, Note),
}

/// Any bytes but those that begin with 0xff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note(pub(crate) Vec<u8>);

impl Strings {
    pub(crate) fn pull(&self, outputs: impl IntoIterator<Item = Output<Note>>) {
        self.knots().outputs.extend(outputs);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.knots().heard.clone()
    }

    fn knots(&self) -> MutexGuard<'_, Knots> {
        self.0.lock().expect("no test panics while it holds the strings")
    }
}

impl Protocol for Puppet {
    type Config = Strings;
    type Message = Note;

    fn new(config: &Strings, _: &Start, _: Time) -> Self {
        Self { strings: config.clone() }
    }

    fn handle_message(&mut self, _: Time, from: NodeId, message: Note) {
        self.strings.knots().heard.push(Heard::Note(from, message));
    }

    fn handle_link(&mut self, _: Time, peer: NodeId, link: LinkEvent) {
        self.strings.knots().heard.push(Heard::Link(peer, link));
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn handle_command(&mut self, _: Time, _: Command) {}

    fn poll_output(&mut self) -> Option<Output<Note>> {
        self.strings.knots().outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl View for Puppet {
    fn status(&self, _: NodeId) -> Status {
        Status::Unknown
    }

    fn life(&self, _: NodeId) -> u32 {
        0
    }

    fn alive(&self) -> usize {
        1
    }

    fn version(&self, _: NodeId) -> u64 {
        0
    }
}

impl Wire for Note {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        out.extend_from_slice(&self.0);
        Sizes { payload: self.0.len(), compressed: self.0.len() }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.first() == Some(&0xff) { Err(DecodeError::Tag(0xff)) } else { Ok(Self(bytes.to_vec())) }
    }
}
