//! What the benchmarks measure: messages as a busy cluster sends them, and a node among members that only answer.

mod member;
mod messages;

pub use member::Member;
pub use messages::{delta, digest, encoded, full_state, members, news, ping};
