use std::{collections::VecDeque, net::SocketAddr};

use rumormill_protocol::{Cause, Channel, Event, NodeId, Output};

/// What a node wants done. The world empties it after every input.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    queue: VecDeque<Output<M>>,
}

impl<M> Outbox<M> {
    pub(crate) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    pub(crate) fn pop(&mut self) -> Option<Output<M>> {
        let output = self.queue.pop_front();
        if output.is_none() {
            // One drain may hold an output for every member: memory that thousands of nodes of one process must not
            // keep each.
            self.queue = VecDeque::new();
        }
        output
    }

    pub(crate) fn connect(&mut self, peer: NodeId) {
        self.queue.push_back(Output::Connect(peer));
    }

    pub(crate) fn disconnect(&mut self, peer: NodeId) {
        self.queue.push_back(Output::Disconnect(peer));
    }

    pub(crate) fn introduce(&mut self, id: NodeId, address: SocketAddr) {
        self.queue.push_back(Output::Introduce { id, address });
    }

    pub(crate) fn send(&mut self, to: NodeId, channel: Channel, cause: Cause, message: M) {
        self.queue.push_back(Output::Send { to, channel, cause, message });
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }
}
