//! What must hold between settings that are fine each by itself.

use std::collections::BTreeSet;

use humantime::format_duration;
use rumormill_protocol::NodeId;

use super::{Boot, Scenario, ScenarioError, Victims};

/// The most bytes of values in a cluster: each value is kept once per process, next to everything else.
const STATE_BYTES_MAX: usize = 1 << 30;

/// The most writes of one measured phase: the recorder follows each of them to each node.
const WRITES_MAX: f64 = 1e6;

/// The most faults of one scenario.
const FAULTS_MAX: usize = 1000;

pub(super) fn check(scenario: &Scenario) -> Result<(), ScenarioError> {
    cluster(scenario)?;
    node(scenario)?;
    workload(scenario)?;
    faults(scenario)
}

fn cluster(scenario: &Scenario) -> Result<(), ScenarioError> {
    let cluster = &scenario.cluster;
    if cluster.boot == Boot::Join && cluster.seeds > cluster.nodes {
        let problem = format!("is {}, more than the {} nodes there are", cluster.seeds, cluster.nodes);
        return conflict("cluster.seeds", problem, "give at most cluster.nodes");
    }
    let value_bytes = cluster.value_bytes.max(scenario.workload.write_bytes);
    let state_bytes = cluster.nodes * cluster.keys_per_node * value_bytes;
    if state_bytes > STATE_BYTES_MAX {
        let problem = format!(
            "is {}, which makes {} nodes hold up to {state_bytes} bytes of {value_bytes}-byte values, over the limit of \
             {STATE_BYTES_MAX}",
            cluster.keys_per_node, cluster.nodes
        );
        let fix = "lower cluster.keys_per_node, cluster.value_bytes or workload.write_bytes";
        return conflict("cluster.keys_per_node", problem, fix);
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

fn workload(scenario: &Scenario) -> Result<(), ScenarioError> {
    let rate = scenario.workload.writes_per_second;
    if rate > 0.0 && scenario.cluster.keys_per_node == 0 {
        let problem = format!("is {rate}, but cluster.keys_per_node is 0 and there is no key to write");
        return conflict("workload.writes_per_second", problem, "give nodes at least one key, or no writes");
    }
    let writes = rate * scenario.phases.measure.as_secs_f64();
    if writes > WRITES_MAX {
        let problem = format!("is {rate}, which makes {writes:.0} writes, over the limit of {WRITES_MAX}");
        return conflict("workload.writes_per_second", problem, "lower it or phases.measure");
    }
    Ok(())
}

fn faults(scenario: &Scenario) -> Result<(), ScenarioError> {
    let (nodes, measure) = (scenario.cluster.nodes, scenario.phases.measure);
    if scenario.faults.len() > FAULTS_MAX {
        let problem = format!("is a list of {}, over the limit of {FAULTS_MAX}", scenario.faults.len());
        return conflict("fault", problem, "let one fault hit several nodes");
    }
    let (mut named, mut crashed) = (BTreeSet::<NodeId>::new(), 0usize);
    for fault in &scenario.faults {
        if fault.at >= measure {
            let (at, measure) = (format_duration(fault.at), format_duration(measure));
            let problem = format!("is {at}, but the measured phase lasts {measure}");
            return conflict("fault.at", problem, "lengthen phases.measure, or let the fault happen earlier");
        }
        if let Victims::Nodes(list) = &fault.nodes {
            if let Some(id) = list.iter().find(|id| id.index() >= nodes) {
                let problem = format!("names node {}, which is not there", id.0);
                return conflict(
                    "fault.nodes",
                    problem,
                    &format!("nodes are numbered from 0 to {}", nodes - 1),
                );
            }
            if let Some(id) = list.iter().find(|id| !named.insert(**id)) {
                let problem = format!("names node {} twice", id.0);
                return conflict("fault.nodes", problem, "name each node once, for a crashed one stays so");
            }
        }
        crashed = crashed.saturating_add(fault.nodes.count(nodes));
    }
    if crashed >= nodes {
        let problem = format!("makes {crashed} of {nodes} nodes crash in all");
        return conflict("fault.nodes", problem, "leave at least one node to notice");
    }
    Ok(())
}

fn conflict(key: &'static str, problem: String, fix: &str) -> Result<(), ScenarioError> {
    Err(ScenarioError::Conflict { key, problem, fix: fix.to_owned() })
}
