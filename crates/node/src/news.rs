use rumormill_protocol::NodeId;

use crate::standing::Standing;

/// Pieces of news that wait at most; when more come, the most often sent go first.
const MAX_WAITING: usize = 4096;

/// Membership news on its way out: each piece is sent a limited number of times, the least sent first
/// (SWIM, DSN 2002, section 4.1).
#[derive(Debug, Default)]
pub(crate) struct News {
    waiting: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    member: NodeId,
    standing: Standing,
    /// Who told this node; it is not told back.
    from: Option<NodeId>,
    sent: usize,
}

impl News {
    /// Adds a piece, in place of older news of the same member.
    pub(crate) fn push(&mut self, member: NodeId, standing: Standing, from: Option<NodeId>) {
        self.waiting.retain(|piece| piece.member != member);
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.sort_by_key(|piece| piece.sent);
            self.waiting.pop();
        }
        self.waiting.push(Piece { member, standing, from, sent: 0 });
    }

    /// Whether anything waits to be sent.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes at most `most` pieces for one message to `to`, counting them as sent; a piece is given up after
    /// `limit` times.
    pub(crate) fn take_for(&mut self, to: NodeId, most: usize, limit: usize) -> Vec<(NodeId, Standing)> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        // Stable, so that of equally often sent pieces the older goes first.
        self.waiting.sort_by_key(|piece| piece.sent);
        let mut taken = Vec::new();
        for piece in self.waiting.iter_mut().filter(|piece| piece.from != Some(to)).take(most) {
            piece.sent += 1;
            taken.push((piece.member, piece.standing));
        }
        self.waiting.retain(|piece| piece.sent < limit);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_goes_out_as_often_as_the_limit_says_and_fresh_pieces_go_first() {
        let mut news = News::default();
        news.push(NodeId(1), Standing::alive(2), None);
        assert_eq!(news.take_for(NodeId(9), 1, 3).len(), 1);
        news.push(NodeId(2), Standing::alive(2), None);
        assert_eq!(news.take_for(NodeId(9), 1, 3), [(NodeId(2), Standing::alive(2))]);
        let mut sent = 2;
        while !news.is_empty() {
            sent += news.take_for(NodeId(9), 10, 3).len();
        }
        assert_eq!(sent, 2 * 3);
    }

    #[test]
    fn newer_news_of_a_member_replaces_older_and_the_teller_is_not_told() {
        let mut news = News::default();
        news.push(NodeId(1), Standing::alive(1), None);
        news.push(NodeId(1), Standing::alive(2), Some(NodeId(5)));
        assert!(news.take_for(NodeId(5), 10, 3).is_empty());
        assert_eq!(news.take_for(NodeId(6), 10, 3), [(NodeId(1), Standing::alive(2))]);
    }

    #[test]
    fn waiting_news_is_bounded() {
        let mut news = News::default();
        for member in 0..2 * MAX_WAITING as u32 {
            news.push(NodeId(member), Standing::alive(1), None);
        }
        assert_eq!(news.waiting.len(), MAX_WAITING);
    }
}
