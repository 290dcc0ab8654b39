use crate::{LoadReport, Reason, Verdict, Warning};

/// Lag of the scheduler (p99) above which a real cluster is saturated.
pub const LAG_SATURATED_US: u64 = 100_000;
/// Lag of the scheduler (p99) above which a real cluster gets a warning.
pub const LAG_WARNING_US: u64 = 25_000;
/// Busy share of the machine above which a real cluster is saturated.
pub const BUSY_SATURATED_SHARE: f64 = 0.90;
/// Busy share of the machine above which a real cluster gets a warning: overload, once begun, feeds itself.
pub const BUSY_WARNING_SHARE: f64 = 0.65;
/// Share of the machine taken by others above which there is a warning.
pub const FOREIGN_WARNING_SHARE: f64 = 0.10;
/// Share of packets dropped by the kernel above which a real cluster is saturated; any drop is a warning.
pub const DROPS_SATURATED_SHARE: f64 = 0.001;
/// Share of the time in which some process waited for memory above which a real cluster is saturated.
pub const STALLED_SATURATED_SHARE: f64 = 0.05;
/// Share of the time in which some process waited for memory above which a real cluster gets a warning.
pub const STALLED_WARNING_SHARE: f64 = 0.01;
/// Memory left, relative to what the run takes, below which a real cluster gets a warning.
pub const MEMORY_LEFT_WARNING_SHARE: f64 = 0.10;
/// Of the memory that a run can have, the share that it is to take at most where it once had too little.
const MEMORY_FITTING_SHARE: f64 = 0.80;
/// Failures below which percentiles of detection get a warning.
pub const FEW_FAILURES: u64 = 20;
/// Relative change between the halves of the measured phase above which there is a warning.
pub const DRIFT_WARNING_SHARE: f64 = 0.25;

/// Difference between the kernel's count of bytes and our own, relative to ours, above which there is a warning.
pub const KERNEL_WARNING_SHARE: f64 = 0.01;

/// What a verdict rests on: what was seen of one variant in its measured phase.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// How long the phase was, on the world's clock.
    pub measured_seconds: f64,
    /// Packets that the cluster sent in it.
    pub packets: u64,
    /// Nodes asked for.
    pub nodes: u64,
    /// Nodes that were up when the phase began.
    pub booted: u64,
    /// Nodes that ended although no fault had ended them.
    pub lost: u64,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Whether the scenario asks for writes.
    pub writes_asked: bool,
    /// Writes made in the phase.
    pub writes: u64,
    /// Nodes that failed in the phase.
    pub failures: u64,
    /// Packets that the operating system would not take.
    pub send_refused: u64,
    /// Connections closed because the peer did not keep up.
    pub overflows: u64,
    /// How much the last two windows before the warm-up differed, where traffic never became steady.
    pub unsettled: Option<f64>,
    /// Wire bytes of the phase's second half over those of its first, less 1; nothing where it was not taken.
    pub drift: Option<f64>,
    /// What the kernel counted, where it counted for this cluster alone.
    pub kernel: Option<KernelCount>,
    /// What only a cluster in real time can suffer from; nothing in virtual time, which waits for slow machines.
    pub real_time: Option<RealTime>,
}

/// The bytes of the measured phase as the kernel and as the nodes count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelCount {
    /// By the kernel.
    pub counted: u64,
    /// By the nodes: those that they handed to the kernel.
    pub handed_over: u64,
}

/// How a machine carried a cluster that runs in real time.
#[derive(Clone, Debug)]
pub struct RealTime {
    /// The 99th percentile of how late nodes were woken.
    pub lag_p99_us: u64,
    /// Packets that the kernel dropped for want of socket buffer.
    pub kernel_drops: u64,
    /// The load of the machine.
    pub load: LoadReport,
}

/// Says whether figures taken under these conditions can be trusted. What is a reason is not a warning again.
pub fn judge(conditions: &Conditions) -> Verdict {
    let mut findings = Findings::default();
    findings.completeness(conditions);
    if let Some(real_time) = &conditions.real_time {
        findings.machine(real_time, conditions);
    }
    findings.quality(conditions);
    Verdict::new(&findings.reasons, &findings.warnings)
}

#[derive(Default)]
struct Findings {
    reasons: Vec<Reason>,
    warnings: Vec<Warning>,
}

impl Findings {
    fn completeness(&mut self, seen: &Conditions) {
        if seen.interrupted {
            self.reasons.push(Reason::Interrupted);
        }
        let measuring_began = !seen.interrupted || seen.measured_seconds > 0.0;
        if measuring_began && seen.booted < seen.nodes {
            self.reasons.push(Reason::BootIncomplete { up: seen.booted, nodes: seen.nodes });
        }
        if seen.lost > 0 {
            self.reasons.push(Reason::LostNodes { lost: seen.lost, nodes: seen.nodes });
        }
        // What an interrupted run did not get to has no reason of its own.
        if seen.interrupted {
            return;
        }
        if seen.measured_seconds <= 0.0 || seen.packets == 0 {
            self.reasons.push(Reason::NothingMeasured);
        } else if seen.writes_asked && seen.writes == 0 {
            self.reasons.push(Reason::NoWrites);
        }
    }

    fn machine(&mut self, seen: &RealTime, conditions: &Conditions) {
        let (p99_us, load) = (seen.lag_p99_us, &seen.load);
        let fits = fitting_by_cpu(conditions.nodes, load);
        if p99_us > LAG_SATURATED_US {
            self.reasons.push(Reason::SchedulerLag { p99_us, fits });
        } else if p99_us > LAG_WARNING_US {
            self.warnings.push(Warning::SchedulerLag { p99_us });
        }
        match load.machine_busy_share {
            Some(share) if share > BUSY_SATURATED_SHARE => {
                self.reasons.push(Reason::MachineBusy { share, foreign_share: load.foreign_share, fits });
            }
            Some(share) if share > BUSY_WARNING_SHARE => self.warnings.push(Warning::MachineBusy { share }),
            Some(_) => {}
            None => self.warnings.push(Warning::LoadUnknown),
        }
        if let Some(share) = load.foreign_share.filter(|&share| share > FOREIGN_WARNING_SHARE) {
            self.warnings.push(Warning::ForeignCpu { share });
        }
        self.memory(load, conditions.nodes);
        let (dropped, packets) = (seen.kernel_drops, conditions.packets);
        if dropped as f64 > packets as f64 * DROPS_SATURATED_SHARE {
            self.reasons.push(Reason::KernelDrops { dropped, packets, fits });
        } else if dropped > 0 {
            self.warnings.push(Warning::KernelDrops { dropped, packets });
        }
    }

    fn memory(&mut self, load: &LoadReport, nodes: u64) {
        let fits = fitting_by_memory(nodes, load);
        if let Some(pages) = load.swapped_in_pages.filter(|&pages| pages > 0) {
            self.reasons.push(Reason::SwappedIn { pages, fits });
        }
        match load.memory_stalled_share {
            Some(share) if share > STALLED_SATURATED_SHARE => {
                self.reasons.push(Reason::MemoryStalled { share, fits });
            }
            Some(share) if share > STALLED_WARNING_SHARE => {
                self.warnings.push(Warning::MemoryStalled { share });
            }
            _ => {}
        }
        let taken_bytes = load.peak_rss_bytes;
        let is_low = |&left: &u64| (left as f64) < taken_bytes as f64 * MEMORY_LEFT_WARNING_SHARE;
        if let Some(available_bytes) = load.memory_available_bytes.filter(is_low) {
            self.warnings.push(Warning::MemoryLow { available_bytes, taken_bytes });
        }
    }

    fn quality(&mut self, seen: &Conditions) {
        if seen.send_refused > 0 {
            self.warnings.push(Warning::SendRefused { packets: seen.send_refused });
        }
        if seen.overflows > 0 {
            self.warnings.push(Warning::Overflows { connections: seen.overflows });
        }
        if let Some(change) = seen.unsettled {
            self.warnings.push(Warning::NeverSettled { change });
        }
        if let Some(KernelCount { counted, handed_over }) = seen.kernel
            && counted.abs_diff(handed_over) as f64 > handed_over as f64 * KERNEL_WARNING_SHARE
        {
            self.warnings.push(Warning::KernelDisagrees { reported: handed_over, kernel: counted });
        }
        if let Some(drift) = seen.drift.filter(|drift| drift.abs() > DRIFT_WARNING_SHARE) {
            self.warnings.push(Warning::NotSteady { drift });
        }
        if (1..FEW_FAILURES).contains(&seen.failures) {
            self.warnings.push(Warning::FewFailures { failures: seen.failures });
        }
    }
}

/// About how many nodes would leave the cores as idle as they are to be, if CPU grows as nodes do; nothing where others
/// took more than this run did, or it took less than is to be had. Of a run that the cores did not keep up with it is too
/// many, since what it would have taken is not known.
fn fitting_by_cpu(nodes: u64, load: &LoadReport) -> Option<u64> {
    let foreign = load.foreign_share?;
    let own = load.machine_busy_share? - foreign;
    let allowed = BUSY_WARNING_SHARE - foreign;
    (foreign <= own && allowed < own).then(|| rounded_down(nodes as f64 * allowed / own))
}

/// About how many nodes the memory holds, if what they take grows as their number does.
fn fitting_by_memory(nodes: u64, load: &LoadReport) -> Option<u64> {
    let (taken, left) = (load.peak_rss_bytes as f64, load.memory_available_bytes? as f64);
    let share = MEMORY_FITTING_SHARE * (taken + left) / taken;
    (share < 1.0).then(|| rounded_down(nodes as f64 * share))
}

/// To two digits: it is an estimate.
fn rounded_down(nodes: f64) -> u64 {
    let nodes = nodes as u64;
    let step = 10u64.pow(nodes.checked_ilog10().unwrap_or(0).saturating_sub(1));
    nodes / step * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    fn calm() -> Conditions {
        Conditions {
            measured_seconds: 60.0,
            packets: 100_000,
            nodes: 100,
            booted: 100,
            lost: 0,
            interrupted: false,
            writes_asked: true,
            writes: 60,
            failures: 0,
            send_refused: 0,
            overflows: 0,
            unsettled: None,
            drift: Some(0.01),
            kernel: Some(KernelCount { counted: 10_000, handed_over: 10_000 }),
            real_time: Some(calm_machine()),
        }
    }

    fn calm_machine() -> RealTime {
        let load = LoadReport {
            wall_seconds: 60.0,
            cpu_seconds: 12.0,
            machine_busy_share: Some(0.12),
            foreign_share: Some(0.02),
            swapped_in_pages: Some(0),
            memory_stalled_share: Some(0.0),
            memory_available_bytes: Some(1 << 30),
            peak_rss_bytes: 1 << 28,
        };
        RealTime { lag_p99_us: 2_000, kernel_drops: 0, load }
    }

    fn on_machine(disturb: impl FnOnce(&mut RealTime)) -> Verdict {
        let mut real_time = calm_machine();
        disturb(&mut real_time);
        judge(&Conditions { real_time: Some(real_time), ..calm() })
    }

    fn said(verdict: &Verdict) -> (Status, usize, usize) {
        (verdict.status, verdict.reasons.len(), verdict.warnings.len())
    }

    const VALID: (Status, usize, usize) = (Status::Valid, 0, 0);
    const WARNED: (Status, usize, usize) = (Status::Valid, 0, 1);
    const SATURATED: (Status, usize, usize) = (Status::Saturated, 1, 0);
    const INVALID: (Status, usize, usize) = (Status::Invalid, 1, 0);

    #[test]
    fn a_calm_run_is_valid_without_a_word() {
        assert_eq!(said(&judge(&calm())), VALID);
    }

    #[test]
    fn lag_warns_above_25_ms_and_saturates_above_100_ms() {
        for (lag_p99_us, expected) in
            [(25_000, VALID), (25_001, WARNED), (100_000, WARNED), (100_001, SATURATED)]
        {
            assert_eq!(said(&on_machine(|machine| machine.lag_p99_us = lag_p99_us)), expected);
        }
    }

    #[test]
    fn a_busy_machine_warns_above_65_percent_and_saturates_above_90() {
        for (share, expected) in [(0.65, VALID), (0.66, WARNED), (0.90, WARNED), (0.91, SATURATED)] {
            assert_eq!(said(&on_machine(|machine| machine.load.machine_busy_share = Some(share))), expected);
        }
        assert_eq!(said(&on_machine(|machine| machine.load.machine_busy_share = None)), WARNED);
        assert_eq!(said(&on_machine(|machine| machine.load.foreign_share = Some(0.11))), WARNED);
    }

    #[test]
    fn who_kept_the_machine_busy_is_named() {
        for (foreign_share, culprit) in
            [(Some(0.75), "other programs took 75.0 %"), (Some(0.05), "this run took 90.0 %")]
        {
            let verdict = on_machine(|machine| {
                machine.load.machine_busy_share = Some(0.95);
                machine.load.foreign_share = foreign_share;
            });
            assert!(verdict.reasons[0].contains(culprit), "{:?}", verdict.reasons);
        }
        let unknown = on_machine(|machine| {
            machine.load.machine_busy_share = Some(0.95);
            machine.load.foreign_share = None;
        });
        assert_eq!(said(&unknown), SATURATED);
    }

    #[test]
    fn any_page_from_swap_saturates() {
        assert_eq!(said(&on_machine(|machine| machine.load.swapped_in_pages = Some(1))), SATURATED);
        assert_eq!(said(&on_machine(|machine| machine.load.swapped_in_pages = None)), VALID);
    }

    #[test]
    fn waiting_for_memory_warns_above_1_percent_and_saturates_above_5() {
        for (share, expected) in [(0.01, VALID), (0.02, WARNED), (0.05, WARNED), (0.06, SATURATED)] {
            assert_eq!(
                said(&on_machine(|machine| machine.load.memory_stalled_share = Some(share))),
                expected
            );
        }
        assert_eq!(said(&on_machine(|machine| machine.load.memory_stalled_share = None)), VALID);
        let left = |bytes| on_machine(|machine| machine.load.memory_available_bytes = bytes);
        assert_eq!(said(&left(Some(1 << 24))), WARNED, "a sixteenth of what the run takes");
        assert_eq!([said(&left(Some(1 << 26))), said(&left(None))], [VALID; 2]);
    }

    #[test]
    fn a_saturated_run_says_how_many_nodes_would_do() {
        // 100 nodes took 0.95 − 0.05, and 0.65 − 0.05 are to be had: two thirds of them.
        let busy = |foreign| {
            on_machine(|machine| {
                machine.load.machine_busy_share = Some(0.95);
                machine.load.foreign_share = Some(foreign);
                machine.lag_p99_us = 200_000;
            })
        };
        let verdict = busy(0.05);
        assert!(
            verdict.reasons.iter().all(|reason| reason.contains("about 66 would do here")),
            "{verdict:?}"
        );
        assert!(busy(0.6).reasons.iter().all(|reason| !reason.contains("would do")), "others are to blame");
        // 256 MiB were taken and none left: four fifths of that.
        let swapping = on_machine(|machine| {
            machine.load.swapped_in_pages = Some(1);
            machine.load.memory_available_bytes = Some(0);
        });
        assert!(swapping.reasons[0].contains("about 80 would do here"), "{swapping:?}");
        assert_eq!([0.9, 9.9, 99.9, 1_239.0].map(rounded_down), [0, 9, 99, 1_200]);
    }

    #[test]
    fn kernel_drops_warn_from_the_first_and_saturate_above_one_in_a_thousand() {
        for (kernel_drops, expected) in [(0, VALID), (1, WARNED), (100, WARNED), (101, SATURATED)] {
            assert_eq!(said(&on_machine(|machine| machine.kernel_drops = kernel_drops)), expected);
        }
    }

    #[test]
    fn what_figures_rest_on_must_be_there() {
        let broken = [
            Conditions { interrupted: true, ..calm() },
            Conditions {
                interrupted: true,
                measured_seconds: 0.0,
                packets: 0,
                writes: 0,
                booted: 0,
                ..calm()
            },
            Conditions { booted: 99, ..calm() },
            Conditions { lost: 1, ..calm() },
            Conditions { measured_seconds: 0.0, ..calm() },
            Conditions { packets: 0, ..calm() },
            Conditions { writes: 0, ..calm() },
        ];
        for conditions in broken {
            assert_eq!(said(&judge(&conditions)), INVALID, "{conditions:?}");
        }
        assert_eq!(said(&judge(&Conditions { writes: 0, writes_asked: false, ..calm() })), VALID);
    }

    #[test]
    fn doubtful_quality_warns() {
        let doubtful = [
            Conditions { send_refused: 1, ..calm() },
            Conditions { overflows: 1, ..calm() },
            Conditions { drift: Some(-0.3), ..calm() },
            Conditions { unsettled: Some(0.2), ..calm() },
            Conditions { kernel: Some(KernelCount { counted: 10_101, handed_over: 10_000 }), ..calm() },
            Conditions { kernel: Some(KernelCount { counted: 9_899, handed_over: 10_000 }), ..calm() },
            Conditions { failures: 1, ..calm() },
            Conditions { failures: 19, ..calm() },
        ];
        for conditions in doubtful {
            assert_eq!(said(&judge(&conditions)), WARNED, "{conditions:?}");
        }
        assert_eq!(said(&judge(&Conditions { failures: 20, drift: None, kernel: None, ..calm() })), VALID);
        let close = KernelCount { counted: 10_100, handed_over: 10_000 };
        assert_eq!(said(&judge(&Conditions { kernel: Some(close), ..calm() })), VALID);
    }

    #[test]
    fn virtual_time_suffers_from_no_machine() {
        assert_eq!(said(&judge(&Conditions { real_time: None, ..calm() })), VALID);
    }

    #[test]
    fn sentences_carry_the_figures_and_the_advice() {
        let verdict = on_machine(|machine| machine.kernel_drops = 1_234);
        assert!(verdict.reasons[0].contains("1,234 of 100,000 packets"), "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains("net.core.rmem_max"), "{:?}", verdict.reasons);
    }
}
