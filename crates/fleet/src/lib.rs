//! Clusters that several processes carry, on one host or many.
//!
//! A coordinator listens at a [`Gate`]; agents, which [`serve`] runs, dial in with the run's [`Token`] and are given a
//! share of the nodes each. The [`FleetCluster`] that comes of it is a cluster as any other: what its nodes count and
//! notice crosses the control connections in batches, and is recorded in one place. [`launcher`] has the ways to start
//! agents.

use std::time::Duration;

mod agent;
mod clock;
mod cluster;
mod form;
mod frame;
mod gate;
mod identity;
pub mod launcher;
mod message;
mod place;
mod token;

pub use agent::{AgentError, AgentOptions, Hosting, Launch, serve};
pub use cluster::{FleetCluster, FleetSpec, OnLoss};
pub use gate::{Gate, Muster};
pub use message::{PROTOCOL_VERSION, Setup, Version};
pub use token::{NoToken, Token};

/// A control connection on which nothing arrives for so long is lost: agents end themselves. What was sent meanwhile
/// may put that off by [`KEEP_ALIVE`].
const IDLE: Duration = Duration::from_secs(7);

/// How often something is sent at least, so that silence means a loss.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
