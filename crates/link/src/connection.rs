use std::{collections::VecDeque, slice, time::Instant};

use bytes::Bytes;
use quinn_proto::{Dir, StreamEvent, StreamId, VarInt, WriteError};
use rumormill_protocol::{Channel, NodeId, Time};

use crate::{
    frame::{FrameReader, frame},
    links::CloseReason,
};

/// Bytes for the stream of one connection that neither it nor the peer has room for yet. Over it the connection
/// is closed: a stream never loses a message silently. There is room for the whole state of 10,000 nodes of 1 KB each, which
/// is pushed at once.
const BACKLOG_BYTES: usize = 16 << 20;
/// Messages of one connection that could not be decoded, after which it is closed.
const GARBAGE_MAX: u32 = 100;

/// One connection: QUIC's state machine, and how messages ride on it.
pub(crate) struct Connection {
    pub(crate) quic: quinn_proto::Connection,
    pub(crate) stage: Stage,
    outgoing: Option<StreamId>,
    backlog: VecDeque<Bytes>,
    backlog_bytes: usize,
    incoming: Option<StreamId>,
    readable: bool,
    reader: FrameReader,
    garbage: u32,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Dialled; the policy gives it up in time.
    Dialling(NodeId),
    /// Accepted, and given up at this time.
    Accepting(Time),
    /// Established with this peer.
    Up(NodeId),
    /// Over; it lives on for QUIC's closing period.
    Closed,
}

/// What came of looking for messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// There were messages.
    pub(crate) any: bool,
    /// The peer is to hear that it may send more.
    pub(crate) credit: bool,
}

impl Connection {
    pub(crate) fn new(quic: quinn_proto::Connection, stage: Stage) -> Self {
        Self {
            quic,
            stage,
            outgoing: None,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            incoming: None,
            readable: false,
            reader: FrameReader::default(),
            garbage: 0,
        }
    }

    /// Hands a message to the connection. A datagram goes out at most once, and the oldest unsent give way when
    /// congestion holds them up; one too large for a packet goes on the stream.
    ///
    /// # Errors
    /// Why the connection must be closed.
    pub(crate) fn send(&mut self, channel: Channel, message: &[u8]) -> Result<(), CloseReason> {
        let datagram = channel == Channel::Datagram
            && self.quic.datagrams().max_size().is_some_and(|max| message.len() <= max)
            && self.quic.datagrams().send(Bytes::copy_from_slice(message), true).is_ok();
        if datagram {
            return Ok(());
        }
        let framed = frame(message);
        self.backlog_bytes += framed.len();
        self.backlog.push_back(framed);
        self.flush()?;
        if self.backlog_bytes > BACKLOG_BYTES { Err(CloseReason::Overflow) } else { Ok(()) }
    }

    /// Moves the backlog into the stream as far as there is room.
    ///
    /// # Errors
    /// When the peer stopped the stream.
    fn flush(&mut self) -> Result<(), CloseReason> {
        while let Some(front) = self.backlog.front_mut() {
            let Some(stream) = self.outgoing.or_else(|| self.quic.streams().open(Dir::Uni)) else {
                return Ok(());
            };
            self.outgoing = Some(stream);
            match self.quic.send_stream(stream).write_chunks(slice::from_mut(front)) {
                Ok(written) => {
                    self.backlog_bytes -= written.bytes;
                    if front.is_empty() {
                        self.backlog.pop_front();
                    }
                }
                Err(WriteError::Blocked) => return Ok(()),
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Err(CloseReason::Violation),
            }
        }
        Ok(())
    }

    /// Takes note of what happened to a stream, and says whether there may be more to send now.
    ///
    /// # Errors
    /// When the peer stopped ours.
    pub(crate) fn handle_stream(&mut self, event: &StreamEvent) -> Result<bool, CloseReason> {
        match event {
            StreamEvent::Opened { .. } | StreamEvent::Readable { .. } => {
                self.readable = true;
                Ok(false)
            }
            StreamEvent::Writable { .. } | StreamEvent::Available { .. } => self.flush().map(|()| true),
            StreamEvent::Stopped { .. } | StreamEvent::Finished { .. } => Err(CloseReason::Violation),
        }
    }

    /// Delivers the messages that have arrived; `deliver` says whether it could decode one.
    ///
    /// # Errors
    /// When the peer broke the rules.
    pub(crate) fn receive(
        &mut self,
        mut deliver: impl FnMut(Bytes) -> bool,
    ) -> Result<Received, CloseReason> {
        let (mut received, mut garbage) = (Received::default(), 0);
        let mut deliver = |message| {
            received.any = true;
            garbage += u32::from(!deliver(message));
        };
        while let Some(datagram) = self.quic.datagrams().recv() {
            deliver(datagram);
        }
        if std::mem::take(&mut self.readable) {
            received.credit = self.read_stream(&mut deliver)?;
        }
        self.garbage += garbage;
        if self.garbage > GARBAGE_MAX { Err(CloseReason::Violation) } else { Ok(received) }
    }

    /// Says whether the peer is to hear of room for more.
    fn read_stream(&mut self, deliver: &mut impl FnMut(Bytes)) -> Result<bool, CloseReason> {
        if self.incoming.is_none() {
            self.incoming = self.quic.streams().accept(Dir::Uni);
        }
        let Some(stream) = self.incoming else { return Ok(false) };
        let mut stream = self.quic.recv_stream(stream);
        let mut chunks = stream.read(true).map_err(|_| CloseReason::Violation)?;
        loop {
            match chunks.next(usize::MAX) {
                Ok(Some(mut chunk)) => {
                    while let Some(message) =
                        self.reader.read(&mut chunk.bytes).map_err(|_| CloseReason::Violation)?
                    {
                        deliver(message);
                    }
                }
                Err(quinn_proto::ReadError::Blocked) => break,
                // The stream lives as long as its connection.
                Ok(None) | Err(quinn_proto::ReadError::Reset(_)) => return Err(CloseReason::Violation),
            }
        }
        Ok(chunks.finalize().should_transmit())
    }

    /// Closes the connection; it still has to send that.
    pub(crate) fn close(&mut self, now: Instant, reason: CloseReason) {
        self.stage = Stage::Closed;
        self.backlog = VecDeque::new();
        self.backlog_bytes = 0;
        self.quic.close(now, VarInt::from_u32(reason as u32), Bytes::new());
    }
}
