//! An experiment: scenario, phases, faults, the cluster trait, the runner and the recorder.

mod cluster;

pub use cluster::{Action, Census, Cluster, ClusterError, Inspection, NodeCensus, Stamped};
