use std::fmt;

use crate::{Status, units};

/// Why figures are not valid: what happened, and what to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nodes were woken too late.
    SchedulerLag {
        /// The 99th percentile of the lag.
        p99_us: u64,
        /// How many nodes would do, by an estimate.
        fits: Option<u64>,
    },
    /// The machine had next to no CPU left.
    MachineBusy {
        /// Busy share of all cores.
        share: f64,
        /// The part of it that other programs took, where it is known.
        foreign_share: Option<f64>,
        /// How many nodes would do, by an estimate.
        fits: Option<u64>,
    },
    /// Memory was read back from swap.
    SwappedIn {
        /// How many pages.
        pages: u64,
        /// How many nodes would do, by an estimate.
        fits: Option<u64>,
    },
    /// Processes waited for memory.
    MemoryStalled {
        /// The share of the time in which one did.
        share: f64,
        /// How many nodes would do, by an estimate.
        fits: Option<u64>,
    },
    /// The kernel dropped packets.
    KernelDrops {
        /// How many.
        dropped: u64,
        /// Of how many.
        packets: u64,
        /// How many nodes would do, by an estimate.
        fits: Option<u64>,
    },
    /// No time passed, or no packet was sent, in the measured phase.
    NothingMeasured,
    /// Writes were asked for and none was made.
    NoWrites,
    /// Nodes ended that no fault had ended.
    LostNodes {
        /// How many.
        lost: u64,
        /// Of how many.
        nodes: u64,
    },
    /// Measuring began before all nodes were up.
    BootIncomplete {
        /// How many were up.
        up: u64,
        /// Of how many.
        nodes: u64,
    },
    /// The run was stopped before its end.
    Interrupted,
}

impl Reason {
    /// What it makes of the figures.
    pub const fn status(&self) -> Status {
        match self {
            Self::SchedulerLag { .. }
            | Self::MachineBusy { .. }
            | Self::SwappedIn { .. }
            | Self::MemoryStalled { .. }
            | Self::KernelDrops { .. } => Status::Saturated,
            Self::NothingMeasured
            | Self::NoWrites
            | Self::LostNodes { .. }
            | Self::BootIncomplete { .. }
            | Self::Interrupted => Status::Invalid,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SchedulerLag { p99_us, fits } => write!(
                f,
                "Nodes were woken {} late (p99), so time-outs measure this machine and not the protocol. Run {}, \
                 or give the machine more cores.",
                units::duration_us(p99_us),
                fewer_nodes(fits)
            ),
            Self::MachineBusy { share, foreign_share, fits } => {
                let busy = units::percent(share);
                write!(
                    f,
                    "The machine's cores were busy for {busy} of the time, which leaves nothing for a burst"
                )?;
                match foreign_share {
                    None => write!(f, ". Run {}, or stop other programs.", fewer_nodes(fits)),
                    Some(foreign) if foreign > share / 2.0 => {
                        write!(f, "; other programs took {} of them. Stop those.", units::percent(foreign))
                    }
                    Some(foreign) => {
                        write!(
                            f,
                            "; this run took {} of them. Run {}.",
                            units::percent(share - foreign),
                            fewer_nodes(fits)
                        )
                    }
                }
            }
            Self::SwappedIn { pages, fits } => write!(
                f,
                "The machine read {} pages back from swap, and nodes stood still meanwhile. Run {}, or free memory.",
                units::count(pages),
                fewer_nodes(fits)
            ),
            Self::MemoryStalled { share, fits } => write!(
                f,
                "Processes waited for memory for {} of the time, and nodes stood still meanwhile. Run {}, or free \
                 memory.",
                units::percent(share),
                fewer_nodes(fits)
            ),
            Self::KernelDrops { dropped, packets, fits } => write!(
                f,
                "The kernel dropped {} of {} packets for want of socket buffer, a loss that the scenario did not \
                 ask for. Raise net.core.rmem_max, or run {}.",
                units::count(dropped),
                units::count(packets),
                fewer_nodes(fits)
            ),
            Self::NothingMeasured => write!(
                f,
                "Nothing was measured: no time passed or no packet was sent in the measured phase. Make it longer \
                 than a protocol period."
            ),
            Self::NoWrites => write!(
                f,
                "The scenario asks for writes and none fell into the measured phase. Make the phase longer, or \
                 write more often."
            ),
            Self::LostNodes { lost, nodes } => write!(
                f,
                "{} of {} nodes ended although no fault had ended them, so the figures are of another cluster. \
                 Look for their error above, and repeat the run.",
                units::count(lost),
                units::count(nodes)
            ),
            Self::BootIncomplete { up, nodes } => write!(
                f,
                "Only {} of {} nodes were up when measuring began, so the figures are of a cluster still booting. \
                 Make phases.warm_up longer, or run fewer nodes.",
                units::count(up),
                units::count(nodes)
            ),
            Self::Interrupted => {
                write!(
                    f,
                    "The run was interrupted, so the figures cover only a part of it. Repeat it to the end."
                )
            }
        }
    }
}

/// The advice to run fewer nodes, and how many.
fn fewer_nodes(fits: Option<u64>) -> String {
    match fits {
        Some(nodes) => format!("fewer nodes (about {} would do here)", units::count(nodes)),
        None => "fewer nodes".to_owned(),
    }
}
