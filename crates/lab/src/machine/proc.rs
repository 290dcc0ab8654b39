//! Figures out of the texts that Linux keeps under `/proc`.

/// The number of the line `name <number>` or `name: <number> kB`, as `/proc/vmstat`, `/proc/meminfo` and
/// `/proc/self/status` have them.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let found = words.next()?.trim_end_matches(':') == name;
        found.then(|| words.next()?.parse().ok()).flatten()
    })
}

/// The model of the first processor in `/proc/cpuinfo`.
pub(super) fn cpu_model(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| {
        let (name, model) = line.split_once(':')?;
        (name.trim() == "model name").then(|| model.trim())
    })
}

/// The number of ports of the kernel's range, both ends included.
pub(super) fn ports(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some((high + 1).saturating_sub(low))
}

/// The cores that a process may run on, out of its `/proc/self/status`: `0-3,8`.
pub(super) fn allowed_cores(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cores)
}

/// Microseconds for which some task waited for memory since the machine started, out of `/proc/pressure/memory`.
pub(super) fn stalled_us(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_whitespace().find_map(|word| word.strip_prefix("total="))?.parse().ok()
}

/// CPU time of some cores together since the machine started, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CpuTicks {
    /// Time in which something ran, or the hypervisor gave the core to another machine.
    pub(super) busy: u64,
    /// All time.
    pub(super) total: u64,
}

impl CpuTicks {
    /// Reads the lines of these cores in `/proc/stat`: user, nice, system, idle, iowait, irq, softirq and steal. What
    /// follows, guests, is part of user already.
    pub(super) fn parse(stat: &str, cores: &[usize]) -> Option<Self> {
        let mut sum: Option<Self> = None;
        for line in stat.lines() {
            let Some((core, numbers)) = line.strip_prefix("cpu").and_then(|line| line.split_once(' ')) else {
                continue;
            };
            if !core.parse().is_ok_and(|core| cores.contains(&core)) {
                continue;
            }
            let ticks = numbers.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
            let [user, nice, system, idle, iowait, irq, softirq, steal] = *ticks.first_chunk::<8>()?;
            let busy = user + nice + system + irq + softirq + steal;
            let before = sum.unwrap_or(Self { busy: 0, total: 0 });
            sum = Some(Self { busy: before.busy + busy, total: before.total + busy + idle + iowait });
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_are_not_busy_and_guests_count_once() {
        let stat = "cpu  1 1 1 1 1 1 1 1 1 1\ncpu0 1000 200 30 50000 600 7 8 9 400 100\ncpu12 1 2 3 4 5 6 7 8 9 10\n";
        let busy = 1_000 + 200 + 30 + 7 + 8 + 9;
        assert_eq!(CpuTicks::parse(stat, &[0]), Some(CpuTicks { busy, total: busy + 50_600 }));
        let both = CpuTicks { busy: busy + 27, total: busy + 50_600 + 36 };
        assert_eq!(CpuTicks::parse(stat, &[0, 1, 12]), Some(both), "only cores that the process may use");
    }

    #[test]
    fn other_texts_hold_no_ticks() {
        for text in [
            "",
            "cpu0 1 2 3 4 5 6 7",
            "cpu0 1 2 3 4 5 6 7 x",
            "cpu  1 2 3 4 5 6 7 8",
            "intr 1",
            "cpu1 1 2 3 4 5 6 7 8",
        ] {
            assert_eq!(CpuTicks::parse(text, &[0]), None, "{text}");
        }
    }

    #[test]
    fn lists_of_cores_are_read_with_their_ranges() {
        assert_eq!(
            allowed_cores("Name:\tx\nCpus_allowed_list:\t0-2,5,14-15\n"),
            Some(vec![0, 1, 2, 5, 14, 15])
        );
        assert_eq!(allowed_cores("Cpus_allowed_list:\tx\n"), None);
        assert_eq!(allowed_cores(""), None);
    }

    #[test]
    fn the_port_range_of_the_kernel_is_read_with_both_ends() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("32768"), None);
    }

    #[test]
    fn waiting_for_memory_is_read_of_some_and_not_of_full() {
        let pressure = "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\nsome avg10=0.00 avg60=0.00 avg300=0.00 total=42\n";
        assert_eq!(stalled_us(pressure), Some(42));
        assert_eq!(stalled_us(""), None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let vmstat = "zswpin 7\npswpin 42\npswpout 1\n";
        assert_eq!(field(vmstat, "pswpin"), Some(42));
        assert_eq!(field(vmstat, "pswp"), None);
        let status = "Name:\trumormill\nVmHWM:\t    1760 kB\nVmRSS:\t 1700 kB\n";
        assert_eq!(field(status, "VmHWM"), Some(1_760));
        assert_eq!(field(status, "Name"), None);
    }

    #[test]
    fn the_first_processor_names_the_model() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 167\nmodel name\t: Some CPU @ 2: GHz\n\nprocessor\t: 1\n";
        assert_eq!(cpu_model(cpuinfo), Some("Some CPU @ 2: GHz"));
        assert_eq!(cpu_model("Hardware : none"), None);
    }
}
