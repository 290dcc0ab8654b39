//! An experiment: scenario, phases, faults, the cluster trait, the runner and the recorder.

mod agenda;
mod boot;
mod cluster;
mod faults;
mod machine;
mod outcome;
mod progress;
mod proposals;
mod recorder;
mod runner;
mod scenario;
mod steady;
mod stop;

pub use boot::warm_boot;
pub use cluster::{
    Action, Census, Cluster, ClusterError, Equipment, Impairment, Inspection, Interface, Look, NodeCensus,
    NodeLook, Pace, Stamped,
};
pub use machine::{Load, Resources, environment, raise_descriptor_limit};
pub use progress::{Light, Phase, Progress, Snapshot, Strain};
pub use runner::run_variant;
pub use scenario::{
    Boot, ClusterSettings, Compression, DetectorMode, DigestMode, Direction, Dissemination, Draft,
    ElectionMode, EpidemicSettings, Fault, FaultKind, LifeguardMode, MatrixCell, NetworkSettings, NodePreset,
    NodeSettings, PRESETS, Passage, PeersMode, Phases, PhiFormula, Rate, Recurrence, Rhythm, SCENARIOS,
    Scenario, ScenarioError, Series, StateMode, Strike, Timing, Victims, Way, WorkloadSettings, unlike,
};
