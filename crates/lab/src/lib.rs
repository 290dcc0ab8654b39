//! An experiment: scenario, phases, faults, the cluster trait, the runner and the recorder.

mod agenda;
mod boot;
mod cluster;
mod machine;
mod outcome;
mod progress;
mod recorder;
mod runner;
mod scenario;

pub use cluster::{Action, Census, Cluster, ClusterError, Inspection, NodeCensus, Stamped};
pub use machine::{Load, descriptor_limit, environment, raise_descriptor_limit};
pub use progress::{Phase, Progress, Snapshot};
pub use runner::run_variant;
pub use scenario::{
    Boot, ClusterSettings, Compression, Draft, Fault, FaultKind, NodePreset, NodeSettings, PRESETS, Phases,
    Scenario, ScenarioError, StateMode, Strike, Victims, WorkloadSettings,
};
