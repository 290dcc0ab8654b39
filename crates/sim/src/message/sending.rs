use std::collections::VecDeque;

use rumormill_link::CloseReason;
use rumormill_protocol::{NodeId, Protocol, Time};

use super::{
    cost,
    end::{Letter, Stage, Stall},
    host::{Answer, MessageHost, count_ack},
    parcel::{Content, Name, Parcel},
};
use crate::machine::{Outbox, Undelivered};

/// Bytes that wait for a stream that is stalled; with more the connection is closed, as between real nodes.
const BACKLOG_BYTES: usize = 16 << 20;
/// The longest that a sender waits before it sends again, in its shortest waits, as a power of two.
const BACK_OFF_MAX: u32 = 6;

/// Messages of one flush, sorted by how they travel.
struct Flush<M> {
    /// Those that are datagrams come first.
    letters: Vec<Letter<M>>,
    /// How many are.
    datagrams: usize,
}

impl<P: Protocol> MessageHost<P> {
    /// Sends all that waits to be sent.
    pub(super) fn send_all(&mut self, now: Time, outbox: &mut Outbox<'_, Parcel<P::Message>>) {
        // First of all, so that who a dialler is is known before what it says.
        for (to, name, answer) in std::mem::take(&mut self.answers) {
            self.answer(to, name, answer, outbox);
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for name in dirty.drain(..) {
            self.flush(now, name, outbox);
        }
        self.dirty = dirty;
    }

    fn answer(
        &mut self,
        to: NodeId,
        name: Name,
        answer: Answer,
        outbox: &mut Outbox<'_, Parcel<P::Message>>,
    ) {
        let mut is_handshake = true;
        let ((packets, bytes), content) = match answer {
            Answer::Hello => (cost::HELLO, Content::Hello),
            Answer::Welcome => (cost::WELCOME, Content::Welcome),
            Answer::Refusal => (cost::REFUSAL, Content::Refusal),
            Answer::Confirm => {
                let Some(end) = self.ends.get_mut(&name) else { return };
                end.number += 1;
                let (number, messages) = (end.number, Vec::new());
                (cost::CONFIRM, Content::Data { number, packets: 0, datagrams: 0, sequence: 0, messages })
            }
            Answer::Close => {
                is_handshake = false;
                ((1, cost::CLOSE_PACKET_BYTES), Content::Close)
            }
            Answer::Unknown => {
                is_handshake = false;
                ((1, cost::RESET_PACKET_BYTES), Content::Unknown)
            }
        };
        let sent = bytes as u64;
        self.ledger.packets += packets as u64;
        self.ledger.quic_bytes += sent;
        if is_handshake {
            self.ledger.handshake_bytes +=
                if answer == Answer::Confirm { cost::CONFIRM_HANDSHAKE_BYTES as u64 } else { sent };
        } else {
            self.ledger.close_bytes += sent;
        }
        // What is lost of a handshake is sent again when the dialler misses it.
        let _ = outbox.send(to, packets, bytes, Parcel { name, content });
    }

    /// Sends what waits at one end: its acknowledgement, its datagrams, its stream.
    fn flush(&mut self, now: Time, name: Name, outbox: &mut Outbox<'_, Parcel<P::Message>>) {
        let Some(end) = self.ends.get_mut(&name).filter(|end| end.stage == Stage::Up) else { return };
        let mut flush = Flush::of(std::mem::take(&mut end.outgoing));
        if let Some(bytes) = end.overdue(now) {
            end.told_alone();
            count_ack(&mut self.ledger, bytes);
        }
        if end.stall.is_some() {
            let mut stream = flush.letters.split_off(flush.datagrams);
            let overflows = !self.continue_stall(now, name, &mut stream, outbox);
            flush.letters.append(&mut stream);
            let Some(end) = self.ends.get(&name).filter(|_| overflows) else {
                return self.send_now(now, name, flush, outbox);
            };
            let peer = end.peer;
            self.close(now, name, CloseReason::Overflow);
            self.links.lost(now, peer, name);
            return;
        }
        self.send_now(now, name, flush, outbox);
    }

    fn send_now(
        &mut self,
        now: Time,
        name: Name,
        flush: Flush<P::Message>,
        outbox: &mut Outbox<'_, Parcel<P::Message>>,
    ) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        if flush.is_empty() {
            if end.acknowledges_now() {
                count_ack(&mut self.ledger, end.tell(now));
            }
            return;
        }
        let mut ack_frame = end.ack_frame(now, &self.terms.pace);
        end.sends(now);
        let frames = ack_frame + flush.frames(end.offset);
        if frames <= cost::ROOM {
            self.send_parcel(now, name, flush, (1, frames + cost::PACKET_OVERHEAD_BYTES), outbox);
            return;
        }
        let mut datagrams = flush.letters;
        let stream = Flush { letters: datagrams.split_off(flush.datagrams), datagrams: 0 };
        for letters in packed(datagrams, ack_frame) {
            let packet = Flush { datagrams: letters.len(), letters };
            let bytes =
                cost::PACKET_OVERHEAD_BYTES + packet.datagram_frames() + std::mem::take(&mut ack_frame);
            self.send_parcel(now, name, packet, (1, bytes), outbox);
        }
        if stream.is_empty() {
            return;
        }
        let Some(end) = self.ends.get(&name) else { return };
        let takes = cost::stream_packets(end.offset, stream.stream_bytes(), ack_frame);
        self.send_parcel(now, name, stream, takes, outbox);
    }

    fn send_parcel(
        &mut self,
        now: Time,
        name: Name,
        flush: Flush<P::Message>,
        (packets, bytes): (usize, usize),
        outbox: &mut Outbox<'_, Parcel<P::Message>>,
    ) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        end.number += 1;
        end.offset += flush.stream_bytes() as u64;
        let datagrams = flush.datagrams;
        let has_stream = datagrams < flush.letters.len();
        end.sequence = end.sequence.wrapping_add(u32::from(has_stream));
        let content = Content::Data {
            number: end.number,
            packets: packets as u32 + u32::from(std::mem::take(&mut end.says_done)),
            datagrams: datagrams as u32,
            sequence: end.sequence,
            messages: flush.letters.into_iter().map(|letter| letter.message).collect(),
        };
        self.ledger.packets += packets as u64;
        self.ledger.quic_bytes += bytes as u64;
        let sent = outbox.send(end.peer, packets, bytes, Parcel { name, content });
        let Err(Undelivered { lost, flight }) = sent else { return };
        let again_at = now + self.terms.pace.probe_timeout;
        let probes = (lost * cost::PACKETS_A_LOSS) as u64;
        self.ledger.packets += probes;
        self.ledger.quic_bytes += probes * cost::PROBE_PACKET_BYTES as u64;
        let Content::Data { mut messages, .. } = flight.content else { return };
        if !has_stream {
            return;
        }
        let messages = messages.split_off(datagrams);
        end.stall = Some(Box::new(Stall {
            again_at,
            failures: 0,
            lost: (lost, bytes / packets * lost),
            messages,
            packets: packets as u32,
            later: VecDeque::new(),
            later_bytes: 0,
        }));
        self.wake_by(again_at);
    }

    /// Keeps what is for a stalled stream, and sends again what was lost when it is time; says whether there is room.
    fn continue_stall(
        &mut self,
        now: Time,
        name: Name,
        letters: &mut Vec<Letter<P::Message>>,
        outbox: &mut Outbox<'_, Parcel<P::Message>>,
    ) -> bool {
        let Some(end) = self.ends.get_mut(&name) else { return true };
        let Some(mut stall) = end.stall.take() else { return true };
        stall.later_bytes += letters.iter().map(|letter| letter.sizes.compressed).sum::<usize>();
        stall.later.extend(letters.drain(..));
        if stall.later_bytes > BACKLOG_BYTES {
            return false;
        }
        if stall.again_at > now {
            end.stall = Some(stall);
            return true;
        }
        let (packets, bytes) = stall.lost;
        self.ledger.packets += packets as u64;
        self.ledger.quic_bytes += bytes as u64;
        end.number += 1;
        end.sends(now);
        let content = Content::Data {
            number: end.number,
            packets: stall.packets,
            datagrams: 0,
            sequence: end.sequence,
            messages: std::mem::take(&mut stall.messages),
        };
        match outbox.send(end.peer, packets, bytes, Parcel { name, content }) {
            // What came after it is next.
            Ok(()) => letters.extend(stall.later),
            Err(Undelivered { lost, flight }) => {
                let Content::Data { messages, .. } = flight.content else { return true };
                stall.failures = (stall.failures + 1).min(BACK_OFF_MAX);
                stall.again_at = now + self.terms.pace.probe_timeout * (1 << stall.failures);
                stall.lost = (lost, bytes / packets * lost);
                stall.messages = messages;
                let again_at = stall.again_at;
                end.stall = Some(stall);
                self.wake_by(again_at);
            }
        }
        true
    }
}

impl<M> Flush<M> {
    fn of(mut letters: Vec<Letter<M>>) -> Self {
        letters.sort_by_key(|letter| !letter.is_datagram());
        let datagrams = letters.partition_point(Letter::is_datagram);
        Self { letters, datagrams }
    }

    const fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    fn datagram_frames(&self) -> usize {
        let datagrams = self.letters[..self.datagrams].iter();
        datagrams.map(|letter| cost::datagram_frame(letter.sizes.compressed)).sum()
    }

    fn stream_bytes(&self) -> usize {
        self.letters[self.datagrams..].iter().map(|letter| cost::framed(letter.sizes.compressed)).sum()
    }

    /// The frames of all, in one packet.
    fn frames(&self, offset: u64) -> usize {
        let bytes = self.stream_bytes();
        let stream = if bytes == 0 { 0 } else { cost::stream_header(offset, bytes) + bytes };
        self.datagram_frames() + stream
    }
}

/// Datagrams in the packets that hold them, in order; the first packet carries an ACK frame besides.
fn packed<M>(letters: Vec<Letter<M>>, ack_frame: usize) -> Vec<Vec<Letter<M>>> {
    let mut packets: Vec<Vec<Letter<M>>> = Vec::new();
    let mut room = 0;
    for letter in letters {
        let takes = cost::datagram_frame(letter.sizes.compressed);
        if takes > room {
            room = cost::ROOM - if packets.is_empty() { ack_frame } else { 0 };
            packets.push(Vec::new());
        }
        room -= takes;
        if let Some(packet) = packets.last_mut() {
            packet.push(letter);
        }
    }
    packets
}
