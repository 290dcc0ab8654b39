//! Histograms, byte ledger, statistics, verdicts and the result schema: pure.
//!
//! Read [`RunResult`] first: it is the file that every run leaves behind. [`judge`] says whether it can be trusted.

mod bandwidth;
mod boot;
mod conflicts;
mod consensus;
mod convergence;
mod detection;
mod diff;
mod difference;
mod election;
mod environment;
mod epidemic;
mod fault;
mod fleet;
mod histogram;
mod ip;
mod judge;
mod ledger;
mod load;
mod membership;
mod metric;
mod noise;
mod reason;
mod recording;
mod reduction;
mod result;
mod series;
mod spread;
mod staleness;
pub mod statistics;
mod summary;
mod transport;
mod turnover;
pub mod units;
mod verdict;
mod warning;

pub use bandwidth::{Bandwidth, Layers, bytes_by_cause, wire_bytes_by_cause};
pub use boot::Boot;
pub use conflicts::Conflicts;
pub use consensus::Consensus;
pub use convergence::Convergence;
pub use detection::Detection;
pub use diff::{Cell, Compared, Diff, FAMILY_LEVEL, Finding, MIN_EFFECT, Method, Row, diff};
pub use difference::{Difference, differences};
pub use election::Election;
pub use environment::Environment;
pub use epidemic::{Epidemic, EpidemicTheory, Rounds, StandardErrors, mean};
pub use fault::FaultReport;
pub use fleet::{Agent, ClockOffset, Fleet};
pub use histogram::Histogram;
pub use ip::IpVersion;
pub use judge::{
    BUSY_SATURATED_SHARE, BUSY_WARNING_SHARE, Conditions, DRIFT_WARNING_SHARE, DROPS_SATURATED_SHARE,
    FEW_FAILURES, FOREIGN_WARNING_SHARE, KERNEL_WARNING_SHARE, KernelCount, LAG_SATURATED_US, LAG_WARNING_US,
    MEMORY_LEFT_WARNING_SHARE, RealTime, STALLED_SATURATED_SHARE, STALLED_WARNING_SHARE, judge,
};
pub use ledger::Ledger;
pub use load::LoadReport;
pub use membership::Membership;
pub use metric::{Histograms, Metric};
pub use noise::{Part, bandwidth_errors, time_errors};
pub use reason::Reason;
pub use recording::Recording;
pub use reduction::Reduction;
pub use result::{METHOD_VERSION, RunResult, SCHEMA_VERSION, Variant, World};
pub use series::{SAMPLES_MAX, Sample, Series, Span};
pub use spread::Spread;
pub use staleness::Staleness;
pub use summary::Summary;
pub use transport::Transport;
pub use turnover::Turnover;
pub use verdict::{Status, Verdict};
pub use warning::Warning;
