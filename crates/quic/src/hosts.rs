use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Instant,
};

use quinn_proto::{EndpointConfig, TransportConfig};
use rumormill_crypto::{Credentials, real::identify};
use rumormill_link::{HostConfig, LinkConfig, NetworkConfig, transport};
use rumormill_protocol::{Contact, Purpose, Start, stream};

use crate::{LocalSpec, port::Numbers, shard::Seed};

/// What all hosts of a cluster have in common.
pub(crate) struct Hosts {
    seed: u64,
    epoch: Instant,
    endpoint: EndpointConfig,
    transport: Arc<TransportConfig>,
    links: LinkConfig,
    book: Arc<[SocketAddr]>,
    network: NetworkConfig,
    numbers: Arc<Numbers>,
}

impl Hosts {
    pub(crate) fn new<C>(spec: &LocalSpec<C>, epoch: Instant, contacts: &[Contact]) -> Self {
        Self {
            seed: spec.seed,
            epoch,
            endpoint: EndpointConfig::default(),
            transport: transport(spec.idle_timeout),
            links: spec.links.clone(),
            book: contacts.iter().map(|contact| contact.address).collect(),
            network: spec.network.clone(),
            numbers: Arc::new(contacts.iter().map(|contact| (contact.address, contact.id)).collect()),
        }
    }

    /// All that one node begins with.
    pub(crate) fn seed(&self, contact: Contact, socket: UdpSocket, credentials: Credentials) -> Seed {
        Seed {
            socket,
            network: self.network.clone(),
            numbers: self.numbers.clone(),
            host: self.config(contact, credentials),
        }
    }

    fn config(&self, contact: Contact, credentials: Credentials) -> HostConfig {
        let seed = |purpose| stream(self.seed, purpose, Some(contact.id));
        HostConfig {
            start: Start {
                me: contact.id,
                address: contact.address,
                generation: 0,
                seed: seed(Purpose::Protocol),
            },
            epoch: self.epoch,
            seed: seed(Purpose::Network),
            endpoint: self.endpoint.clone(),
            server: credentials.server,
            client: credentials.client,
            transport: self.transport.clone(),
            identify,
            links: self.links.clone(),
            book: self.book.clone(),
        }
    }
}
