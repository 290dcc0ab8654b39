//! How a rumor spreads among nodes of which each can reach every other: the model behind the published figures of
//! gossip, for a million nodes and more.
//!
//! Read [`Epidemic`] first: it states the rules. [`Course`] is what one repetition comes to, [`Theory`] what the
//! literature says it should. [`Flood`] is the curve of those who know, also where nodes hold partners.

mod bits;
mod clocks;
mod course;
mod flood;
mod interest;
mod population;
mod settings;
mod targets;
mod theory;

pub use course::{Course, MILESTONES_PERCENT};
pub use flood::{Flood, Told};
pub use settings::{Clock, Epidemic, NODES_MAX, Spread, Stop};
pub use theory::Theory;
