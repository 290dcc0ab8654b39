//! What must hold between settings that are fine each by itself.

use std::{collections::BTreeSet, time::Duration};

use humantime::format_duration;
use rumormill_protocol::NodeId;

use super::{
    Boot, DetectorMode, Dissemination, Fault, FaultKind, PeersMode, PhiFormula, Scenario, ScenarioError,
    Victims, epidemic, timeline::Shortage, turnover::Deserted,
};

/// The most nodes of a cluster.
const NODES_MAX: usize = 1_000_000;

/// The most bytes of values in a cluster: each value is kept once per process, next to everything else.
const STATE_BYTES_MAX: usize = 1 << 30;

/// The most writes of one measured phase: the recorder follows each of them to each node.
const WRITES_MAX: f64 = 1e6;

/// The most slots that values are proposed for in one measured phase: the recorder follows each of them to each node.
const PROPOSALS_MAX: f64 = 1e4;
/// The most writes of a run with shared keys: the recorder holds each against each other.
const SHARED_WRITES_MAX: f64 = 20_000.0;

/// The most faults of one scenario.
const FAULTS_MAX: usize = 10_000;

/// The most nodes that join after the boot: the recorder follows each of them to each of the others.
const NEWCOMERS_MAX: f64 = 10_000.0;

/// The most beginnings of one fault that comes again and again, at all its nodes together.
const SPELLS_MAX: f64 = 1e6;

pub(super) fn check(scenario: &Scenario) -> Result<(), ScenarioError> {
    if let Some(epidemic) = &scenario.epidemic {
        return epidemic::check(epidemic, scenario.cluster.nodes);
    }
    cluster(scenario)?;
    node(scenario)?;
    network(scenario)?;
    workload(scenario)?;
    newcomers(scenario)?;
    faults(scenario)?;
    state(scenario)
}

fn cluster(scenario: &Scenario) -> Result<(), ScenarioError> {
    let cluster = &scenario.cluster;
    if cluster.nodes > NODES_MAX {
        let problem = format!("is {}, over the limit of {NODES_MAX} for a cluster", cluster.nodes);
        return conflict("cluster.nodes", problem, "lower it; only an epidemic may have more");
    }
    if cluster.boot == Boot::Join && cluster.seeds > cluster.nodes {
        let problem = format!("is {}, more than the {} nodes there are", cluster.seeds, cluster.nodes);
        return conflict("cluster.seeds", problem, "give at most cluster.nodes");
    }
    Ok(())
}

fn state(scenario: &Scenario) -> Result<(), ScenarioError> {
    let (cluster, nodes) = (&scenario.cluster, scenario.nodes_ever());
    let value_bytes = cluster.value_bytes.max(scenario.workload.write_bytes);
    let state_bytes = nodes * cluster.keys_per_node * value_bytes;
    if state_bytes > STATE_BYTES_MAX {
        let problem = format!(
            "is {}, which makes {nodes} nodes hold up to {state_bytes} bytes of {value_bytes}-byte values, over the limit of \
             {STATE_BYTES_MAX}",
            cluster.keys_per_node
        );
        let fix = "lower cluster.keys_per_node, cluster.value_bytes or workload.write_bytes";
        return conflict("cluster.keys_per_node", problem, fix);
    }
    Ok(())
}

/// Those that come later.
fn newcomers(scenario: &Scenario) -> Result<(), ScenarioError> {
    let measure = scenario.phases.measure.as_secs_f64();
    let storms = scenario.faults.iter().filter(|fault| fault.kind == FaultKind::JoinStorm);
    let mut stormed = 0usize;
    for fault in storms {
        if !matches!(fault.nodes, Victims::Count(_) | Victims::Percent(_)) {
            let problem = "names nodes, but those of a join_storm are not there yet".to_owned();
            return conflict("fault.nodes", problem, "say how many, or a share of cluster.nodes");
        }
        stormed = stormed.saturating_add(fault.nodes.count(scenario.cluster.nodes));
    }
    if stormed as f64 > NEWCOMERS_MAX {
        let problem = format!("makes {stormed} nodes join, over the limit of {NEWCOMERS_MAX}");
        return conflict("fault.nodes", problem, "lower it");
    }
    for (key, rate) in [
        ("workload.joins_per_second", scenario.workload.joins_per_second),
        ("workload.leaves_per_second", scenario.workload.leaves_per_second),
    ] {
        let passing = rate * measure;
        if passing > NEWCOMERS_MAX {
            let problem =
                format!("is {rate}, which makes {passing:.0} nodes, over the limit of {NEWCOMERS_MAX}");
            return conflict(key, problem, "lower it or phases.measure");
        }
    }
    Ok(())
}

fn node(scenario: &Scenario) -> Result<(), ScenarioError> {
    let node = &scenario.node;
    if node.probe_timeout >= node.protocol_period {
        let (timeout, period) = (format_duration(node.probe_timeout), format_duration(node.protocol_period));
        let problem = format!("is {timeout}, not below node.protocol_period of {period}");
        return conflict("node.probe_timeout", problem, "lower it, or lengthen the period");
    }
    if node.dissemination == Dissemination::Tree && node.peers != PeersMode::Sticky {
        let problem =
            "is \"tree\", which grows over partners that keep, but node.peers is \"uniform\"".to_owned();
        return conflict("node.dissemination", problem, "give \"auto\", or let node.peers be \"sticky\"");
    }
    let by_heartbeats = node.detector == DetectorMode::Heartbeat;
    if by_heartbeats && node.phi_suspect > node.phi_threshold {
        let problem = format!("is {}, over node.phi_threshold of {}", node.phi_suspect, node.phi_threshold);
        return conflict("node.phi_suspect", problem, "lower it: nobody is dead before being suspected");
    }
    let fixed = by_heartbeats && node.phi == PhiFormula::Off;
    if fixed && node.fail_after < node.protocol_period * 2 {
        let [fail_after, period] = [node.fail_after, node.protocol_period].map(format_duration);
        let problem = format!("is {fail_after}, below two of node.protocol_period, {period}");
        return conflict(
            "node.fail_after",
            problem,
            "raise it: a heartbeat takes some periods to reach everyone",
        );
    }
    if !node.partners.is_multiple_of(2) {
        let problem = format!("is {}, an odd number", node.partners);
        return conflict(
            "node.partners",
            problem,
            "give an even one, for each ring gives a node two partners",
        );
    }
    Ok(())
}

fn network(scenario: &Scenario) -> Result<(), ScenarioError> {
    let network = &scenario.network;
    // How many are lost in a row, on average, where each is lost or not by itself.
    let least = 1.0 / (1.0 - network.loss);
    if network.burst > 1.0 && network.burst < least {
        let problem = format!(
            "is {}, but at a network.loss of {} packets are lost {least:.1} in a row without any bursts",
            network.burst, network.loss
        );
        return conflict("network.burst", problem, "raise it, or leave it at 1");
    }
    Ok(())
}

fn workload(scenario: &Scenario) -> Result<(), ScenarioError> {
    let rate = scenario.workload.writes_per_second;
    let shares_all = scenario.workload.hot_keys > 0 && scenario.workload.shared >= 1.0;
    if rate > 0.0 && scenario.cluster.keys_per_node == 0 && !shares_all {
        let problem = format!("is {rate}, but cluster.keys_per_node is 0 and there is no key to write");
        return conflict("workload.writes_per_second", problem, "give nodes at least one key, or no writes");
    }
    let proposals = scenario.workload.proposals_per_second * scenario.phases.measure.as_secs_f64();
    if proposals > PROPOSALS_MAX {
        let rate = scenario.workload.proposals_per_second;
        let problem =
            format!("is {rate}, which makes {proposals:.0} proposals, over the limit of {PROPOSALS_MAX}");
        return conflict("workload.proposals_per_second", problem, "lower it or phases.measure");
    }
    if scenario.workload.proposers > scenario.cluster.nodes {
        let (proposers, nodes) = (scenario.workload.proposers, scenario.cluster.nodes);
        let problem = format!("is {proposers}, more than the {nodes} nodes there are");
        return conflict("workload.proposers", problem, "give at most cluster.nodes");
    }
    let writes = rate * scenario.phases.measure.as_secs_f64();
    if writes > WRITES_MAX {
        let problem = format!("is {rate}, which makes {writes:.0} writes, over the limit of {WRITES_MAX}");
        return conflict("workload.writes_per_second", problem, "lower it or phases.measure");
    }
    let all = writes + rate * scenario.phases.warm_up.as_secs_f64();
    if scenario.workload.hot_keys > 0 && all > SHARED_WRITES_MAX {
        let problem = format!(
            "is {}, and there are {all:.0} writes, over the limit of {SHARED_WRITES_MAX} where keys are shared",
            scenario.workload.hot_keys
        );
        let fix = "give 0, lower workload.writes_per_second, or shorten phases.warm_up or phases.measure";
        return conflict("workload.hot_keys", problem, fix);
    }
    Ok(())
}

fn faults(scenario: &Scenario) -> Result<(), ScenarioError> {
    let (nodes, measure) = (scenario.cluster.nodes, scenario.phases.measure);
    if scenario.faults.len() > FAULTS_MAX {
        let problem = format!("is a list of {}, over the limit of {FAULTS_MAX}", scenario.faults.len());
        return conflict("fault", problem, "let one fault hit several nodes");
    }
    scenario.faults.iter().try_for_each(|fault| recurrence(fault, nodes))?;
    let (mut ended, mut ended_count) = (BTreeSet::<NodeId>::new(), 0usize);
    for fault in &scenario.faults {
        if fault.at >= measure {
            let (at, measure) = (format_duration(fault.at), format_duration(measure));
            let problem = format!("is {at}, but the measured phase lasts {measure}");
            return conflict("fault.at", problem, "lengthen phases.measure, or let the fault happen earlier");
        }
        let mut own = BTreeSet::new();
        let named = if fault.kind.ends_life() { &mut ended } else { &mut own };
        if let Victims::Nodes(list) = &fault.nodes {
            if let Some(id) = list.iter().find(|id| id.index() >= nodes) {
                let problem = format!("names node {}, which is not there", id.0);
                let fix = format!("nodes are numbered from 0 to {}", nodes - 1);
                return conflict("fault.nodes", problem, &fix);
            }
            if let Some(id) = list.iter().find(|id| !named.insert(**id)) {
                let problem = format!("names node {} twice", id.0);
                return conflict(
                    "fault.nodes",
                    problem,
                    "name each node once, for its life ends at most once",
                );
            }
        }
        if fault.kind.ends_life() {
            ended_count = ended_count.saturating_add(fault.nodes.count(nodes));
        }
    }
    if ended_count >= nodes {
        let problem = format!("makes {ended_count} of {nodes} nodes crash, leave or restart in all");
        return conflict("fault.nodes", problem, "leave at least one node to notice");
    }
    strikes(scenario)
}

/// A fault that comes again and again.
fn recurrence(fault: &Fault, nodes: usize) -> Result<(), ScenarioError> {
    let (Some(recurs), Some(lasts)) = (fault.recurs, fault.kind.lasts()) else { return Ok(()) };
    if lasts >= recurs.every {
        let (lasts, every) = (format_duration(lasts), format_duration(recurs.every));
        let problem = format!("is {every}, but the fault lasts {lasts} each time");
        return conflict("fault.every", problem, "lengthen it, or shorten fault.for");
    }
    let times = recurs.during.as_nanos().div_ceil(recurs.every.as_nanos()) as f64;
    let spells = times * fault.nodes.count(nodes) as f64;
    if spells > SPELLS_MAX {
        let during = format_duration(recurs.during);
        let problem = format!("is {during}, which makes {spells:.0} spells, over the limit of {SPELLS_MAX}");
        return conflict("fault.during", problem, "shorten it, lengthen fault.every or hit fewer nodes");
    }
    Ok(())
}

/// What shows only when nodes are drawn.
fn strikes(scenario: &Scenario) -> Result<(), ScenarioError> {
    let strikes = match scenario.draw() {
        Ok(strikes) => strikes,
        Err(Shortage { asked, left }) => {
            let problem = format!("asks for {asked} nodes, and {left} are left to draw from");
            let fix =
                "ask for fewer: those that end elsewhere are not drawn, nor seeds that others join through";
            return conflict("fault.nodes", problem, fix);
        }
    };
    if let Err(Deserted { at }) = scenario.pass(&strikes) {
        let (rate, at) =
            (scenario.workload.leaves_per_second, format_duration(Duration::from_secs(at.as_secs())));
        let problem = format!(
            "is {rate}, but {at} into the measured phase nobody is left that no fault hits and nobody joins through"
        );
        return conflict("workload.leaves_per_second", problem, "lower it, or let more nodes join");
    }
    let of_links =
        |kind| matches!(kind, FaultKind::Partition { .. } | FaultKind::Loss { .. } | FaultKind::Slow { .. });
    let nodes = scenario.cluster.nodes;
    if let Some(strike) = strikes.iter().find(|strike| of_links(strike.kind) && strike.nodes.len() == nodes) {
        let problem = format!("makes a {} between all {nodes} nodes and no others", strike.kind.name());
        return conflict("fault.nodes", problem, "leave at least one node out, or set [network] for all");
    }
    Ok(())
}

fn conflict(key: &'static str, problem: String, fix: &str) -> Result<(), ScenarioError> {
    Err(ScenarioError::Conflict { key, problem, fix: fix.to_owned() })
}
