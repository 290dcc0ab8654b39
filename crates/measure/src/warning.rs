use std::fmt;

use crate::{Reduction, units};

/// What to know about figures that are valid: what was seen, and what to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warning {
    /// Nodes were woken late.
    SchedulerLag {
        /// The 99th percentile of the lag.
        p99_us: u64,
    },
    /// The machine had little CPU left.
    MachineBusy {
        /// Busy share of all cores.
        share: f64,
    },
    /// Other programs took CPU.
    ForeignCpu {
        /// Their share of all cores.
        share: f64,
    },
    /// The machine's load cannot be read here.
    LoadUnknown,
    /// Processes waited for memory.
    MemoryStalled {
        /// The share of the time in which one did.
        share: f64,
    },
    /// Hardly any memory was left.
    MemoryLow {
        /// What was left.
        available_bytes: u64,
        /// The most that this run took.
        taken_bytes: u64,
    },
    /// The kernel dropped packets.
    KernelDrops {
        /// How many.
        dropped: u64,
        /// Of how many.
        packets: u64,
    },
    /// The operating system would not take packets.
    SendRefused {
        /// How many.
        packets: u64,
    },
    /// Connections were closed because the peer did not keep up.
    Overflows {
        /// How many.
        connections: u64,
    },
    /// Percentiles of detection rest on few failures.
    FewFailures {
        /// How many.
        failures: u64,
    },
    /// Traffic was not steady when the warm-up began.
    NeverSettled {
        /// How much the last two windows differed, relative to the larger.
        change: f64,
    },
    /// The kernel counted other bytes than the nodes did.
    KernelDisagrees {
        /// What the nodes handed to it.
        reported: u64,
        /// What it counted.
        kernel: u64,
    },
    /// Bandwidth changed within the measured phase.
    NotSteady {
        /// How much more the second half took than the first, relative to it.
        drift: f64,
    },
    /// The whole state was sent less often than the scenario asks.
    Reduced(Reduction),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SchedulerLag { p99_us } => write!(
                f,
                "Nodes were woken {} late (p99), which is part of every time measured. Run fewer nodes for finer \
                 times.",
                units::duration_us(p99_us)
            ),
            Self::MachineBusy { share } => write!(
                f,
                "The machine's cores were busy for {} of the time; a burst may overload it. Run fewer nodes to be \
                 safe.",
                units::percent(share)
            ),
            Self::ForeignCpu { share } => write!(
                f,
                "Other programs took {} of the machine's cores. Stop them, and repeat the run.",
                units::percent(share)
            ),
            Self::LoadUnknown => write!(
                f,
                "The load of this machine cannot be read, so overload shows only in how late nodes are woken. Run \
                 on Linux to have it checked."
            ),
            Self::MemoryStalled { share } => write!(
                f,
                "Processes waited for memory for {} of the time. Run fewer nodes, or free memory, to be safe.",
                units::percent(share)
            ),
            Self::MemoryLow { available_bytes, taken_bytes } => write!(
                f,
                "{} of memory were left beside the {} of this run. Run fewer nodes, or free memory, to be safe.",
                units::bytes(available_bytes as f64),
                units::bytes(taken_bytes as f64)
            ),
            Self::KernelDrops { dropped, packets } => write!(
                f,
                "The kernel dropped {} of {} packets for want of socket buffer. Raise net.core.rmem_max to have \
                 none dropped.",
                units::count(dropped),
                units::count(packets)
            ),
            Self::SendRefused { packets } => write!(
                f,
                "The operating system refused to send {} packets, and they count as lost. Raise \
                 net.core.wmem_max, or run fewer nodes.",
                units::count(packets)
            ),
            Self::Overflows { connections } => write!(
                f,
                "{} connections were closed because the peer did not keep up with what it was sent. Send less \
                 state or send it less often.",
                units::count(connections)
            ),
            Self::FewFailures { failures } => write!(
                f,
                "Detection rests on {}, and what the nodes see of one failure is not independent. Crash more \
                 nodes, or repeat with other seeds, before trusting its percentiles.",
                if failures == 1 { "one failure".to_owned() } else { format!("{failures} failures") }
            ),
            Self::NeverSettled { change } => write!(
                f,
                "Traffic still changed by {} from one window to the next when the warm-up began, so the rates \
                 depend on when they are taken. Make phases.warm_up longer.",
                units::percent(change)
            ),
            Self::KernelDisagrees { reported, kernel } => write!(
                f,
                "The nodes handed {} to the kernel, and it counted {}. Do not trust the bytes of this run before \
                 the difference is explained; segmentation offload or another user of the interface are likely.",
                units::bytes(reported as f64),
                units::bytes(kernel as f64)
            ),
            Self::NotSteady { drift } => write!(
                f,
                "The second half of the measured phase took {} {} bytes than the first, so the rates depend on \
                 its length. Make the warm-up or the phase longer.",
                units::percent(drift.abs()),
                if drift < 0.0 { "fewer" } else { "more" }
            ),
            Self::Reduced(Reduction {
                asked_interval_us,
                used_interval_us,
                asked_bytes_per_second,
                fitting_bytes_per_second,
            }) => write!(
                f,
                "State was exchanged every {} and not every {}: that would be about {} in the whole cluster, \
                 and this machine is taken to carry {}. Run fewer nodes for the interval asked for, or give --force \
                 to try it here.",
                units::duration_us(used_interval_us),
                units::duration_us(asked_interval_us),
                units::bytes_per_second(asked_bytes_per_second),
                units::bytes_per_second(fitting_bytes_per_second)
            ),
        }
    }
}
