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

/// CPU time of all cores together since the machine started, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CpuTicks {
    /// Time in which something ran, or the hypervisor gave the core to another machine.
    pub(super) busy: u64,
    /// All time.
    pub(super) total: u64,
}

impl CpuTicks {
    /// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq and steal. What
    /// follows, guests, is part of user already.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let ticks = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
        let [user, nice, system, idle, iowait, irq, softirq, steal] = *ticks.first_chunk::<8>()?;
        let busy = user + nice + system + irq + softirq + steal;
        Some(Self { busy, total: busy + idle + iowait })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_are_not_busy_and_guests_count_once() {
        let stat = "cpu  1000 200 30 50000 600 7 8 9 400 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        let busy = 1_000 + 200 + 30 + 7 + 8 + 9;
        assert_eq!(CpuTicks::parse(stat), Some(CpuTicks { busy, total: busy + 50_600 }));
    }

    #[test]
    fn other_texts_hold_no_ticks() {
        for text in ["", "cpu0 1 2 3 4 5 6 7 8", "cpu  1 2 3 4 5 6 7", "cpu  1 2 3 4 5 6 7 x", "intr 1"] {
            assert_eq!(CpuTicks::parse(text), None, "{text}");
        }
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
