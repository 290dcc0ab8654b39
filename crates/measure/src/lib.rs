//! Histograms, byte ledger, statistics, verdicts and the result schema: pure.

mod histogram;
mod ledger;

pub use histogram::Histogram;
pub use ledger::{Ledger, UDP_IPV4_HEADER_BYTES};
