use std::sync::Arc;

use rumormill_lab::{Cluster, ClusterError, Scenario};
use rumormill_link::LinkConfig;
use rumormill_node::Node;
use rumormill_protocol::Protocol;
use rumormill_quic::{Berths, Share};
use rumormill_rivals::{AllToAll, Central};

use crate::{
    Failure, settings,
    worlds::{self, Setting},
};

/// The protocol of this project.
pub const RUMORMILL: &str = "rumormill";

/// The protocols that can be measured, by name, and how a scenario becomes the settings of each. The one place that
/// knows both protocols and worlds.
pub struct Registry {
    entries: Vec<Entry>,
}

struct Entry {
    protocol: &'static str,
    bounds: Box<Bounds>,
    launch: Box<Launch>,
}

/// How a node's connections are bounded, or why a scenario is too much for the protocol.
type Bounds = dyn Fn(&Scenario, &Setting) -> Result<LinkConfig, String>;

/// Makes a scenario's cluster.
type Launch = dyn Fn(
    &Scenario,
    &Setting,
    LinkConfig,
    Option<(Berths, Share)>,
) -> Result<Box<dyn Cluster>, ClusterError>;

impl Registry {
    /// No protocols.
    pub const fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// Our own node and the baselines.
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.add_bounded::<Node>(RUMORMILL, settings::node_bounds, |scenario, setting| {
            Arc::new(settings::node(scenario, setting))
        });
        registry.add_bounded::<AllToAll>("all-to-all", settings::all_to_all_bounds, settings::all_to_all);
        registry.add_bounded::<Central>("central", settings::central_bounds, settings::central);
        registry
    }

    /// Adds a protocol under a name, in place of one that had it. `config` makes its settings from a scenario.
    pub fn add<P>(&mut self, name: &'static str, config: impl Fn(&Scenario, &Setting) -> P::Config + 'static)
    where
        P: Protocol + Send + 'static,
        P::Message: 'static,
    {
        self.add_bounded::<P>(name, |_, _| Ok(LinkConfig::default()), config);
    }

    /// Adds a protocol whose nodes need other bounds for their connections than the usual. `bounds` says how many, or in a
    /// sentence why a scenario is too much.
    pub fn add_bounded<P>(
        &mut self,
        name: &'static str,
        bounds: impl Fn(&Scenario, &Setting) -> Result<LinkConfig, String> + 'static,
        config: impl Fn(&Scenario, &Setting) -> P::Config + 'static,
    ) where
        P: Protocol + Send + 'static,
        P::Message: 'static,
    {
        self.entries.retain(|entry| entry.protocol != name);
        let launch = move |scenario: &Scenario, setting: &Setting, links, share| {
            worlds::launch::<P>(scenario, setting, links, config(scenario, setting), share)
        };
        self.entries.push(Entry { protocol: name, bounds: Box::new(bounds), launch: Box::new(launch) });
    }

    /// The names of all protocols, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.iter().map(|entry| entry.protocol)
    }

    /// The protocol that an option names.
    ///
    /// # Errors
    /// When there is no such protocol.
    pub(crate) fn named(&self, option: &str, protocol: &str) -> Result<&'static str, Failure> {
        self.names().find(|name| *name == protocol).ok_or_else(|| {
            let names: Vec<_> = self.names().collect();
            let protocol = protocol.escape_debug();
            Failure::BadInput(format!(
                "{option} names \"{protocol}\", but the protocols are {}",
                names.join(", ")
            ))
        })
    }

    /// Why a scenario is too much for a protocol, in a sentence.
    pub(crate) fn refusal(&self, protocol: &str, scenario: &Scenario, setting: &Setting) -> Option<String> {
        (self.find(protocol)?.bounds)(scenario, setting).err()
    }

    /// Makes a scenario's cluster, of a protocol that there is.
    ///
    /// # Errors
    /// When the cluster cannot be made, or the protocol refuses the scenario.
    pub(crate) fn launch(
        &self,
        protocol: &str,
        scenario: &Scenario,
        setting: &Setting,
    ) -> Result<Box<dyn Cluster>, ClusterError> {
        self.launch_in(protocol, scenario, setting, None)
    }

    /// Makes one process's share of a scenario's cluster of real nodes.
    ///
    /// # Errors
    /// As of [`launch`](Self::launch).
    pub(crate) fn launch_share(
        &self,
        protocol: &str,
        scenario: &Scenario,
        setting: &Setting,
        share: (Berths, Share),
    ) -> Result<Box<dyn Cluster>, ClusterError> {
        self.launch_in(protocol, scenario, setting, Some(share))
    }

    fn launch_in(
        &self,
        protocol: &str,
        scenario: &Scenario,
        setting: &Setting,
        share: Option<(Berths, Share)>,
    ) -> Result<Box<dyn Cluster>, ClusterError> {
        let entry =
            self.find(protocol).ok_or_else(|| ClusterError::Lost(format!("the protocol {protocol}")))?;
        let links = (entry.bounds)(scenario, setting).map_err(ClusterError::Lost)?;
        (entry.launch)(scenario, setting, links, share)
    }

    fn find(&self, protocol: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.protocol == protocol)
    }
}
