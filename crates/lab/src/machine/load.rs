use std::{fs, time::Instant};

use rumormill_measure::LoadReport;

use super::proc::{self, CpuTicks};

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
        let (then, now) = (self.at_start, Reading::take());
        let cpu_seconds = now.cpu_seconds - then.cpu_seconds;
        let shares = then.machine.zip(now.machine).and_then(|(then, now)| shares(then, now, cpu_seconds));
        LoadReport {
            wall_seconds: self.began.elapsed().as_secs_f64(),
            cpu_seconds,
            machine_busy_share: shares.map(|(busy, _)| busy),
            foreign_share: shares.map(|(_, foreign)| foreign),
            swapped_in_pages: then.swapped_in.zip(now.swapped_in).map(|(then, now)| now.saturating_sub(then)),
            peak_rss_bytes: peak_rss_bytes().unwrap_or(0),
        }
    }
}

/// Counters that only grow.
#[derive(Clone, Copy, Debug)]
struct Reading {
    cpu_seconds: f64,
    machine: Option<CpuTicks>,
    swapped_in: Option<u64>,
}

impl Reading {
    fn take() -> Self {
        Self {
            cpu_seconds: cpu_seconds(),
            machine: read("/proc/stat").and_then(|stat| CpuTicks::parse(&stat)),
            swapped_in: read("/proc/vmstat").and_then(|vmstat| proc::field(&vmstat, "pswpin")),
        }
    }
}

/// The busy share of the machine and the part of it that is not this process's, from what it used of it. Nothing
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
    use std::{hint::black_box, thread};

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
