//! Clusters of nodes that chatter, and what tests do with them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rumormill_lab::{Action, Census, Cluster};
use rumormill_link::NetworkConfig;
use rumormill_protocol::{Command, NodeId, WarmBoot};
use rumormill_quic::{LocalCluster, LocalSpec};

use crate::chatter::{Chatter, Diary, Heard};

/// Nodes on a perfect network.
pub(crate) fn launch(nodes: usize, diary: &Diary) -> LocalCluster<Chatter> {
    launch_on(NetworkConfig::default(), nodes, diary)
}

pub(crate) fn launch_on(network: NetworkConfig, nodes: usize, diary: &Diary) -> LocalCluster<Chatter> {
    let idle_timeout = Duration::from_secs(2);
    let spec = LocalSpec { idle_timeout, network, ..LocalSpec::new(nodes, 1, diary.clone()) };
    LocalCluster::launch(spec).expect("a few nodes fit on any machine")
}

pub(crate) fn command_all(cluster: &mut LocalCluster<Chatter>, command: &Command) {
    for node in 0..cluster.nodes() as u32 {
        cluster.act(NodeId(node), Action::Command(command.clone())).expect("the cluster runs");
    }
}

pub(crate) fn warm(cluster: &mut LocalCluster<Chatter>) {
    let boot = WarmBoot::new(cluster.contacts(), Vec::new());
    command_all(cluster, &Command::Warm(Arc::new(boot)));
}

pub(crate) fn census(cluster: &mut LocalCluster<Chatter>) -> Census {
    cluster.census().expect("the cluster runs")
}

/// Lets the cluster run until `done`, and fails when that takes unreasonably long.
pub(crate) fn run_until(
    cluster: &mut LocalCluster<Chatter>,
    mut done: impl FnMut(&mut LocalCluster<Chatter>) -> bool,
) {
    let begun = Instant::now();
    while !done(cluster) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came about");
        cluster.advance_to(cluster.now() + Duration::from_millis(20)).expect("the cluster runs");
    }
}

pub(crate) fn is_greeting(heard: &Heard) -> bool {
    matches!(heard, Heard::Greeting(_))
}
