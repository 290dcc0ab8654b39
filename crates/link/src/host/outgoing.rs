use quinn_proto::ConnectionHandle;
use rumormill_protocol::{
    Cause, Channel, LinkEvent, MAX_MESSAGE_BYTES, NodeId, Output, Protocol, Sizes, Time, Wire,
};

use super::Host;
use crate::{
    connection::{Connection, Stage},
    links::{Action, CloseReason},
    name::server_name,
};

/// An encoded message on its way to a connection.
#[derive(Debug)]
pub(super) struct Letter<B> {
    channel: Channel,
    cause: Cause,
    sizes: Sizes,
    body: B,
}

impl<P: Protocol> Host<P> {
    /// Does what the protocol and the connection policy want, until neither wants anything.
    pub(super) fn drain(&mut self, now: Time) {
        loop {
            while let Some(output) = self.protocol.poll_output() {
                self.obey(now, output);
            }
            if !self.obey_links(now) {
                return;
            }
        }
    }

    fn obey(&mut self, now: Time, output: Output<P::Message>) {
        match output {
            Output::Connect(peer) => self.links.pin(now, peer),
            Output::Disconnect(peer) => self.links.unpin(now, peer),
            Output::Release(peer) => self.links.release(peer),
            Output::Introduce { id, address } => self.directory.introduce(id, address),
            Output::Send { to, channel, cause, message } => self.dispatch(now, to, channel, cause, &message),
            Output::Event(event) => self.events.push_back(event),
        }
    }

    /// Says whether there was anything to do.
    pub(super) fn obey_links(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(action) = self.links.poll_action() {
            any = true;
            match action {
                Action::Dial(peer) => self.dial(now, peer),
                Action::Close(handle, reason) => self.close(now, handle, reason),
                Action::Tell(peer, link) => {
                    if link == LinkEvent::Up {
                        self.send_waiting(now, peer);
                    }
                    self.protocol.handle_link(now, peer, link);
                }
            }
        }
        any
    }

    fn dispatch(&mut self, now: Time, to: NodeId, channel: Channel, cause: Cause, message: &P::Message) {
        let mut body = std::mem::take(&mut self.scratch);
        body.clear();
        let sizes = message.encode(&mut body);
        self.ledger.checks += u64::from(cause == Cause::Probe);
        assert!(body.len() <= MAX_MESSAGE_BYTES, "a protocol sends larger things in pieces");
        assert!(to != self.me, "a protocol sends nothing to itself");
        if let Some(handle) = self.links.route(now, to) {
            self.hand_over(now, to, handle, &Letter { channel, cause, sizes, body: &body[..] });
        } else {
            let letter = Letter { channel, cause, sizes, body: Box::from(&body[..]) };
            self.links.wait(now, to, body.len(), letter);
        }
        self.scratch = body;
    }

    fn send_waiting(&mut self, now: Time, peer: NodeId) {
        while let Some(handle) = self.links.route(now, peer) {
            let Some(letter) = self.links.next_waiting(peer) else { return };
            self.hand_over(now, peer, handle, &letter);
        }
    }

    fn hand_over<B: AsRef<[u8]>>(
        &mut self,
        now: Time,
        to: NodeId,
        handle: ConnectionHandle,
        letter: &Letter<B>,
    ) {
        let Some(connection) = self.connections.at(handle) else { return };
        self.ledger.message(letter.cause, letter.sizes);
        let sent = connection.send(letter.channel, letter.body.as_ref());
        self.connections.mark(handle);
        if let Err(reason) = sent {
            self.abandon(now, to, handle, reason);
        }
    }

    fn dial(&mut self, now: Time, peer: NodeId) {
        let address = self.directory.address(peer).filter(|_| self.connections.len() < self.connections_max);
        let instant = self.clock.instant(now);
        let dialled = address.and_then(|address| {
            self.endpoint.connect(instant, self.client.clone(), address, &server_name(peer)).ok()
        });
        let Some((handle, quic)) = dialled else {
            self.links.dial_failed(now, peer);
            return;
        };
        self.ledger.dials += 1;
        self.connections.insert(handle, Connection::new(quic, Stage::Dialling(peer)));
        self.links.dialling(peer, handle);
    }

    /// Closes an established connection that must not go on, and tells the policy.
    pub(super) fn abandon(&mut self, now: Time, peer: NodeId, handle: ConnectionHandle, reason: CloseReason) {
        if reason == CloseReason::Overflow {
            self.ledger.overflows += 1;
        }
        self.close(now, handle, reason);
        self.links.lost(now, peer, handle);
    }

    /// Closes a connection that the policy has forgotten, or is about to.
    pub(super) fn close(&mut self, now: Time, handle: ConnectionHandle, reason: CloseReason) {
        let Some(connection) = self.connections.at(handle) else { return };
        if matches!(connection.stage, Stage::Dialling(_) | Stage::Accepting(_)) {
            self.ledger.handshakes_failed += 1;
        }
        connection.close(self.clock.instant(now), reason);
        self.connections.mark(handle);
    }
}
