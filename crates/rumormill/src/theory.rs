//! What the literature says of a variant's convergence, where one of its models is what the variant does.

use std::time::Duration;

use humantime::format_duration;
use rumormill_epidemic::{Flood, Told};
use rumormill_lab::{Dissemination, PeersMode, Scenario, StateMode};
use rumormill_report::Theory;

use crate::{RUMORMILL, plan::Variant};

/// Below this a cluster is no crowd: the models are limits for many nodes.
const NODES_LEAST: usize = 50;

pub(crate) fn of(variant: &Variant) -> Option<Theory> {
    let scenario = &variant.scenario;
    if variant.protocol != RUMORMILL || scenario.cluster.nodes < NODES_LEAST {
        return None;
    }
    let (told, interval) = told(scenario)?;
    let latency = scenario.network.latency;
    let flood = Flood {
        nodes: scenario.cluster.nodes as u32,
        told,
        interval_seconds: interval.as_secs_f64(),
        latency_seconds: latency.as_secs_f64(),
    };
    let model = format!(
        "{} every {}, links of {}, nothing lost (mean field)",
        in_words(told),
        format_duration(interval),
        format_duration(latency)
    );
    Some(Theory { model, points: flood.curve() })
}

/// Whom nodes tell, and how often; nothing where no model of ours is what they do.
fn told(scenario: &Scenario) -> Option<(Told, Duration)> {
    let node = &scenario.node;
    let degree = node.partners.min(scenario.cluster.nodes - 1) as u32;
    match (node.state, node.dissemination, node.peers) {
        (StateMode::Full, _, PeersMode::Sticky) => Some((Told::OnePartner { degree }, node.full_interval)),
        (StateMode::Delta, Dissemination::Push, PeersMode::Sticky) => {
            Some((Told::Partners { degree, fanout: node.fanout as u32 }, node.gossip_interval))
        }
        (StateMode::Delta, Dissemination::Push | Dissemination::Auto, PeersMode::Uniform) => {
            Some((Told::Anybody { fanout: node.fanout as u32 }, node.gossip_interval))
        }
        _ => None,
    }
}

fn in_words(told: Told) -> String {
    match told {
        Told::Anybody { fanout } => format!("push to {fanout} of all nodes"),
        Told::Partners { degree, fanout } => {
            format!("flood over a random graph of degree {degree}, {fanout} partners")
        }
        Told::OnePartner { degree } => format!("push to 1 of {degree} partners"),
    }
}
