//! Clusters of several processes: what a command line asks for, and making it so.

use std::{
    env, fs,
    net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rumormill_fleet::{
    FleetCluster, FleetSpec, Gate, Muster, OnLoss, PROTOCOL_VERSION, Version,
    launcher::{
        Crew, Order,
        kubernetes::{self, Pods},
        local,
        print::{self, TokenFile},
        slurm, ssh,
    },
};

use rumormill_measure::IpVersion;

use crate::{Failure, plan};

mod agent;
mod arguments;
mod hosting;

pub(crate) use agent::serve;
pub(crate) use arguments::{AGENT_EXAMPLES, Agent, COORDINATE_EXAMPLES, Coordinate, Engine, FleetArguments};

/// Who carries the nodes, where it is not this process alone.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) agents: usize,
    pub(crate) engine: Engine,
    pub(crate) hosts: Vec<String>,
    /// Nothing where any port does.
    pub(crate) listen: Option<SocketAddr>,
    /// Where agents find the coordinator; nothing where that is to be found out.
    pub(crate) advertise: Option<String>,
    pub(crate) on_loss: OnLoss,
    pub(crate) patience: Duration,
    /// The program on the agents' hosts.
    pub(crate) program: String,
    pub(crate) token_file: PathBuf,
    pub(crate) ssh_config: Option<PathBuf>,
    pub(crate) srun_options: Vec<String>,
    pub(crate) pods: Option<Pods>,
}

impl Fleet {
    /// So many processes on this machine.
    pub(crate) fn local(processes: usize) -> Self {
        Self {
            agents: processes,
            engine: Engine::Local,
            hosts: Vec::new(),
            listen: None,
            advertise: None,
            on_loss: OnLoss::End,
            patience: Duration::from_secs(60),
            program: own_program(),
            token_file: PathBuf::new(),
            ssh_config: None,
            srun_options: Vec::new(),
            pods: None,
        }
    }

    /// Threads of each agent that carry nodes; 0 is one for each core of its machine.
    fn shards(&self, cores: usize) -> u32 {
        if self.engine == Engine::Local { (cores / self.agents.max(1)).max(1) as u32 } else { 0 }
    }

    /// Where agents are waited for whose nodes go by this version of IP.
    fn listen(&self, ip: IpVersion) -> SocketAddr {
        let usual = if self.engine == Engine::Local { ip.loopback() } else { ip.any() };
        self.listen.unwrap_or(SocketAddr::new(usual, 0))
    }

    /// Why nodes cannot go by this version of IP, in a sentence: they listen where agents reach the coordinator from. At
    /// [::] those of IPv4 reach it too.
    pub(crate) fn refusal(&self, ip: IpVersion) -> Option<String> {
        let listen = self.listen?;
        let is_any = listen.ip() == IpVersion::V6.any();
        (IpVersion::of(listen.ip()) != ip && !is_any).then(|| {
            let example = SocketAddr::new(ip.any(), 0);
            format!(
                "--listen is {listen}, but network.ip is {}: give an {ip} address, such as {example}",
                u8::from(ip)
            )
        })
    }

    fn order(&self, gate: &Gate, ip: IpVersion) -> Result<Order, Failure> {
        let coordinator = match &self.advertise {
            Some(place) => place.clone(),
            None => self.reachable(gate.address()?, ip)?,
        };
        Ok(Order { program: self.program.clone(), coordinator, token: gate.token().clone() })
    }

    /// Where agents reach a socket of ours: where it listens at all addresses, the one that leads to the first host, or this
    /// host's name.
    fn reachable(&self, listens: SocketAddr, ip: IpVersion) -> Result<String, Failure> {
        if !listens.ip().is_unspecified() {
            return Ok(listens.to_string());
        }
        if let Some(address) = self.hosts.first().and_then(|host| address_toward(host, ip)) {
            return Ok(SocketAddr::new(address, listens.port()).to_string());
        }
        let name = fs::read_to_string("/proc/sys/kernel/hostname").map_err(|_| {
            Failure::BadInput("--advertise is missing, and this host's name cannot be found out".into())
        })?;
        Ok(format!("{}:{}", name.trim(), listens.port()))
    }

    /// What is to be done by hand.
    fn instruction(&self, order: &Order, manifest: Option<&str>) -> String {
        let agents = self.agents;
        match (&self.pods, manifest) {
            (Some(pods), Some(file)) => format!(
                "start {agents} agents with {} and {}",
                kubernetes::secret_command(pods, &self.token_file),
                kubernetes::start_command(file)
            ),
            _ => format!("start {agents} agents with {}", print::command(order, &self.token_file)),
        }
    }
}

/// This build: agents must be of the same.
pub(crate) fn version() -> Version {
    let tool = concat!("rumormill ", env!("CARGO_PKG_VERSION"), " of commit ", env!("RUMORMILL_COMMIT"));
    Version { protocol: PROTOCOL_VERSION, tool: tool.into() }
}

/// Starts what is to be started, waits for the agents, and makes the cluster of a variant. What was started is to be kept
/// until the cluster has ended.
pub(crate) fn launch(
    fleet: &Fleet,
    variant: &plan::Variant,
    cores: usize,
    interrupted: &dyn Fn() -> bool,
    say: &mut dyn FnMut(&str),
) -> Result<(FleetCluster, Crew), Failure> {
    let ip = variant.scenario.network.ip;
    let gate = Gate::open(fleet.listen(ip), fleet.agents, version())?;
    let order = fleet.order(&gate, ip)?;
    let mut by_hand = None;
    let crew = match fleet.engine {
        Engine::Local => local::start(&order, fleet.agents),
        Engine::Ssh => ssh::start(&order, &fleet.hosts, fleet.ssh_config.as_deref()),
        Engine::Slurm => slurm::start(&order, fleet.agents, &fleet.srun_options),
        Engine::Print | Engine::Kubernetes => {
            by_hand = Some(ByHand::prepare(fleet, &order, say)?);
            Ok(Crew::default())
        }
    };
    let mut crew = crew.map_err(Failure::Undone)?;
    let spec = FleetSpec {
        protocol: variant.protocol.to_owned(),
        scenario: variant.scenario.to_toml(),
        view: variant.setting.view.name().to_owned(),
        shards: fleet.shards(cores),
        nodes: variant.scenario.nodes_ever(),
        on_loss: fleet.on_loss,
    };
    let muster = Muster { patience: fleet.patience, interrupted, watch: &mut || crew.look(), say };
    let cluster = FleetCluster::launch(gate, spec, muster)?;
    drop(by_hand);
    Ok((cluster, crew))
}

/// Files for people to start agents with; they go when all agents are there.
struct ByHand {
    _token: TokenFile,
    manifest: Option<PathBuf>,
}

impl ByHand {
    fn prepare(fleet: &Fleet, order: &Order, say: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let cannot = |path: &PathBuf, error: std::io::Error| {
            Failure::Undone(format!("cannot write {}: {error}", path.display()))
        };
        let file = &fleet.token_file;
        let token = TokenFile::write(file, &order.token).map_err(|error| cannot(file, error))?;
        let manifest = match &fleet.pods {
            None => None,
            Some(pods) => {
                let path = file.with_extension("job.json");
                fs::write(&path, kubernetes::manifest(order, pods)).map_err(|error| cannot(&path, error))?;
                Some(path)
            }
        };
        let name = manifest.as_ref().map(|path| path.display().to_string());
        say(&fleet.instruction(order, name.as_deref()));
        Ok(Self { _token: token, manifest })
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        if let Some(path) = &self.manifest {
            // It has done its work.
            let _ = fs::remove_file(path);
        }
    }
}

/// What `--dry-run` prints: the manifest, and as comments what is to be done with it.
pub(crate) fn dry_run(fleet: &Arc<Fleet>) -> Result<String, Failure> {
    let (Some(pods), Some(coordinator)) = (&fleet.pods, &fleet.advertise) else {
        return Err(Failure::BadInput("--dry-run needs --engine kubernetes and --advertise".into()));
    };
    // The manifest holds nothing of the token, so any will do.
    let gate = Gate::open(([127, 0, 0, 1], 0).into(), fleet.agents, version())?;
    let (program, token) = (fleet.program.clone(), gate.token().clone());
    let order = Order { program, coordinator: coordinator.clone(), token };
    Ok(format!(
        "# {}\n# {}\n{}",
        kubernetes::secret_command(pods, &fleet.token_file),
        kubernetes::start_command("this-file"),
        kubernetes::manifest(&order, pods)
    ))
}

/// The address of this host from which another is reached by this version of IP. Nothing is sent: the kernel looks up the
/// route.
fn address_toward(host: &str, ip: IpVersion) -> Option<IpAddr> {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let address = (host, 9).to_socket_addrs().ok()?.find(|address| IpVersion::of(address.ip()) == ip)?;
    let socket = UdpSocket::bind((ip.any(), 0)).ok()?;
    socket.connect(address).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Where this program is; by its name where that cannot be found out.
fn own_program() -> String {
    env::current_exe().map_or_else(|_| "rumormill".to_owned(), |path| path.display().to_string())
}

impl From<OnLost> for OnLoss {
    fn from(on_lost: OnLost) -> Self {
        match on_lost {
            OnLost::End => Self::End,
            OnLost::GoOn => Self::GoOn,
        }
    }
}

/// What a lost agent means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnLost {
    /// The run ends, with exit code 5
    End,
    /// It goes on without its nodes, and the result is not valid
    GoOn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_reached_from_an_address_of_the_version_that_is_asked_for() {
        assert_eq!(address_toward("127.0.0.1", IpVersion::V4), Some(IpVersion::V4.loopback()));
        let there = UdpSocket::bind((IpVersion::V6.loopback(), 0)).is_ok();
        let found = address_toward("user@::1", IpVersion::V6);
        assert_eq!(found, there.then_some(IpVersion::V6.loopback()));
        assert_eq!(address_toward("::1", IpVersion::V4), None);
        assert_eq!(address_toward("127.0.0.1", IpVersion::V6), None);
    }

    #[test]
    fn where_nothing_is_said_agents_are_waited_for_by_the_version_of_their_nodes() {
        let mut fleet = Fleet::local(2);
        assert_eq!(fleet.listen(IpVersion::V6).to_string(), "[::1]:0");
        fleet.engine = Engine::Print;
        assert_eq!(
            [IpVersion::V4, IpVersion::V6].map(|ip| fleet.listen(ip).to_string()),
            ["0.0.0.0:0", "[::]:0"]
        );
        fleet.listen = Some(fleet.listen(IpVersion::V6));
        assert_eq!([IpVersion::V4, IpVersion::V6].map(|ip| fleet.refusal(ip)), [None, None]);
    }
}
