use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rumormill_protocol::{
    Command, DecodeError, LinkEvent, NodeId, Output, Protocol, Sizes, Start, Status, Time, View, Wire,
};

/// Any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note(pub(crate) Vec<u8>);

/// What a puppet is to do, and what it heard.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) outputs: VecDeque<Output<Note>>,
    pub(crate) links: Vec<(Time, NodeId, LinkEvent)>,
    pub(crate) notes: usize,
    pub(crate) note_bytes: usize,
}

/// A protocol without a will: it does what is written for it, and writes down what it hears.
pub(crate) struct Puppet(Arc<Mutex<Diary>>);

impl Puppet {
    fn diary<T>(&self, write: impl FnOnce(&mut Diary) -> T) -> T {
        write(&mut self.0.lock().expect("no test panics while it holds a diary"))
    }
}

impl Protocol for Puppet {
    type Config = Arc<Mutex<Diary>>;
    type Message = Note;

    fn new(config: &Self::Config, _: &Start, _: Time) -> Self {
        Self(config.clone())
    }

    fn handle_message(&mut self, _: Time, _: NodeId, Note(bytes): Note) {
        self.diary(|diary| {
            diary.notes += 1;
            diary.note_bytes += bytes.len();
        });
    }

    fn handle_link(&mut self, now: Time, peer: NodeId, link: LinkEvent) {
        self.diary(|diary| diary.links.push((now, peer, link)));
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn handle_command(&mut self, _: Time, _: Command) {}

    fn poll_output(&mut self) -> Option<Output<Note>> {
        self.diary(|diary| diary.outputs.pop_front())
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
        Ok(Self(bytes.to_vec()))
    }
}
