//! Histograms, byte ledger, statistics, verdicts and the result schema: pure.
//!
//! Read [`RunResult`] first: it is the file that every run leaves behind. [`judge`] says whether it can be trusted.

mod bandwidth;
mod boot;
mod convergence;
mod detection;
mod difference;
mod environment;
mod epidemic;
mod fault;
mod histogram;
mod judge;
mod ledger;
mod load;
mod membership;
mod reason;
mod reduction;
mod result;
mod spread;
mod summary;
mod transport;
pub mod units;
mod verdict;
mod warning;

pub use bandwidth::{Bandwidth, Layers};
pub use boot::Boot;
pub use convergence::Convergence;
pub use detection::Detection;
pub use difference::{Difference, differences};
pub use environment::Environment;
pub use epidemic::{Epidemic, EpidemicTheory, Rounds, StandardErrors, mean};
pub use fault::FaultReport;
pub use histogram::Histogram;
pub use judge::{
    BUSY_SATURATED_SHARE, BUSY_WARNING_SHARE, Conditions, DRIFT_WARNING_SHARE, DROPS_SATURATED_SHARE,
    FEW_FAILURES, FOREIGN_WARNING_SHARE, KERNEL_WARNING_SHARE, KernelCount, LAG_SATURATED_US, LAG_WARNING_US,
    RealTime, judge,
};
pub use ledger::{Ledger, UDP_IPV4_HEADER_BYTES};
pub use load::LoadReport;
pub use membership::Membership;
pub use reason::Reason;
pub use reduction::Reduction;
pub use result::{METHOD_VERSION, RunResult, SCHEMA_VERSION, Variant, World};
pub use spread::Spread;
pub use summary::Summary;
pub use transport::Transport;
pub use verdict::{Status, Verdict};
pub use warning::Warning;
