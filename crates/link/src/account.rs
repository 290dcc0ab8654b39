use quinn_proto::FrameStats;
use rumormill_measure::Ledger;

/// What a packet was for, as the ledger splits packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It set up a connection, or said that there will be none; whatever else it carried.
    Handshake,
    /// It carried acknowledgements and nothing else.
    Ack,
    /// It closed a connection.
    Close,
    /// It carried messages, or what a connection in use needs.
    Data,
}

impl Class {
    /// The class of a packet, from what its connection had sent before and after it.
    pub(crate) fn of(handshaking: bool, before: &FrameStats, after: &FrameStats) -> Self {
        if after.connection_close != before.connection_close {
            Self::Close
        } else if handshaking
            || after.crypto != before.crypto
            || after.handshake_done != before.handshake_done
        {
            Self::Handshake
        } else if after.acks != before.acks && beside_acks(after) == beside_acks(before) {
            Self::Ack
        } else {
            Self::Data
        }
    }

    /// Counts a packet of this class and size.
    pub(crate) fn count(self, size: usize, ledger: &mut Ledger) {
        let size = size as u64;
        ledger.packets += 1;
        ledger.quic_bytes += size;
        if let Some(share) = self.share(ledger) {
            *share += size;
        }
    }

    /// Takes back what [`count`](Self::count) counted.
    pub(crate) fn discount(self, size: usize, ledger: &mut Ledger) {
        let size = size as u64;
        ledger.packets -= 1;
        ledger.quic_bytes -= size;
        if let Some(share) = self.share(ledger) {
            *share -= size;
        }
    }

    const fn share(self, ledger: &mut Ledger) -> Option<&mut u64> {
        match self {
            Self::Handshake => Some(&mut ledger.handshake_bytes),
            Self::Ack => Some(&mut ledger.ack_bytes),
            Self::Close => Some(&mut ledger.close_bytes),
            Self::Data => None,
        }
    }
}

fn beside_acks(frames: &FrameStats) -> u64 {
    frames.ack_frequency
        + frames.crypto
        + frames.connection_close
        + frames.data_blocked
        + frames.datagram
        + u64::from(frames.handshake_done)
        + frames.immediate_ack
        + frames.max_data
        + frames.max_stream_data
        + frames.max_streams_bidi
        + frames.max_streams_uni
        + frames.new_connection_id
        + frames.new_token
        + frames.path_challenge
        + frames.path_response
        + frames.ping
        + frames.reset_stream
        + frames.retire_connection_id
        + frames.stream_data_blocked
        + frames.streams_blocked_bidi
        + frames.streams_blocked_uni
        + frames.stop_sending
        + frames.stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_classed_by_the_frames_it_added() {
        let before = FrameStats::default();
        let sent = |add: fn(&mut FrameStats)| {
            let mut after = before;
            add(&mut after);
            Class::of(false, &before, &after)
        };
        assert_eq!(sent(|frames| frames.acks = 1), Class::Ack);
        assert_eq!(sent(|frames| (frames.acks, frames.stream) = (1, 1)), Class::Data);
        assert_eq!(sent(|frames| frames.ping = 1), Class::Data);
        assert_eq!(sent(|frames| (frames.acks, frames.crypto) = (1, 1)), Class::Handshake);
        assert_eq!(sent(|frames| (frames.acks, frames.connection_close) = (1, 1)), Class::Close);
        let mut after = before;
        after.acks = 1;
        assert_eq!(Class::of(true, &before, &after), Class::Handshake);
    }
}
