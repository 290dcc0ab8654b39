use std::collections::VecDeque;

/// Messages that wait for a connection, within bounds: the oldest give way.
#[derive(Debug)]
pub(crate) struct Waiting<M> {
    messages: VecDeque<(usize, M)>,
    bytes: usize,
}

impl<M> Default for Waiting<M> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), bytes: 0 }
    }
}

impl<M> Waiting<M> {
    /// Takes one more message and says how many gave way to it. The newest always stays, so that a message over
    /// the bound in bytes can travel too.
    pub(crate) fn push(&mut self, bytes: usize, message: M, max_messages: usize, max_bytes: usize) -> u64 {
        self.messages.push_back((bytes, message));
        self.bytes += bytes;
        let mut dropped = 0;
        while self.messages.len() > 1 && (self.messages.len() > max_messages || self.bytes > max_bytes) {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn pop(&mut self) -> Option<M> {
        let (bytes, message) = self.messages.pop_front()?;
        self.bytes -= bytes;
        Some(message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Forgets all messages and says how many they were.
    pub(crate) fn clear(&mut self) -> u64 {
        let dropped = self.messages.len() as u64;
        *self = Self::default();
        dropped
    }
}
