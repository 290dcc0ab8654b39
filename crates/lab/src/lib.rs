//! An experiment: scenario, phases, faults, the cluster trait, the runner and the recorder.

mod agenda;
mod boot;
mod cluster;
mod faults;
mod machine;
mod outcome;
mod progress;
mod recorder;
mod runner;
mod scenario;
mod steady;
mod stop;

pub use cluster::{
    Action, Census, Cluster, ClusterError, Equipment, Impairment, Inspection, Interface, NodeCensus, Stamped,
};
pub use machine::{Load, descriptor_limit, environment, raise_descriptor_limit};
pub use progress::{Phase, Progress, Snapshot};
pub use runner::run_variant;
pub use scenario::{
    Boot, ClusterSettings, Compression, Direction, Dissemination, Draft, EpidemicSettings, Fault, FaultKind,
    NetworkSettings, NodePreset, NodeSettings, PRESETS, PeersMode, Phases, Rate, Scenario, ScenarioError,
    StateMode, Strike, Victims, WorkloadSettings,
};
