//! What an experiment consists of, from presets, scenario files and single settings to one typed [`Scenario`].
//!
//! [`Draft`] collects the layers and checks each key of each layer against the table in `key`; `Draft::finish`
//! then checks what concerns several keys at once. Only what is built is accepted.

mod draft;
mod duration;
mod error;
mod key;
mod preset;
mod rules;
mod settings;
mod timeline;
mod victims;

pub use draft::Draft;
pub use error::ScenarioError;
pub use preset::PRESETS;
pub use settings::{
    Boot, ClusterSettings, Compression, Fault, FaultKind, NodePreset, NodeSettings, Phases, Scenario,
    StateMode, WorkloadSettings,
};
pub use timeline::Strike;
pub use victims::Victims;
