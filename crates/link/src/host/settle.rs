use quinn_proto::{ConnectionHandle, Event, Side, StreamEvent};
use rumormill_protocol::{NodeId, Protocol, Time, Wire};

use super::Host;
use crate::{
    connection::{Connection, Stage},
    links::CloseReason,
};

impl<P: Protocol> Host<P> {
    /// Runs the timers of a connection that has no more packets to send, and takes what it has to say.
    pub(super) fn settle(&mut self, now: Time, handle: ConnectionHandle) {
        self.expire(now, handle);
        let drained = self.forward_endpoint_events(handle);
        let mut lost = false;
        while let Some(event) = self.connections.at(handle).and_then(|connection| connection.quic.poll()) {
            match event {
                Event::Connected => self.connected(now, handle),
                Event::ConnectionLost { .. } => lost = true,
                Event::Stream(event) => self.handle_stream(now, handle, &event),
                // Datagrams are looked for whenever a connection is settled.
                Event::DatagramReceived | Event::DatagramsUnblocked | Event::HandshakeDataReady => {}
            }
        }
        self.receive(now, handle);
        // Last: what arrived before the end still counts.
        if lost {
            self.lost(now, handle);
        }
        if drained {
            self.connections.remove(handle);
            return;
        }
        let Some(connection) = self.connections.at(handle) else { return };
        let timeout = connection.quic.poll_timeout().map(|instant| self.clock.time(instant));
        let give_up = match connection.stage {
            Stage::Accepting(give_up) => Some(give_up),
            _ => None,
        };
        self.connections.set_deadline(handle, timeout.into_iter().chain(give_up).min());
    }

    fn expire(&mut self, now: Time, handle: ConnectionHandle) {
        let instant = self.clock.instant(now);
        let Some(Connection { quic, stage, .. }) = self.connections.at(handle) else { return };
        let stage = *stage;
        if quic.poll_timeout().is_some_and(|timeout| timeout <= instant) {
            quic.handle_timeout(instant);
            self.connections.mark(handle);
        }
        if matches!(stage, Stage::Accepting(give_up) if give_up <= now) {
            self.close(now, handle, CloseReason::Late);
        }
    }

    /// Says whether the connection is over for good.
    fn forward_endpoint_events(&mut self, handle: ConnectionHandle) -> bool {
        let Some(Connection { quic, .. }) = self.connections.at(handle) else { return false };
        let (mut drained, mut answered) = (false, false);
        while let Some(event) = quic.poll_endpoint_events() {
            drained |= event.is_drained();
            if let Some(answer) = self.endpoint.handle_event(handle, event) {
                quic.handle_event(answer);
                answered = true;
            }
        }
        if answered {
            self.connections.mark(handle);
        }
        drained
    }

    fn handle_stream(&mut self, now: Time, handle: ConnectionHandle, event: &StreamEvent) {
        let Some(connection) = self.connections.at(handle) else { return };
        match (connection.handle_stream(event), connection.stage) {
            (Ok(false), _) => {}
            (Ok(true), _) => self.connections.mark(handle),
            (Err(reason), Stage::Up(peer)) => self.abandon(now, peer, handle, reason),
            (Err(reason), _) => self.close(now, handle, reason),
        }
    }

    fn connected(&mut self, now: Time, handle: ConnectionHandle) {
        let Some(connection) = self.connections.at(handle) else { return };
        let identity = (self.identify)(&connection.quic).filter(|&peer| peer != self.me);
        let Some(peer) = identity.filter(|&peer| connection.stage.may_be(peer)) else {
            let stage = connection.stage;
            self.close(now, handle, CloseReason::Identity);
            self.dial_failed(now, stage);
            return;
        };
        let dialler = match connection.quic.side() {
            Side::Client => self.me,
            Side::Server => peer,
        };
        connection.stage = Stage::Up(peer);
        self.links.connected(now, peer, handle, dialler);
        // At once, so that the protocol hears of the connection before it hears what came over it.
        self.obey_links(now);
    }

    fn lost(&mut self, now: Time, handle: ConnectionHandle) {
        let Some(connection) = self.connections.at(handle) else { return };
        let stage = std::mem::replace(&mut connection.stage, Stage::Closed);
        match stage {
            Stage::Up(peer) => self.links.lost(now, peer, handle),
            Stage::Dialling(_) | Stage::Accepting(_) => {
                self.ledger.handshakes_failed += 1;
                self.dial_failed(now, stage);
            }
            Stage::Closed => {}
        }
    }

    fn dial_failed(&mut self, now: Time, stage: Stage) {
        if let Stage::Dialling(peer) = stage {
            self.links.dial_failed(now, peer);
        }
    }

    /// Lets the protocol hear the messages that arrived on a connection.
    fn receive(&mut self, now: Time, handle: ConnectionHandle) {
        let Some(connection) = self.connections.at(handle) else { return };
        let Stage::Up(peer) = connection.stage else { return };
        let (protocol, ledger) = (&mut self.protocol, &mut self.ledger);
        let outcome = connection.receive(|bytes| match P::Message::decode(&bytes) {
            Ok(message) => {
                protocol.handle_message(now, peer, message);
                true
            }
            Err(_) => {
                ledger.garbage_messages += 1;
                false
            }
        });
        match outcome {
            Ok(received) => {
                if received.any {
                    self.links.received(now, peer);
                }
                if received.credit {
                    self.connections.mark(handle);
                }
            }
            Err(reason) => self.abandon(now, peer, handle, reason),
        }
    }
}

impl Stage {
    /// Whether a connection at this stage may turn out to lead to this peer.
    fn may_be(self, peer: NodeId) -> bool {
        match self {
            Self::Dialling(expected) => expected == peer,
            Self::Accepting(_) => true,
            Self::Up(_) | Self::Closed => false,
        }
    }
}
