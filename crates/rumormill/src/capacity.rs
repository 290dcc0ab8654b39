//! Whether this machine holds a cluster of real nodes: for `doctor`, and for every run before it starts.

use humantime::format_duration;
use rumormill_lab::{Resources, Scenario, StateMode};
use rumormill_measure::{BUSY_SATURATED_SHARE, BUSY_WARNING_SHARE, IpVersion, World, units};
use rumormill_quic::{BUFFER_BYTES, addresses};
use serde::Serialize;

use crate::{
    Failure, RUMORMILL, Setting, full_state,
    needs::{Needs, SPARE_DESCRIPTORS},
    settings::how_many,
};

/// Of the memory that is there, the share that is counted on: the formula is an estimate.
const MEMORY_SHARE: f64 = 0.9;

/// Clocks that take microseconds to read, where a good one takes nanoseconds.
const SLOW_CLOCKS: [&str; 2] = ["hpet", "acpi_pm"];

/// One resource: what is needed, what is there, and what to do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) resource: &'static str,
    pub(crate) needed: String,
    pub(crate) there: String,
    pub(crate) verdict: Grade,
    /// The command or option that helps, where anything is to be helped.
    pub(crate) fix: Option<String>,
    /// Why a run is refused.
    #[serde(skip)]
    refusal: String,
}

/// How what is there compares with what is needed, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grade {
    Fits,
    /// Not known here, so it is not judged.
    Unknown,
    /// It may do.
    Tight,
    /// By an estimate it does not do; `--force` tries it.
    Doubtful,
    /// It cannot do.
    Lacking,
}

impl Grade {
    pub(crate) const fn fits(self) -> bool {
        !matches!(self, Self::Doubtful | Self::Lacking)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Unknown => "unknown",
            Self::Tight => "tight",
            Self::Doubtful => "too little, by estimate",
            Self::Lacking => "too little",
        }
    }
}

/// Refuses what does not fit, with the arithmetic: with `force` only what cannot be.
pub(crate) fn check(
    scenario: &Scenario,
    protocol: &str,
    setting: &Setting,
    force: bool,
    there: &Resources,
) -> Result<(), Failure> {
    // Of a fleet each agent finds out by itself.
    if setting.world != World::Local {
        return Ok(());
    }
    let mut rows = examine(scenario, protocol, setting, there);
    rows.retain(|row| row.verdict == Grade::Lacking || row.verdict == Grade::Doubtful && !force);
    // What cannot be is said before what is only estimated.
    match rows.into_iter().rev().max_by_key(|row| row.verdict) {
        Some(row) => Err(Failure::BadInput(row.refusal)),
        None => Ok(()),
    }
}

/// Compares what a scenario needs with what is there, resource by resource.
pub(crate) fn examine(scenario: &Scenario, protocol: &str, setting: &Setting, there: &Resources) -> Vec<Row> {
    let needs = Needs::of(scenario, protocol, setting);
    let nodes = scenario.cluster.nodes;
    let mut rows = vec![
        descriptors(scenario, setting.processes(), &needs, there),
        ports(scenario, &needs, there),
        ipv6(scenario, there),
        memory(scenario, &needs, there),
        swap(there),
        cores(nodes, &needs, there),
    ];
    if protocol == RUMORMILL {
        rows.extend(state(scenario, there));
    }
    rows.push(buffer("receive buffer", "net.core.rmem_max", there.receive_buffer_max_bytes));
    rows.push(buffer("send buffer", "net.core.wmem_max", there.send_buffer_max_bytes));
    rows.push(clock(there));
    rows
}

fn row(resource: &'static str, needed: String, there: Option<String>) -> Row {
    let verdict = if there.is_some() { Grade::Fits } else { Grade::Unknown };
    let there = there.unwrap_or_else(|| "not known".to_owned());
    Row { resource, needed, there, verdict, fix: None, refusal: String::new() }
}

fn descriptors(scenario: &Scenario, processes: usize, needs: &Needs, there: &Resources) -> Row {
    let nodes = scenario.nodes_ever() as u64;
    let needed = needs.descriptors;
    let may = |limit: u64| if limit == u64::MAX { "no limit".to_owned() } else { units::count(limit) };
    let row = row("file descriptors", units::count(needed), there.descriptors.map(may));
    let Some(limit) = there.descriptors.filter(|&limit| limit < needed) else { return row };
    let each = limit.saturating_sub(SPARE_DESCRIPTORS);
    let fits = each.saturating_mul(processes as u64);
    let fix = format!("sudo prlimit --pid $$ --nofile={needed}:{needed}");
    let spread = match nodes.checked_div(each) {
        // Each process opens its spare ones too, so one that may open no more carries nothing.
        Some(_) => format!("spread them with --processes {}, ", nodes.div_ceil(each)),
        None => String::new(),
    };
    let of_what = if processes > 1 { "of each process " } else { "" };
    Row {
        verdict: Grade::Lacking,
        refusal: format!(
            "{}, which takes {} file descriptors {of_what}(one a node and {SPARE_DESCRIPTORS} besides), but a process may \
             open {}: at most {} nodes fit; {spread}raise the limit of this shell with {fix}, or use --on sim",
            how_many(scenario),
            units::count(needed),
            units::count(limit),
            units::count(fits),
        ),
        fix: Some(fix),
        ..row
    }
}

fn ports(scenario: &Scenario, needs: &Needs, there: &Resources) -> Row {
    let addresses = addresses(scenario.network.ip);
    let all = there.ports.map(|ports| ports * u64::from(addresses));
    let row = row("UDP ports", units::count(needs.ports), all.map(units::count));
    let Some(all) = all.filter(|&all| all < needs.ports) else { return row };
    let fix = "sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"";
    Row {
        verdict: Grade::Lacking,
        refusal: format!(
            "{}, which takes as many UDP ports, but the system hands out {} on {addresses} address{}: no more nodes fit; \
             widen the range with {fix}, or use --on sim",
            how_many(scenario),
            units::count(all),
            if addresses == 1 { "" } else { "es" },
        ),
        fix: Some(fix.to_owned()),
        ..row
    }
}

/// Whether nodes can have the addresses that they are to have: those of IPv4 are everywhere.
fn ipv6(scenario: &Scenario, there: &Resources) -> Row {
    let yes = |yes| if yes { "yes" } else { "no" }.to_owned();
    let needed = scenario.network.ip == IpVersion::V6;
    let row = row("IPv6", yes(needed), there.ipv6.map(yes));
    if !needed || there.ipv6 != Some(false) {
        return row;
    }
    let fix = "sudo sysctl -w net.ipv6.conf.lo.disable_ipv6=0";
    Row {
        verdict: Grade::Lacking,
        refusal: format!(
            "network.ip is 6, but this machine has no IPv6 on its loopback interface: switch it on with {fix}, give 4, or \
             use --on sim"
        ),
        fix: Some(fix.to_owned()),
        ..row
    }
}

fn memory(scenario: &Scenario, needs: &Needs, there: &Resources) -> Row {
    let needed = needs.memory_bytes;
    let text = |bytes: f64| units::bytes(bytes);
    let row = row("memory", text(needed), there.memory_available_bytes.map(|bytes| text(bytes as f64)));
    let Some(available) = there.memory_available_bytes else { return row };
    let usable = available as f64 * MEMORY_SHARE;
    if needed <= usable {
        return row;
    }
    // Memory grows with the nodes at least: where it grows with their square, more fit than this says.
    let fits = fewer(scenario.nodes_ever(), usable / needed);
    let fix = format!("--nodes {fits}, or --on sim");
    Row {
        verdict: Grade::Lacking,
        refusal: format!(
            "{}, which takes about {} of memory, but {} are there, of which {} are counted on: about {fits} nodes fit; \
             free memory, or use {fix}",
            how_many(scenario),
            text(needed),
            text(available as f64),
            text(usable),
        ),
        fix: Some(fix),
        ..row
    }
}

fn swap(there: &Resources) -> Row {
    let out = there.swapped_out_bytes;
    let row = row("swapped out", "0 B".into(), out.map(|bytes| units::bytes(bytes as f64)));
    let Some(bytes) = out.filter(|&bytes| bytes > 0) else { return row };
    let returns = there.memory_available_bytes.is_some_and(|available| available > 2 * bytes);
    let fix = if returns { "sudo swapoff -a && sudo swapon -a" } else { "free memory" };
    Row { verdict: Grade::Tight, fix: Some(fix.to_owned()), ..row }
}

fn cores(nodes: usize, needs: &Needs, there: &Resources) -> Row {
    let Some(needed) = needs.cores else {
        let row = row("cores", "not estimated".into(), Some(there.cores.to_string()));
        return Row { verdict: Grade::Unknown, ..row };
    };
    let share = needed / there.cores as f64;
    let row = row("cores", units::significant(needed), Some(there.cores.to_string()));
    if share <= BUSY_WARNING_SHARE {
        return row;
    }
    let fix = format!(
        "--nodes {}, a longer node.protocol_period, or --on sim",
        fewer(nodes, BUSY_WARNING_SHARE / share)
    );
    if share <= BUSY_SATURATED_SHARE {
        return Row { verdict: Grade::Tight, fix: Some(fix), ..row };
    }
    Row {
        verdict: Grade::Doubtful,
        refusal: format!(
            "cluster.nodes is {nodes}, which is estimated to keep {} cores busy at these settings, but there are {} \
             and they should be at most {} busy: use {fix}, or give --force to try it",
            units::significant(needed),
            there.cores,
            units::percent(BUSY_WARNING_SHARE),
        ),
        fix: Some(fix),
        ..row
    }
}

/// Where the whole state is sent again and again, what that takes.
fn state(scenario: &Scenario, there: &Resources) -> Option<Row> {
    let needed = full_state::bytes_per_second(scenario)?;
    let carried = full_state::carried_bytes_per_second(scenario, there.cores);
    let what = if scenario.node.state == StateMode::Full { "full state" } else { "digests" };
    let row = row(what, units::bytes_per_second(needed), Some(units::bytes_per_second(carried)));
    let Some(reduction) = full_state::reduction(scenario, there.cores) else { return Some(row) };
    let interval = format_duration(full_state::used_interval(&reduction));
    Some(Row {
        verdict: Grade::Doubtful,
        fix: Some(format!("--set node.full_interval={interval}, less state, or --on sim")),
        refusal: full_state::refusal(scenario, &reduction),
        ..row
    })
}

/// The system's own buffer does for all but bursts.
fn buffer(resource: &'static str, setting: &str, largest: Option<u64>) -> Row {
    let wanted = BUFFER_BYTES as u64;
    let text = |bytes: u64| units::bytes(bytes as f64);
    let row = row(resource, text(wanted), largest.map(text));
    if largest.is_none_or(|largest| largest >= wanted) {
        return row;
    }
    Row { verdict: Grade::Tight, fix: Some(format!("sudo sysctl -w {setting}={wanted}")), ..row }
}

fn clock(there: &Resources) -> Row {
    let row = row("clock", "fast".into(), there.clock_source.clone());
    if !there.clock_source.as_deref().is_some_and(|clock| SLOW_CLOCKS.contains(&clock)) {
        return row;
    }
    let faster = there.clock_sources.iter().find(|clock| !SLOW_CLOCKS.contains(&clock.as_str()));
    let fix = faster.map(|clock| {
        format!("echo {clock} | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource")
    });
    Row { verdict: Grade::Tight, fix, ..row }
}

/// So many nodes that a resource that grows as they do fits, to two digits.
fn fewer(nodes: usize, share: f64) -> usize {
    let fits = (nodes as f64 * share) as usize;
    let step = 10usize.pow(fits.checked_ilog10().unwrap_or(0).saturating_sub(1));
    fits / step * step
}

#[cfg(test)]
mod tests {
    use rumormill_lab::Draft;

    use super::*;
    use crate::{Crypto, Fidelity, ViewMode};

    const LOCAL: Setting = Setting {
        world: World::Local,
        fidelity: Fidelity::Message,
        crypto: Crypto::Null,
        shards: None,
        view: ViewMode::Compact,
        fleet: None,
    };

    fn scenario(settings: &[&str]) -> Scenario {
        let mut draft = Draft::preset("idle").expect("a preset");
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        draft.finish().expect("a valid scenario")
    }

    fn machine() -> Resources {
        Resources {
            descriptors: Some(20_000),
            ports: Some(28_232),
            ipv6: Some(true),
            receive_buffer_max_bytes: Some(4 << 20),
            send_buffer_max_bytes: Some(4 << 20),
            memory_available_bytes: Some(24 << 30),
            swapped_out_bytes: Some(0),
            cores: 2,
            clock_source: Some("tsc".into()),
            clock_sources: vec!["tsc".into()],
        }
    }

    fn refusal(settings: &[&str], force: bool, machine: &Resources) -> Option<String> {
        check(&scenario(settings), RUMORMILL, &LOCAL, force, machine).err().map(|failure| failure.to_string())
    }

    #[test]
    fn ten_thousand_idle_nodes_fit_two_cores_and_20_000_descriptors() {
        let rows = examine(&scenario(&["cluster.nodes=10000"]), RUMORMILL, &LOCAL, &machine());
        assert!(rows.iter().all(|row| row.verdict == Grade::Fits && row.fix.is_none()), "{rows:?}");
    }

    #[test]
    fn each_resource_that_lacks_is_refused_with_what_helps() {
        let tight = |change: fn(&mut Resources)| {
            let mut there = machine();
            change(&mut there);
            refusal(&["cluster.nodes=10000"], true, &there).expect("it does not fit")
        };
        let sentence = tight(|there| there.descriptors = Some(10_063));
        assert!(sentence.contains("prlimit --pid $$ --nofile=10064:10064"), "{sentence}");
        assert!(sentence.contains("at most 9,999 nodes fit; spread them with --processes 2"), "{sentence}");
        let sentence = tight(|there| there.ports = Some(39));
        assert!(sentence.contains("9,906 on 254 addresses"), "{sentence}");
        // About 2.1 GB are needed, and 0.9 of 1 GiB counted on.
        let sentence = tight(|there| there.memory_available_bytes = Some(1 << 30));
        assert!(sentence.contains("about 4600 nodes fit"), "{sentence}");
        assert_eq!(refusal(&["cluster.nodes=10000"], false, &machine()), None);
        let unknown = Resources { cores: 2, ..Resources::default() };
        assert_eq!(refusal(&["cluster.nodes=10000"], false, &unknown), None);
    }

    #[test]
    fn ipv6_has_one_loopback_address_or_none() {
        let six = ["cluster.nodes=30000", "network.ip=6"];
        let sentence = refusal(&six, true, &Resources { descriptors: Some(u64::MAX), ..machine() });
        assert!(sentence.is_some_and(|sentence| sentence.contains("28,232 on 1 address: no more")));
        let without = Resources { ipv6: Some(false), ..machine() };
        assert_eq!(refusal(&["network.ip=4"], false, &without), None);
        let sentence = refusal(&["network.ip=6"], true, &without).expect("it is not there");
        assert!(sentence.starts_with("network.ip is 6, but this machine has no IPv6"), "{sentence}");
        assert_eq!(refusal(&["network.ip=6"], false, &machine()), None);
    }

    #[test]
    fn an_estimate_gives_way_to_force_and_a_limit_does_not() {
        let fast = ["cluster.nodes=10000", "node.protocol_period=100ms", "node.probe_timeout=50ms"];
        let sentence = refusal(&fast, false, &machine()).expect("too fast");
        assert!(sentence.contains("9.30 cores") && sentence.contains("--force"), "{sentence}");
        assert_eq!(refusal(&fast, true, &machine()), None);
        let both = Resources { descriptors: Some(100), ..machine() };
        assert!(refusal(&fast, false, &both).is_some_and(|sentence| sentence.contains("file descriptors")));
    }

    #[test]
    fn what_may_do_is_said_and_not_refused() {
        let there = Resources {
            receive_buffer_max_bytes: Some(212_992),
            swapped_out_bytes: Some(1 << 20),
            clock_source: Some("hpet".into()),
            ..machine()
        };
        let rows = examine(&scenario(&["cluster.nodes=15000"]), RUMORMILL, &LOCAL, &there);
        let fixes: Vec<_> =
            rows.iter().filter(|row| row.verdict == Grade::Tight).map(|row| row.fix.clone()).collect();
        let [Some(swap), Some(cores), Some(buffer), Some(clock)] = fixes.as_slice() else {
            panic!("{rows:?}")
        };
        assert_eq!(swap, "sudo swapoff -a && sudo swapon -a");
        assert!(cores.starts_with("--nodes 13000"), "{cores}");
        assert_eq!(buffer, "sudo sysctl -w net.core.rmem_max=1048576");
        assert!(clock.starts_with("echo tsc | sudo tee"), "{clock}");
        assert!(rows.iter().all(|row| row.verdict.fits()));
    }
}
