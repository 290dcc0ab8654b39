use rumormill_protocol::NodeId;

use crate::{log::Holders, message::Record, standing::Standing};

/// Pieces of news that wait at most; when more come, the most often sent go first.
const MAX_WAITING: usize = 4096;

/// Membership news on its way out. With partners each piece goes to each of them once, unless it came from there. With
/// uniform peers each piece is sent a limited number of times, the least sent first (SWIM, DSN 2002, section 4.1).
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Ascending by how often each was sent. Of those sent equally often, fresh ones enter behind all others, and
    /// those that were sent once more before all others.
    waiting: Vec<Piece>,
    /// Their numbers, and the connections over which each was sent, or came, apart from them: who looks for one touches no
    /// others. With uniform peers nothing is remembered of connections.
    order: Vec<u32>,
    told: Vec<Holders>,
    /// What is said of each member that has a piece, ascending by member.
    said: Vec<Said>,
    /// The number of the next piece.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    member: NodeId,
    /// Later pieces have greater ones.
    number: u32,
    standing: Standing,
    /// Of a suspicion: who raised or confirmed it last.
    accuser: Option<NodeId>,
    /// Who told this node; it is not told back.
    from: Option<NodeId>,
    sent: u32,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    member: NodeId,
    standing: Standing,
    /// Of its piece.
    number: u32,
}

impl News {
    /// Adds a piece, in place of older news of the same member. `told` are the connections over which it came.
    pub(crate) fn push(&mut self, member: NodeId, standing: Standing, from: Option<NodeId>, told: Holders) {
        self.push_accusation(member, standing, None, from, told);
    }

    /// As [`push`](Self::push), of a suspicion and who raised or confirmed it. Of several that do, the last one that was
    /// heard of is passed on.
    pub(crate) fn push_accusation(
        &mut self,
        member: NodeId,
        standing: Standing,
        accuser: Option<NodeId>,
        from: Option<NodeId>,
        told: Holders,
    ) {
        if let Some(at) = self.place(member).ok().and_then(|place| self.position(self.said[place].number)) {
            self.waiting.remove(at);
            self.order.remove(at);
            self.told.remove(at);
        } else if self.waiting.len() >= MAX_WAITING
            && let Some(given_up) = self.waiting.pop()
        {
            self.order.pop();
            self.told.pop();
            self.forget_said(&mut [given_up.member]);
        }
        if self.waiting.is_empty() {
            self.next = 0;
        }
        let number = self.next;
        self.next += 1;
        let said = Said { member, standing, number };
        match self.place(member) {
            Ok(place) => self.said[place] = said,
            Err(place) => self.said.insert(place, said),
        }
        let at = self.waiting.partition_point(|piece| piece.sent == 0);
        self.waiting.insert(at, Piece { member, number, standing, accuser, from, sent: 0 });
        self.order.insert(at, number);
        self.told.insert(at, told);
    }

    fn place(&self, member: NodeId) -> Result<usize, usize> {
        self.said.binary_search_by_key(&member, |said| said.member)
    }

    /// Where the piece with a number is. With partners pieces stand by number; with uniform peers only those that were
    /// sent equally often do, and there are few.
    fn position(&self, number: u32) -> Option<usize> {
        let order = &self.order;
        order.binary_search(&number).ok().or_else(|| order.iter().position(|one| *one == number))
    }

    /// Gives up some of the pieces.
    fn give_up(&mut self, gives_up: impl Fn(&Piece, Holders) -> bool) {
        let (mut kept, mut gone) = (0, Vec::new());
        for at in 0..self.waiting.len() {
            if gives_up(&self.waiting[at], self.told[at]) {
                gone.push(self.waiting[at].member);
            } else {
                (self.waiting[kept], self.told[kept]) = (self.waiting[at], self.told[at]);
                kept += 1;
            }
        }
        if kept == 0 {
            // An idle node takes no memory for news.
            *self = Self::default();
            return;
        }
        self.waiting.truncate(kept);
        self.told.truncate(kept);
        self.forget_said(&mut gone);
        self.sort_out();
    }

    fn forget_said(&mut self, of: &mut [NodeId]) {
        of.sort_unstable();
        self.said.retain(|said| of.binary_search(&said.member).is_err());
    }

    /// Pieces have moved.
    fn sort_out(&mut self) {
        self.order.clear();
        self.order.extend(self.waiting.iter().map(|piece| piece.number));
    }

    /// Whether anything waits to be sent.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A piece came once more, over these connections.
    pub(crate) fn heard_again(&mut self, member: NodeId, standing: Standing, told: Holders) {
        let Some(said) = self.place(member).ok().map(|place| self.said[place]) else { return };
        if told != 0
            && said.standing == standing
            && let Some(at) = self.position(said.number)
        {
            self.told[at] |= told;
        }
    }

    /// The connections over which not every piece has gone.
    pub(crate) fn behind(&self) -> Holders {
        self.told.iter().fold(0, |behind, told| behind | !told)
    }

    /// Takes at most `most` pieces that have not gone over this connection, the oldest first.
    pub(crate) fn take_over(&mut self, connection: Holders, most: usize) -> Vec<Record> {
        let lacks = |told: &Holders| told & connection == 0;
        let mut taken = Vec::with_capacity(self.told.iter().filter(|told| lacks(told)).count().min(most));
        let waiting = self.told.iter_mut().zip(&self.waiting);
        for (told, piece) in waiting.filter(|(told, _)| lacks(told)).take(most) {
            *told |= connection;
            taken.push(piece.record());
        }
        taken
    }

    /// Gives up what has gone over all of these connections; nothing while there are none.
    pub(crate) fn settle(&mut self, connections: Holders) {
        let is_settled = |told: Holders| connections & !told == 0;
        if connections != 0 && self.told.iter().any(|told| is_settled(*told)) {
            self.give_up(|_, told| is_settled(told));
        }
    }

    /// A connection ended: its successor is told anew.
    pub(crate) fn forget(&mut self, connection: Holders) {
        self.told.iter_mut().for_each(|told| *told &= !connection);
    }

    /// Takes at most `most` pieces for one message to `to`, counting them as sent; a piece is given up after
    /// `limit` times.
    pub(crate) fn take_for(&mut self, to: NodeId, most: usize, limit: usize) -> Vec<Record> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut taken = Vec::with_capacity(most.min(self.waiting.len()));
        let mut now_sent = Vec::with_capacity(taken.capacity());
        let mut rest = self.waiting.as_mut_slice();
        while taken.len() < most
            && let Some(first) = rest.first()
        {
            let sent = first.sent;
            let (alike, behind) = rest.split_at_mut(rest.partition_point(|piece| piece.sent == sent));
            let mut kept = 0;
            for at in 0..alike.len() {
                let piece = alike[at];
                if taken.len() < most && piece.from != Some(to) {
                    taken.push(piece.record());
                    now_sent.push(Piece { sent: sent + 1, ..piece });
                } else {
                    alike[kept] = piece;
                    kept += 1;
                }
            }
            // They come before all that were sent as often as they are now.
            alike[kept..].copy_from_slice(&now_sent);
            now_sent.clear();
            rest = behind;
        }
        if self.waiting.last().is_some_and(|piece| piece.sent as usize >= limit) {
            self.give_up(|piece, _| piece.sent as usize >= limit);
        } else {
            self.sort_out();
        }
        taken
    }
}

impl Piece {
    /// As it is told, but for the address.
    const fn record(self) -> Record {
        Record { member: self.member, standing: self.standing, accuser: self.accuser, address: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(member: u32, incarnation: u32) -> Record {
        let standing = Standing::alive(incarnation);
        Record { member: NodeId(member), standing, accuser: None, address: None }
    }

    #[test]
    fn each_piece_goes_out_as_often_as_the_limit_says_and_fresh_pieces_go_first() {
        let mut news = News::default();
        news.push(NodeId(1), Standing::alive(2), None, 0);
        assert_eq!(news.take_for(NodeId(9), 1, 3).len(), 1);
        news.push(NodeId(2), Standing::alive(2), None, 0);
        assert_eq!(news.take_for(NodeId(9), 1, 3), [said(2, 2)]);
        let mut sent = 2;
        while !news.is_empty() {
            sent += news.take_for(NodeId(9), 10, 3).len();
        }
        assert_eq!(sent, 2 * 3);
    }

    #[test]
    fn newer_news_of_a_member_replaces_older_and_the_teller_is_not_told() {
        let mut news = News::default();
        news.push(NodeId(1), Standing::alive(1), None, 0);
        news.push(NodeId(1), Standing::alive(2), Some(NodeId(5)), 0);
        assert!(news.take_for(NodeId(5), 10, 3).is_empty());
        assert_eq!(news.take_for(NodeId(6), 10, 3), [said(1, 2)]);
    }

    #[test]
    fn over_each_connection_each_piece_goes_once_and_not_where_it_came_from() {
        let mut news = News::default();
        news.push(NodeId(1), Standing::alive(1), None, 0b01);
        news.push(NodeId(2), Standing::alive(1), None, 0);
        news.heard_again(NodeId(2), Standing::alive(9), 0b10);
        assert_eq!(news.take_over(0b10, 1), [said(1, 1)], "the oldest first");
        assert_eq!(news.take_over(0b10, 9), [said(2, 1)]);
        assert_eq!(news.behind() & 0b11, 0b01);
        news.settle(0b11);
        assert_eq!(news.waiting.len(), 1, "what all have is given up");
        news.heard_again(NodeId(2), Standing::alive(1), 0b01);
        assert_eq!(news.behind() & 0b01, 0);
        news.forget(0b10);
        assert_eq!(news.behind() & 0b10, 0b10, "its successor has it not");
        news.settle(0b01);
        assert!(news.is_empty());
    }

    #[test]
    fn waiting_news_is_bounded() {
        let mut news = News::default();
        for member in 0..2 * MAX_WAITING as u32 {
            news.push(NodeId(member), Standing::alive(1), None, 0);
        }
        assert_eq!(news.waiting.len(), MAX_WAITING);
    }

    /// The order by its definition: a list that is sorted, stably, by how often each piece was sent.
    #[derive(Default)]
    struct Sorted(Vec<Piece>);

    impl Sorted {
        fn push(&mut self, member: NodeId, standing: Standing, from: Option<NodeId>) {
            self.0.retain(|piece| piece.member != member);
            self.0.push(Piece { member, number: 0, standing, accuser: None, from, sent: 0 });
        }

        fn take_for(&mut self, to: NodeId, most: usize, limit: usize) -> Vec<Record> {
            self.0.sort_by_key(|piece| piece.sent);
            let mut taken = Vec::new();
            for piece in self.0.iter_mut().filter(|piece| piece.from != Some(to)).take(most) {
                piece.sent += 1;
                taken.push(piece.record());
            }
            self.0.retain(|piece| (piece.sent as usize) < limit);
            taken
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_a_stable_sort(
            steps in proptest::collection::vec((any::<bool>(), 0u32..12, 0u32..4, 0usize..5, 1usize..6), 1..200),
        ) {
            let (mut news, mut sorted) = (News::default(), Sorted::default());
            for (pushes, member, peer, most, limit) in steps {
                if pushes {
                    let from = (peer > 0).then_some(NodeId(peer));
                    news.push(NodeId(member), Standing::alive(1), from, 0);
                    sorted.push(NodeId(member), Standing::alive(1), from);
                } else {
                    let expected = sorted.take_for(NodeId(peer), most, limit);
                    prop_assert_eq!(news.take_for(NodeId(peer), most, limit), expected);
                }
                prop_assert_eq!(news.is_empty(), sorted.0.is_empty());
            }
        }
    }
}
