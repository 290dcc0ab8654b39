//! How ballots and proposals are written and read.

use std::sync::Arc;

use rumormill_protocol::{DecodeError, MAX_PROPOSAL_BYTES, Reader, Value};

use super::{
    read::name,
    write::{Sink, Writer},
};
use crate::ballot::{Ballot, Claim, ClaimSaid, Pledges, Proposal, ProposalSaid, Turn, Votes};

const PREPARE: u64 = 0;
const ACCEPT: u64 = 1;
const PREPARED: u64 = 2;
const ACCEPTED: u64 = 3;
const SETTLED: u64 = 4;

impl<S: Sink> Writer<'_, S> {
    pub(super) fn ballot(&mut self, ballot: &Ballot) {
        let Claim { term, epoch, by } = ballot.claim;
        self.name(by);
        self.number(term);
        self.number(epoch);
        // Which of the two it is, is said by the number's lowest bit.
        match ballot.said {
            ClaimSaid::Wave { electorate } => self.number(u64::from(electorate) << 1),
            ClaimSaid::Echo(votes) => {
                self.number(u64::from(votes.count) << 1 | 1);
                self.number(votes.term);
            }
        }
    }

    pub(super) fn proposal(&mut self, proposal: &Proposal) {
        self.number(proposal.slot);
        self.turn(proposal.turn);
        match &proposal.said {
            ProposalSaid::Prepare { electorate } => {
                self.number(PREPARE);
                self.number(u64::from(*electorate));
            }
            ProposalSaid::Accept(value) => {
                self.number(ACCEPT);
                self.text(value);
            }
            ProposalSaid::Echo { accept, tally } => {
                self.number(if *accept { ACCEPTED } else { PREPARED });
                self.number(u64::from(tally.count));
                self.number(tally.number);
                if let Some((turn, value)) = &tally.accepted {
                    self.turn(*turn);
                    self.text(value);
                }
            }
            ProposalSaid::Settled(value) => {
                self.number(SETTLED);
                self.text(value);
            }
        }
    }

    fn turn(&mut self, turn: Turn) {
        self.number(turn.number);
        self.name(turn.by);
    }
}

pub(super) fn ballot(reader: &mut Reader<'_>) -> Result<Ballot, DecodeError> {
    let by = name(reader)?;
    let claim = Claim { term: reader.varint()?, epoch: reader.varint()?, by };
    let number = reader.varint()?;
    let figure = u32::try_from(number >> 1).map_err(|_| DecodeError::Range)?;
    let said = match number & 1 {
        0 => ClaimSaid::Wave { electorate: figure },
        _ => ClaimSaid::Echo(Votes { count: figure, term: reader.varint()? }),
    };
    Ok(Ballot { claim, said })
}

pub(super) fn proposal(reader: &mut Reader<'_>) -> Result<Proposal, DecodeError> {
    let (slot, turn) = (reader.varint()?, turn(reader)?);
    let said = match reader.varint()? {
        PREPARE => ProposalSaid::Prepare { electorate: reader.varint_u32()? },
        ACCEPT => ProposalSaid::Accept(value(reader)?),
        kind @ (PREPARED | ACCEPTED) => {
            let (count, number) = (reader.varint_u32()?, reader.varint()?);
            let accepted = match reader.remaining() {
                0 => None,
                _ => Some((self::turn(reader)?, value(reader)?)),
            };
            ProposalSaid::Echo { accept: kind == ACCEPTED, tally: Pledges { count, number, accepted } }
        }
        SETTLED => ProposalSaid::Settled(value(reader)?),
        other => return Err(DecodeError::Tag(u8::try_from(other).unwrap_or(u8::MAX))),
    };
    Ok(Proposal { slot, turn, said })
}

fn turn(reader: &mut Reader<'_>) -> Result<Turn, DecodeError> {
    Ok(Turn { number: reader.varint()?, by: name(reader)? })
}

fn value(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    Ok(Arc::from(reader.bytes(MAX_PROPOSAL_BYTES)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rumormill_protocol::{NodeId, Wire};

    use super::*;
    use crate::{
        config::Compression,
        message::{Body, Message, Names},
    };

    fn turns() -> impl Strategy<Value = Turn> {
        (any::<u64>(), 0u32..300).prop_map(|(number, by)| Turn { number, by: NodeId(by) })
    }

    fn values() -> impl Strategy<Value = Value> {
        proptest::collection::vec(any::<u8>(), 0..=MAX_PROPOSAL_BYTES).prop_map(Into::into)
    }

    fn bodies() -> impl Strategy<Value = Body> {
        let claim = (any::<u64>(), any::<u64>(), 0u32..300).prop_map(|(term, epoch, by)| Claim {
            term,
            epoch,
            by: NodeId(by),
        });
        let claim_said = prop_oneof![
            any::<u32>().prop_map(|electorate| ClaimSaid::Wave { electorate }),
            any::<(u32, u64)>().prop_map(|(count, term)| ClaimSaid::Echo(Votes { count, term })),
        ];
        let tally = (any::<(bool, u32, u64)>(), proptest::option::of((turns(), values())));
        let said = prop_oneof![
            any::<u32>().prop_map(|electorate| ProposalSaid::Prepare { electorate }),
            values().prop_map(ProposalSaid::Accept),
            tally.prop_map(|((accept, count, number), accepted)| ProposalSaid::Echo {
                accept,
                tally: Pledges { count, number, accepted },
            }),
            values().prop_map(ProposalSaid::Settled),
        ];
        prop_oneof![
            (claim, claim_said).prop_map(|(claim, said)| Body::Ballot(Ballot { claim, said })),
            (any::<u64>(), turns(), said).prop_map(|(slot, turn, said)| Body::Proposal(Proposal {
                slot,
                turn,
                said
            })),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_reads_back_and_takes_what_it_is_said_to_take(body in bodies(), roster in 0u32..400) {
            let names = if roster == 0 { Names::Full } else { Names::Roster(roster) };
            let message = Message { names, compression: Compression::Zstd { level: 1 }, body };
            let mut bytes = Vec::new();
            prop_assert_eq!(message.sizes(), message.encode(&mut bytes));
            prop_assert_eq!(Message::decode(&bytes).map(|read| read.body), Ok(message.body));
        }
    }

    #[test]
    fn a_reign_takes_eight_bytes_at_most_for_a_day() {
        // A wave a second, in a cluster of 10,000.
        let claim = Claim { term: 100, epoch: 16_383, by: NodeId(9_999) };
        let body = Body::Ballot(Ballot { claim, said: ClaimSaid::Wave { electorate: 8_000 } });
        let message = Message { names: Names::Roster(10_000), compression: Compression::None, body };
        assert_eq!(message.sizes().payload, 8);
    }

    #[test]
    fn a_value_over_its_limit_is_refused() {
        let value = Arc::from(vec![0; MAX_PROPOSAL_BYTES + 1]);
        let said = ProposalSaid::Settled(value);
        let body = Body::Proposal(Proposal { slot: 1, turn: Turn::NONE, said });
        let mut bytes = Vec::new();
        Message { names: Names::Full, compression: Compression::None, body }.encode(&mut bytes);
        assert_eq!(Message::decode(&bytes), Err(DecodeError::TooLong));
    }
}
