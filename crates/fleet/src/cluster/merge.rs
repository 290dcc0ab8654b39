use std::collections::BTreeMap;

use rumormill_lab::{Census, Interface};
use rumormill_measure::LoadReport;

use super::{FleetCluster, link::Link};
use crate::message::Sent;

impl FleetCluster {
    /// The control connections' own packets are not the nodes': of what an interface counted, less these.
    pub(super) fn sum_up(&self, census: &mut Census) {
        // Of each interface that agents share, one reading.
        let mut networks = BTreeMap::<&str, Vec<&Link>>::new();
        for link in &self.agents {
            networks.entry(&link.place.network).or_default().push(link);
        }
        let mut all = Some((0, 0, None));
        let mut by_network = BTreeMap::new();
        for (network, links) in networks {
            let mut control: Vec<Sent> = links.iter().map(|link| link.sent).collect();
            if network == self.here.network {
                control.extend(self.agents.iter().map(|link| Sent::of(&link.connection)));
            }
            let read = links.iter().find_map(|link| link.census.last.interface.clone());
            census.kernel_drops += links.iter().map(|link| link.census.last.kernel_drops).max().unwrap_or(0);
            let net = read.map(|mut interface| {
                for sent in control {
                    interface.wire_bytes = interface.wire_bytes.saturating_sub(sent.wire_bytes);
                    interface.packets = interface.packets.saturating_sub(sent.packets);
                }
                interface
            });
            all = all.zip(net.clone()).map(|((bytes, packets, others), net)| {
                (bytes + net.wire_bytes, packets + net.packets, others.or(net.others))
            });
            by_network.insert(network, net);
        }
        census.interface = all.map(|(wire_bytes, packets, others)| Interface { wire_bytes, packets, others });
        let of = |link: &Link| by_network.get(link.place.network.as_str()).cloned().flatten();
        census.interfaces = self.agents.iter().map(of).collect();
    }
}

/// From the most by which each agent's clock was ever mistaken, the most by which a time between two of them, or between one
/// and the coordinator, may be wrong.
pub(super) fn time_uncertainty_us(agents: impl Iterator<Item = u64>) -> u64 {
    let mut worst: Vec<u64> = agents.map(|nanos| nanos.div_ceil(1_000)).collect();
    worst.sort_unstable_by(|one, two| two.cmp(one));
    worst.iter().take(2).sum()
}

/// What several processes took, by the machine of each: on one machine their CPU time and memory add up, and what the
/// others of them took is not foreign; of several machines the worst counts.
pub(super) fn merge(reports: &[(String, LoadReport)]) -> LoadReport {
    let mut machines = BTreeMap::<&str, Vec<&LoadReport>>::new();
    for (machine, report) in reports {
        machines.entry(machine).or_default().push(report);
    }
    let mut merged: Option<LoadReport> = None;
    for reports in machines.into_values() {
        let all = of_machine(&reports);
        merged = Some(match merged {
            None => all,
            Some(others) => LoadReport {
                wall_seconds: others.wall_seconds.max(all.wall_seconds),
                cpu_seconds: others.cpu_seconds + all.cpu_seconds,
                machine_busy_share: greatest(others.machine_busy_share, all.machine_busy_share),
                foreign_share: greatest(others.foreign_share, all.foreign_share),
                swapped_in_pages: others.swapped_in_pages.max(all.swapped_in_pages),
                memory_stalled_share: greatest(others.memory_stalled_share, all.memory_stalled_share),
                memory_available_bytes: [others, all]
                    .iter()
                    .filter_map(|load| load.memory_available_bytes)
                    .min(),
                peak_rss_bytes: others.peak_rss_bytes + all.peak_rss_bytes,
            },
        });
    }
    merged.unwrap_or_default()
}

fn of_machine(reports: &[&LoadReport]) -> LoadReport {
    let busy = reports.iter().filter_map(|report| report.machine_busy_share).reduce(f64::max);
    // What is not foreign to a process is its own.
    let own: f64 = reports
        .iter()
        .filter_map(|report| Some((report.machine_busy_share? - report.foreign_share?).max(0.0)))
        .sum();
    LoadReport {
        wall_seconds: reports.iter().map(|report| report.wall_seconds).fold(0.0, f64::max),
        cpu_seconds: reports.iter().map(|report| report.cpu_seconds).sum(),
        machine_busy_share: busy,
        foreign_share: busy.map(|busy| (busy - own).max(0.0)),
        swapped_in_pages: reports.iter().filter_map(|report| report.swapped_in_pages).max(),
        memory_stalled_share: reports
            .iter()
            .filter_map(|report| report.memory_stalled_share)
            .reduce(f64::max),
        memory_available_bytes: reports.iter().filter_map(|report| report.memory_available_bytes).min(),
        peak_rss_bytes: reports.iter().map(|report| report.peak_rss_bytes).sum(),
    }
}

fn greatest(one: Option<f64>, two: Option<f64>) -> Option<f64> {
    [one, two].into_iter().flatten().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_between_two_agents_is_as_wrong_as_both_clocks_together() {
        assert_eq!(time_uncertainty_us([19_001, 7_000, 3_000].into_iter()), 27);
        assert_eq!(time_uncertainty_us([7_000].into_iter()), 7);
    }

    #[test]
    fn processes_of_one_machine_add_up_and_of_several_machines_the_worst_counts() {
        let report = |busy, foreign, cpu_seconds| LoadReport {
            machine_busy_share: Some(busy),
            foreign_share: Some(foreign),
            cpu_seconds,
            peak_rss_bytes: 100,
            ..LoadReport::default()
        };
        // Two processes took 0.2 and 0.3 of a machine that was busy for 0.6; another machine is hardly busy.
        let here = |report| ("here".to_owned(), report);
        let reports = [
            here(report(0.6, 0.4, 2.0)),
            here(report(0.6, 0.3, 3.0)),
            ("there".into(), report(0.2, 0.0, 1.0)),
        ];
        let merged = merge(&reports);
        assert_eq!((merged.cpu_seconds, merged.peak_rss_bytes), (6.0, 300));
        assert_eq!(merged.machine_busy_share, Some(0.6));
        assert!(merged.foreign_share.is_some_and(|foreign| (foreign - 0.1).abs() < 1e-9));
    }
}
