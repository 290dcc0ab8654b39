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
mod lines;
mod matrix;
mod network;
mod node;
mod node_preset;
mod preset;
mod recurrence;
mod rules;
mod settings;
mod shipped;
mod timeline;
mod turnover;
mod unlike;
mod victims;

pub use draft::Draft;
pub use epidemic::EpidemicSettings;
pub use error::ScenarioError;
pub use fault::{Direction, Fault, FaultKind};
pub use matrix::{MatrixCell, Series};
pub use network::{NetworkSettings, Rate};
pub use node::{
    Compression, DetectorMode, DigestMode, Dissemination, ElectionMode, LifeguardMode, NodePreset,
    NodeSettings, PeersMode, PhiFormula, StateMode,
};
pub use preset::PRESETS;
pub use recurrence::{Recurrence, Rhythm, Timing};
pub use settings::{Boot, ClusterSettings, Phases, Scenario, WorkloadSettings};
pub use shipped::SCENARIOS;
pub use timeline::Strike;
pub use turnover::{Passage, Way};
pub use unlike::unlike;
pub use victims::Victims;
