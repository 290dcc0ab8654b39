use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What live nodes believed of members at the end: pairs of an observer and a member, of those that were asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// Observers: nodes that lived at the end.
    pub observers: u64,
    /// Members that observers were asked about.
    pub members: u64,
    /// A live member is taken for alive.
    pub alive_pairs: u64,
    /// A live member is suspected.
    pub suspect_pairs: u64,
    /// A live member is taken for dead, or for one that left.
    pub wrongly_gone_pairs: u64,
    /// A live member is not known.
    pub unknown_pairs: u64,
    /// A member that is gone is still taken for alive or only suspected: a phantom.
    pub phantom_pairs: u64,
    /// A live member is known by an earlier life of its.
    pub old_life_pairs: u64,
}
