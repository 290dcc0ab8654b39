//! What an experiment consists of, from presets, scenario files and single settings to one typed [`Scenario`].
//!
//! [`Draft`] collects the layers and checks each key of each layer against the table in `key`; `Draft::finish`
//! then checks what concerns several keys at once. Only what is built is accepted.

mod draft;
mod duration;
mod epidemic;
mod error;
mod fault;
mod key;
mod network;
mod node;
mod preset;
mod rules;
mod settings;
mod timeline;
mod victims;

pub use draft::Draft;
pub use epidemic::EpidemicSettings;
pub use error::ScenarioError;
pub use fault::{Direction, Fault, FaultKind};
pub use network::{NetworkSettings, Rate};
pub use node::{Compression, Dissemination, NodePreset, NodeSettings, PeersMode, StateMode};
pub use preset::PRESETS;
pub use settings::{Boot, ClusterSettings, Phases, Scenario, WorkloadSettings};
pub use timeline::Strike;
pub use victims::Victims;
