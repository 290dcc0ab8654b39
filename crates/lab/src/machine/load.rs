use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rumormill_measure::LoadReport;

use super::{
    proc::{self, CpuTicks},
    resources::memory_available_bytes,
};

/// What a phase costs this process and its machine: started at its beginning, stopped at its end. One at a time,
/// because starting resets the process's peak memory.
#[derive(Debug)]
pub struct Load {
    began: Instant,
    at_start: Reading,
}

impl Load {
    /// Begins.
    pub fn start() -> Self {
        // "5" resets the peak (proc(5)). Where it is refused, the peak stays that of the whole process.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { began: Instant::now(), at_start: Reading::take() }
    }

    /// Ends, and says what was used since [`Load::start`].
    pub fn stop(self) -> LoadReport {
        self.at_start.until(&Reading::take(), self.began.elapsed())
    }
}

/// What the machine carries from one look to the next, while a [`Load`] is taken or not.
#[derive(Debug)]
pub(crate) struct Gauge {
    at: Instant,
    last: Reading,
}

impl Gauge {
    /// Begins.
    pub(crate) fn start() -> Self {
        Self { at: Instant::now(), last: Reading::take() }
    }

    /// What was used since the last look. The peak of memory is that of the present phase.
    pub(crate) fn look(&mut self) -> LoadReport {
        let now = Self::start();
        let report = self.last.until(&now.last, now.at - self.at);
        *self = now;
        report
    }
}

/// Counters that only grow.
#[derive(Clone, Debug)]
struct Reading {
    cpu_seconds: f64,
    /// Of the cores that this process may use: others are no use to it, however idle.
    machine: Option<CpuTicks>,
    swapped_in: Option<u64>,
    memory_stalled_us: Option<u64>,
    /// No counter: what there is.
    memory_available_bytes: Option<u64>,
}

impl Reading {
    fn take() -> Self {
        Self {
            cpu_seconds: cpu_seconds(),
            machine: read("/proc/stat")
                .zip(read("/proc/self/status"))
                .and_then(|(stat, status)| CpuTicks::parse(&stat, &proc::allowed_cores(&status)?)),
            swapped_in: read("/proc/vmstat").and_then(|vmstat| {
                // Pages that come from compressed memory are counted apart where there is any.
                let zswap = proc::field(&vmstat, "zswpin").unwrap_or(0);
                proc::field(&vmstat, "pswpin").map(|pages| pages + zswap)
            }),
            memory_stalled_us: read("/proc/pressure/memory").and_then(|pressure| proc::stalled_us(&pressure)),
            memory_available_bytes: memory_available_bytes(),
        }
    }

    /// What was used from this reading to a later one.
    fn until(&self, now: &Self, wall: Duration) -> LoadReport {
        let cpu_seconds = now.cpu_seconds - self.cpu_seconds;
        let shares = self.machine.zip(now.machine).and_then(|(then, now)| shares(then, now, cpu_seconds));
        let stalled = self.memory_stalled_us.zip(now.memory_stalled_us);
        let available = [self.memory_available_bytes, now.memory_available_bytes].into_iter().flatten().min();
        // A share of the cores' time that is granted to this process may be all that it gets, and the cores idle.
        let granted = thread::available_parallelism().map_or(1, usize::from) as f64 * wall.as_secs_f64();
        let of_granted = if granted > 0.0 { (cpu_seconds / granted).min(1.0) } else { 0.0 };
        LoadReport {
            wall_seconds: wall.as_secs_f64(),
            cpu_seconds,
            machine_busy_share: shares.map(|(busy, _)| busy.max(of_granted)),
            foreign_share: shares.map(|(_, foreign)| foreign),
            swapped_in_pages: self.swapped_in.zip(now.swapped_in).map(|(then, now)| now.saturating_sub(then)),
            memory_stalled_share: stalled
                .map(|(then, now)| now.saturating_sub(then) as f64 / 1e6 / wall.as_secs_f64())
                .filter(|share| share.is_finite()),
            memory_available_bytes: available,
            peak_rss_bytes: peak_rss_bytes().unwrap_or(0),
        }
    }
}

/// The busy share of some cores and the part of it that is not this process's, from what it used of it. Nothing
/// for a time too short for the kernel's tick.
fn shares(then: CpuTicks, now: CpuTicks, own_cpu_seconds: f64) -> Option<(f64, f64)> {
    let total = now.total.checked_sub(then.total).filter(|&total| total > 0)? as f64;
    let busy = now.busy.saturating_sub(then.busy) as f64 / total;
    let own = own_cpu_seconds * ticks_per_second() / total;
    // The two come from clocks of different grain, so a process alone can seem to use more than the machine.
    Some((busy, (busy - own).max(0.0)))
}

fn peak_rss_bytes() -> Option<u64> {
    read("/proc/self/status").and_then(|status| proc::field(&status, "VmHWM")).map(|kib| kib * 1_024)
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// CPU time of this process since it started, user and system, all threads.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(unix)]
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    0.0
}

/// Only asked where there are ticks to count.
#[cfg(not(unix))]
fn ticks_per_second() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn work_costs_cpu_and_no_more_than_the_cores_have() {
        let load = Load::start();
        let mut sum = 0u64;
        for number in 0..20_000_000u64 {
            sum = black_box(sum.wrapping_add(number));
        }
        let report = load.stop();
        // Other tests of this process run on the other cores meanwhile.
        let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
        assert!(report.cpu_seconds > 0.0, "{report:?}");
        assert!(report.cpu_seconds <= cores * report.wall_seconds + 0.1, "{report:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_is_that_of_the_phase() {
        let used = {
            let load = Load::start();
            let block = black_box(vec![1u8; 64 << 20]);
            let report = load.stop();
            drop(block);
            report.peak_rss_bytes
        };
        assert!(used >= 64 << 20, "{used}");
        let after = Load::start().stop().peak_rss_bytes;
        assert!(after > 0 && after < used, "{after} after {used}");
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        let ticks = ticks_per_second();
        let then = CpuTicks { busy: 500, total: 10_000 };
        let now = CpuTicks { busy: 700, total: 10_400 };
        let own_seconds = 100.0 / ticks;
        assert_eq!(shares(then, now, own_seconds), Some((0.5, 0.25)));
        assert_eq!(shares(then, now, 1_000.0 / ticks), Some((0.5, 0.0)));
        assert_eq!(shares(then, then, 0.0), None);
    }
}
