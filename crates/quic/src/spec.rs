use std::{thread, time::Duration};

use rumormill_link::{LinkConfig, NetworkConfig};

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct LocalSpec<C> {
    /// How many nodes.
    pub nodes: usize,
    /// The run's seed.
    pub seed: u64,
    /// Threads that carry the nodes.
    pub shards: usize,
    /// The protocol's settings, the same for all nodes.
    pub config: C,
    /// The conditions that the nodes' packets meet before they reach the kernel.
    pub network: NetworkConfig,
    /// The connection policy.
    pub links: LinkConfig,
    /// After which a connection on which nothing arrives is down.
    pub idle_timeout: Duration,
}

impl<C> LocalSpec<C> {
    /// A cluster with a shard for each core, the usual connections and a perfect network.
    pub fn new(nodes: usize, seed: u64, config: C) -> Self {
        let shards = thread::available_parallelism().map_or(1, usize::from);
        Self {
            nodes,
            seed,
            shards,
            config,
            network: NetworkConfig::default(),
            links: LinkConfig::default(),
            idle_timeout: Duration::from_secs(30),
        }
    }
}
