use std::collections::VecDeque;

use rumormill_protocol::{Channel, NodeId, Time};

use super::cost::{self, ACK_DELAY, Pace};

/// Stream parcels that arrived before their turn, on one connection; with more the connection is closed.
const EARLY_MAX: usize = 64;

/// One end of a connection, as the model of QUIC knows it.
#[derive(Debug)]
pub(super) struct End<M> {
    pub(super) peer: NodeId,
    pub(super) stage: Stage,
    /// When the peer last sent anything, or this end something after that for the first time (RFC 9000, section 10.1).
    pub(super) idle_since: Time,
    /// Whether this end has sent since the peer did.
    pub(super) sent_since: bool,
    /// Whether the acceptor's word that the handshake is done goes out with what is sent next.
    pub(super) says_done: bool,
    /// Messages to be sent when all that is to be done now is done.
    pub(super) outgoing: Vec<Letter<M>>,
    /// Data parcels sent, and stream parcels.
    pub(super) number: u32,
    pub(super) sequence: u32,
    /// Bytes sent on the stream.
    pub(super) offset: u64,
    /// What was lost on the stream, and all that comes after it.
    pub(super) stall: Option<Box<Stall<M>>>,
    /// The highest number received, and by bits which before it.
    received: (u32, u64),
    /// The stream parcel that is next.
    expected: u32,
    early: Vec<(u32, Vec<M>)>,
    acks: Acks,
}

/// What one end has to acknowledge.
#[derive(Debug)]
struct Acks {
    /// Packets that arrived.
    arrived: u64,
    /// Of those, packets that want an acknowledgement and have none, and since when.
    owed: u32,
    owed_since: Time,
    /// When anything last arrived.
    heard_at: Time,
    /// When this end last sent something that wants an acknowledgement.
    sent_at: Time,
    /// When this end last acknowledged anything.
    told_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Dialled; it tries again at this time, unless the policy has given it up.
    Dialling { again_at: Time },
    /// Accepted, and given up at this time.
    Accepted { give_up: Time },
    /// Established.
    Up,
}

/// A message on its way to a connection.
#[derive(Debug)]
pub(super) struct Letter<M> {
    pub(super) channel: Channel,
    pub(super) cause: rumormill_protocol::Cause,
    pub(super) sizes: rumormill_protocol::Sizes,
    pub(super) message: M,
}

/// A stream that waits for what was lost on it.
#[derive(Debug)]
pub(super) struct Stall<M> {
    pub(super) again_at: Time,
    /// How often it was tried again without success.
    pub(super) failures: u32,
    /// Packets, and their bytes, that are to be sent again.
    pub(super) lost: (usize, usize),
    /// The messages of the parcel that was lost.
    pub(super) messages: Vec<M>,
    pub(super) packets: u32,
    /// What came after it.
    pub(super) later: VecDeque<Letter<M>>,
    pub(super) later_bytes: usize,
}

/// What a parcel brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived<M> {
    /// These messages are to be heard now.
    Messages(Vec<M>),
    /// It had arrived before.
    Again,
    /// More came early than there is room for.
    Overflow,
}

impl<M> End<M> {
    pub(super) const fn new(peer: NodeId, stage: Stage, now: Time) -> Self {
        Self {
            peer,
            stage,
            idle_since: now,
            sent_since: false,
            says_done: false,
            outgoing: Vec::new(),
            number: 0,
            sequence: 0,
            offset: 0,
            stall: None,
            received: (0, 0),
            expected: 1,
            early: Vec::new(),
            acks: Acks { arrived: 0, owed: 0, owed_since: now, heard_at: now, sent_at: now, told_at: now },
        }
    }

    /// The peer sent something.
    pub(super) const fn heard(&mut self, now: Time) {
        self.idle_since = now;
        self.sent_since = false;
        self.acks.heard_at = now;
    }

    /// Something is sent that wants an acknowledgement.
    pub(super) const fn sends(&mut self, now: Time) {
        if !self.sent_since {
            self.sent_since = true;
            self.idle_since = now;
        }
        self.acks.sent_at = now;
    }

    /// So many packets arrived that want an acknowledgement. Returns the bytes of the packet in which those before were
    /// acknowledged alone, if they were.
    pub(super) fn owes(&mut self, now: Time, packets: u32) -> Option<usize> {
        let before = self.overdue(now);
        if before.is_some() {
            self.told_alone();
        }
        if self.acks.owed == 0 {
            self.acks.owed_since = now;
        }
        self.acks.owed += packets;
        self.acks.arrived += u64::from(packets);
        before
    }

    /// Whether acknowledgements must not wait any longer: every second packet is acknowledged at once.
    pub(super) const fn acknowledges_now(&self) -> bool {
        self.acks.owed >= 2
    }

    /// The bytes of the packet in which acknowledgements have gone out alone by `now`, because nothing else was sent in
    /// time.
    pub(super) fn overdue(&self, now: Time) -> Option<usize> {
        let is_overdue = self.acks.owed > 0 && now.since(self.acks.owed_since) > ACK_DELAY;
        is_overdue.then(|| cost::ack_packet(self.acks.arrived, ACK_DELAY))
    }

    /// What was overdue has gone out alone.
    pub(super) fn told_alone(&mut self) {
        self.acks.owed = 0;
        self.acks.told_at = self.acks.owed_since + ACK_DELAY;
    }

    /// All that was received is acknowledged now, alone: the bytes of the packet.
    pub(super) fn tell(&mut self, now: Time) -> usize {
        let bytes = cost::ack_packet(self.acks.arrived, now.since(self.acks.heard_at));
        self.acks.owed = 0;
        self.acks.told_at = now;
        bytes
    }

    /// The ACK frame that a packet sent now carries besides: one that is due at once, or, as quinn does it, one of
    /// whatever arrived, acknowledgements included, unless the last is too young to have been acknowledged itself.
    pub(super) fn ack_frame(&mut self, now: Time, pace: &Pace) -> usize {
        let is_due = self.acknowledges_now();
        let acks = &mut self.acks;
        if !is_due && now < acks.told_at + pace.bundling {
            return 0;
        }
        // What the peer sends sooner after something than a round trip does not acknowledge it: it does so alone.
        let echoed = acks.sent_at + pace.echo;
        let is_echoed = acks.heard_at < acks.sent_at + pace.round_trip && echoed <= now;
        let newest = if is_echoed { acks.heard_at.max(echoed) } else { acks.heard_at };
        acks.owed = 0;
        acks.told_at = now;
        cost::ack_frame(acks.arrived, now.since(newest))
    }

    /// Sorts what arrived: each parcel counts once, and those of the stream in their order.
    pub(super) fn sort(
        &mut self,
        number: u32,
        datagrams: usize,
        sequence: u32,
        mut messages: Vec<M>,
    ) -> Arrived<M> {
        if !self.is_new(number) {
            return Arrived::Again;
        }
        if messages.len() == datagrams {
            return Arrived::Messages(messages);
        }
        if sequence != self.expected {
            if self.early.len() >= EARLY_MAX {
                return Arrived::Overflow;
            }
            let ordered = messages.split_off(datagrams);
            self.early.push((sequence, ordered));
            return Arrived::Messages(messages);
        }
        self.expected = self.expected.wrapping_add(1);
        while let Some(at) = self.early.iter().position(|(sequence, _)| *sequence == self.expected) {
            messages.append(&mut self.early.swap_remove(at).1);
            self.expected = self.expected.wrapping_add(1);
        }
        Arrived::Messages(messages)
    }

    /// Takes note of a number; says whether it comes for the first time. One that is far behind does not count as new.
    fn is_new(&mut self, number: u32) -> bool {
        let (highest, before) = self.received;
        if number > highest {
            let ahead = number - highest;
            let shifted = if ahead < 64 { before << ahead | 1 << (ahead - 1) } else { 0 };
            // The bit of the number that was highest; before the first there was none.
            let mask = if highest == 0 && ahead < 64 { !(1 << (ahead - 1)) } else { u64::MAX };
            self.received = (number, shifted & mask);
            return true;
        }
        let behind = highest - number;
        if behind == 0 || behind > 64 || before >> (behind - 1) & 1 == 1 {
            return false;
        }
        self.received.1 |= 1 << (behind - 1);
        true
    }
}

impl<M> Letter<M> {
    /// Whether it goes as a datagram: it was meant to, and fits a packet.
    pub(super) const fn is_datagram(&self) -> bool {
        matches!(self.channel, Channel::Datagram)
            && cost::datagram_frame(self.sizes.compressed) <= cost::ROOM - cost::ACK_FRAME_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rumormill_link::NetworkConfig;

    use super::*;

    const NOW: Time = Time(1_000_000_000);

    fn end() -> End<u32> {
        End::new(NodeId(1), Stage::Up, NOW)
    }

    #[test]
    fn a_second_copy_counts_for_nothing_and_a_late_first_one_counts() {
        let mut end = end();
        let mut take = |number| end.sort(number, 1, 0, vec![number]) != Arrived::Again;
        let taken = [1, 3, 2, 2, 3, 1, 70, 7, 5, 200, 136, 135, 199, 199].map(&mut take);
        let new = [true, true, true, false, false, false, true, true, false, true, true, false, true, false];
        assert_eq!(taken, new);
    }

    #[test]
    fn the_stream_keeps_its_order_and_datagrams_do_not_wait() {
        let mut end = end();
        assert_eq!(end.sort(2, 1, 2, vec![20, 21]), Arrived::Messages(vec![20]));
        assert_eq!(end.sort(3, 0, 3, vec![31]), Arrived::Messages(vec![]));
        assert_eq!(end.sort(1, 0, 1, vec![11]), Arrived::Messages(vec![11, 21, 31]));
        assert_eq!(end.sort(4, 0, 4, vec![41]), Arrived::Messages(vec![41]));
        for number in 0..EARLY_MAX as u32 {
            assert_eq!(end.sort(10 + number, 0, 10 + number, vec![0]), Arrived::Messages(vec![]));
        }
        assert_eq!(end.sort(99, 0, 200, vec![0]), Arrived::Overflow);
    }

    #[test]
    fn a_packet_alone_is_acknowledged_after_the_delay_and_a_second_one_at_once() {
        let mut end = end();
        assert_eq!(end.owes(NOW, 1), None);
        assert!(!end.acknowledges_now());
        let later = NOW + ACK_DELAY + Duration::from_millis(1);
        assert_eq!(end.overdue(NOW + ACK_DELAY), None);
        // 26 bytes of every packet; type, packet, 25 ms in two bytes, count, range.
        assert_eq!(end.owes(later, 1), Some(26 + 6), "the first went out alone");
        assert_eq!(end.owes(later, 1), None);
        assert!(end.acknowledges_now());
        end.heard(later);
        assert_eq!(end.tell(later), 26 + 5);
        assert_eq!(end.overdue(later + 2 * ACK_DELAY), None);
    }

    #[test]
    fn a_packet_acknowledges_besides_unless_that_was_done_just_before() {
        let ms = Duration::from_millis;
        let pace = Pace::of(&NetworkConfig { latency: ms(1), ..NetworkConfig::default() });
        let mut end = end();
        let mut now = NOW + ms(100);
        end.heard(now);
        assert_eq!(end.owes(now, 1), None);
        assert_eq!(end.ack_frame(now, &pace), 5, "at once");
        end.sends(now);
        now += ms(27);
        assert_eq!(end.ack_frame(now, &pace), 0, "the last is 27 ms old");
        now += ms(100);
        assert_eq!(end.ack_frame(now, &pace), 6, "the peer's own acknowledgement, 100 ms ago");
        end.heard(now);
        assert_eq!(end.owes(now, 2), None);
        assert_eq!(end.ack_frame(now, &pace), 5, "two packets are acknowledged at once");
    }
}
