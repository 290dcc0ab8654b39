use std::net::{IpAddr, SocketAddr};

use clap::ValueEnum;
use rumormill_fleet::{Hosting, Launch, Setup};
use rumormill_lab::{Cluster, Scenario, raise_descriptor_limit};
use rumormill_measure::World;
use rumormill_protocol::NodeId;
use rumormill_quic::{Berths, Share};

use crate::{Crypto, Fidelity, Registry, Setting, ViewMode};

/// Brings the nodes of an agent's share to life in this process.
pub(crate) struct Nodes<'a> {
    registry: &'a Registry,
    prepared: Option<Prepared>,
}

struct Prepared {
    protocol: &'static str,
    scenario: Scenario,
    setting: Setting,
    first: NodeId,
    berths: Berths,
}

impl<'a> Nodes<'a> {
    pub(crate) const fn new(registry: &'a Registry) -> Self {
        Self { registry, prepared: None }
    }
}

impl Hosting for Nodes<'_> {
    fn prepare(
        &mut self,
        setup: &Setup,
        scenario: &Scenario,
        address: IpAddr,
    ) -> Result<Vec<SocketAddr>, String> {
        let protocol =
            self.registry.named("the coordinator", &setup.protocol).map_err(|failure| failure.to_string())?;
        let view = ViewMode::from_str(&setup.view, false)?;
        let shards = (setup.shards > 0).then_some(setup.shards as usize);
        let setting = Setting {
            world: World::Local,
            fidelity: Fidelity::Message,
            crypto: Crypto::Real,
            shards,
            view,
            fleet: None,
        };
        // What is not granted shows when sockets are opened.
        let _ = raise_descriptor_limit();
        let berths = Berths::bind(setup.nodes as usize, address).map_err(|error| error.to_string())?;
        let addresses = berths.addresses().to_vec();
        let first = NodeId(setup.first);
        self.prepared = Some(Prepared { protocol, scenario: scenario.clone(), setting, first, berths });
        Ok(addresses)
    }

    fn launch(&mut self, launch: Launch) -> Result<Box<dyn Cluster>, String> {
        let Launch { book, neighbours, authority } = launch;
        let prepared = self.prepared.take().ok_or("nodes are launched before they are prepared")?;
        let Prepared { protocol, scenario, setting, first, berths } = prepared;
        let share = Share { first, authority, book, neighbours };
        let launched = self.registry.launch_share(protocol, &scenario, &setting, (berths, share));
        launched.map_err(|error| error.to_string())
    }
}
