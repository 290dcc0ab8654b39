use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{ArgAction, Args, value_parser};
use rumormill_fleet::launcher::kubernetes::Pods;
use rumormill_measure::World;

use super::{Fleet, OnLost};
use crate::{
    Failure, RUMORMILL,
    arguments::{Common, Run, Source},
};

const OF_FLEET: &str = "Options of the world fleet";

/// The most agents of a run.
const AGENTS_MAX: u16 = 1_024;

/// The largest file with names of hosts that is read.
const HOSTS_BYTES_MAX: u64 = 1 << 20;

pub(crate) const COORDINATE_EXAMPLES: &str = "\
Examples:
  rumormill coordinate --preset idle --agents 4 --listen 0.0.0.0:7777
  rumormill coordinate scenarios/fleet-demo.toml --agents 2 --listen 10.0.0.1:7777 --wait 5m

It prints the command that starts an agent on each host, and writes the token that admits it to --token-file.";

pub(crate) const AGENT_EXAMPLES: &str = "\
Examples:
  rumormill agent --coordinator 10.0.0.1:7777 --token-file rumormill.token
  ssh host rumormill agent --coordinator 10.0.0.1:7777 --token-file - < rumormill.token

It takes no scenario: what it carries comes from its coordinator, and it ends with the run. Exit codes: 0 the run ended,
2 the token does not read, 5 the coordinator refused it, is another run's, does not answer or is gone.";

/// What starts agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// Nothing: the command is printed, for people and for whatever else starts processes
    Print,
    /// OpenSSH, one agent on each of --hosts
    Ssh,
    /// Slurm's srun, one agent a node
    Slurm,
    /// Nothing: a manifest is written, and the kubectl commands are printed
    Kubernetes,
    /// This program, as processes on this machine
    Local,
}

impl fmt::Display for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Print => "print",
            Self::Ssh => "ssh",
            Self::Slurm => "slurm",
            Self::Kubernetes => "kubernetes",
            Self::Local => "local",
        })
    }
}

/// How a fleet comes together.
#[derive(Debug, Default, Args)]
pub(crate) struct FleetArguments {
    /// What starts the agents [default: print]
    #[arg(long, value_name = "ENGINE", help_heading = OF_FLEET)]
    pub(crate) engine: Option<Engine>,
    /// The hosts of agents: a,b,c or @FILE with one on each line
    #[arg(long, value_name = "HOSTS", help_heading = OF_FLEET)]
    pub(crate) hosts: Option<String>,
    /// How many agents [default: one a host]
    #[arg(long, value_name = "A", help_heading = OF_FLEET, value_parser = value_parser!(u16).range(1..=AGENTS_MAX as i64))]
    pub(crate) agents: Option<u16>,
    /// Where the coordinator listens [default: 0.0.0.0:0, any port; [::]:0 where network.ip is 6]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = OF_FLEET)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where agents find the coordinator [default: found out]
    #[arg(long, value_name = "HOST:PORT", help_heading = OF_FLEET)]
    pub(crate) advertise: Option<String>,
    /// What a lost agent means: end, or go-on without its nodes to a result that is not valid [default: end]
    #[arg(long, value_name = "WHAT", help_heading = OF_FLEET, hide_possible_values = true)]
    pub(crate) on_lost_agent: Option<OnLost>,
    /// How long agents are waited for, such as 90s [default: 1m, and 10m where people start them]
    #[arg(long, value_name = "TIME", help_heading = OF_FLEET, value_parser = humantime::parse_duration)]
    pub(crate) wait: Option<Duration>,
    /// The program on the agents' hosts [default: rumormill; of the engine local, this one]
    #[arg(long, value_name = "PATH", help_heading = OF_FLEET)]
    pub(crate) agent_program: Option<String>,
    /// Where the token is written for those who start agents; it is removed when all are there
    /// [default: rumormill.token]
    #[arg(long, value_name = "FILE", help_heading = OF_FLEET)]
    pub(crate) token_file: Option<PathBuf>,
    /// A configuration of ssh other than the usual
    #[arg(long, value_name = "FILE", help_heading = OF_FLEET)]
    pub(crate) ssh_config: Option<PathBuf>,
    /// A further option for srun; may be repeated
    #[arg(long, value_name = "OPTION", help_heading = OF_FLEET, action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) srun: Vec<String>,
    /// Of pods: the image that has the program
    #[arg(long, value_name = "IMAGE", help_heading = OF_FLEET)]
    pub(crate) image: Option<String>,
    /// Of pods: their cores [default: 2]
    #[arg(long, value_name = "CORES", help_heading = OF_FLEET)]
    pub(crate) pod_cpu: Option<String>,
    /// Of pods: their memory [default: 2Gi]
    #[arg(long, value_name = "MEMORY", help_heading = OF_FLEET)]
    pub(crate) pod_memory: Option<String>,
    /// Of pods: prints the manifest and the command that makes its Secret, and runs nothing
    #[arg(long, help_heading = OF_FLEET)]
    pub(crate) dry_run: bool,
}

/// What `coordinate` takes: a run whose agents others start.
#[derive(Debug, Args)]
pub(crate) struct Coordinate {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The protocol that the nodes speak
    #[arg(long, value_name = "NAME", default_value = RUMORMILL)]
    pub(crate) protocol: String,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) fleet: FleetArguments,
}

impl Coordinate {
    /// The same as a run.
    pub(crate) fn into_run(self) -> Result<Run, Failure> {
        let Self { source, protocol, mut common, mut fleet } = self;
        if common.on.is_some_and(|world| world != World::Fleet) {
            return Err(Failure::BadInput("--on cannot be set, for coordinate is of the world fleet".into()));
        }
        common.on = Some(World::Fleet);
        fleet.engine.get_or_insert(Engine::Print);
        Ok(Run { source, list: false, print: false, protocol, common, fleet })
    }
}

/// What `agent` takes.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// Where the coordinator listens
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) coordinator: String,
    /// The file with the run's token; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// How long the coordinator is tried for: it may be started after its agents
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) dial_for: Duration,
    /// For tests: how far ahead this host's clock is to seem
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) clock_ahead: Duration,
}

impl FleetArguments {
    /// An option that was given and means something on a fleet alone.
    pub(crate) const fn given(&self) -> Option<&'static str> {
        match self {
            Self { engine: Some(_), .. } => Some("--engine"),
            Self { hosts: Some(_), .. } => Some("--hosts"),
            Self { agents: Some(_), .. } => Some("--agents"),
            Self { listen: Some(_), .. } => Some("--listen"),
            Self { advertise: Some(_), .. } => Some("--advertise"),
            Self { on_lost_agent: Some(_), .. } => Some("--on-lost-agent"),
            Self { wait: Some(_), .. } => Some("--wait"),
            Self { agent_program: Some(_), .. } => Some("--agent-program"),
            Self { token_file: Some(_), .. } => Some("--token-file"),
            Self { ssh_config: Some(_), .. } => Some("--ssh-config"),
            Self { image: Some(_), .. } => Some("--image"),
            Self { pod_cpu: Some(_), .. } => Some("--pod-cpu"),
            Self { pod_memory: Some(_), .. } => Some("--pod-memory"),
            Self { dry_run: true, .. } => Some("--dry-run"),
            _ => None,
        }
    }

    /// The fleet that is asked for.
    pub(crate) fn fleet(&self, scenario: &str) -> Result<Arc<Fleet>, Failure> {
        let engine = self.engine.unwrap_or(Engine::Print);
        let hosts = self.hosts.as_deref().map(hosts).transpose()?.unwrap_or_default();
        if engine == Engine::Ssh && hosts.is_empty() {
            return Err(bad("--hosts is missing, which --engine ssh needs".into()));
        }
        let agents = match (self.agents.map(usize::from), hosts.len()) {
            (None, 0) => return Err(bad("--agents is missing: how many agents will dial in?".into())),
            (None, hosts) => hosts,
            (Some(agents), hosts) if engine == Engine::Ssh && agents != hosts => {
                let problem =
                    format!("--agents is {agents}, but --engine ssh starts one on each of {hosts} hosts");
                return Err(bad(problem));
            }
            (Some(agents), _) => agents,
        };
        let defaults = Fleet::local(agents);
        let by_hand = matches!(engine, Engine::Print | Engine::Kubernetes);
        let is_local = engine == Engine::Local;
        let program = if is_local { defaults.program } else { "rumormill".to_owned() };
        Ok(Arc::new(Fleet {
            agents,
            engine,
            hosts,
            listen: self.listen,
            advertise: self.advertise.clone(),
            on_loss: self.on_lost_agent.unwrap_or(OnLost::End).into(),
            patience: self.wait.unwrap_or(Duration::from_secs(if by_hand { 600 } else { 60 })),
            program: self.agent_program.clone().unwrap_or(program),
            token_file: self.token_file.clone().unwrap_or_else(|| "rumormill.token".into()),
            ssh_config: self.ssh_config.clone(),
            srun_options: self.srun.clone(),
            pods: (engine == Engine::Kubernetes).then(|| self.pods(scenario, agents)).transpose()?,
        }))
    }

    fn pods(&self, scenario: &str, agents: usize) -> Result<Pods, Failure> {
        let image = self.image.clone();
        let image = image.ok_or_else(|| bad("--image is missing, which --engine kubernetes needs".into()))?;
        if self.advertise.is_none() {
            return Err(bad("--advertise is missing, which --engine kubernetes needs".into()));
        }
        let word = |text: &Option<String>, usual: &str| text.clone().unwrap_or_else(|| usual.to_owned());
        Ok(Pods {
            name: format!("rumormill-{}", label(scenario)),
            image,
            agents,
            cpu: word(&self.pod_cpu, "2"),
            memory: word(&self.pod_memory, "2Gi"),
        })
    }
}

/// A scenario's name as part of a name in Kubernetes: lower-case letters, digits and dashes, and not too long.
fn label(name: &str) -> String {
    let character = |character: char| {
        let lower = character.to_ascii_lowercase();
        if lower.is_ascii_alphanumeric() { lower } else { '-' }
    };
    let label: String = name.chars().take(40).map(character).collect();
    label.trim_matches('-').to_owned()
}

/// Names of hosts, from the option or the file that it names.
fn hosts(text: &str) -> Result<Vec<String>, Failure> {
    let list = match text.strip_prefix('@') {
        Some(file) => read(Path::new(file))?,
        None => text.replace(',', "\n"),
    };
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let hosts: Vec<String> = lines.map(str::to_owned).collect();
    match hosts.iter().find(|host| host.starts_with('-') || host.contains(char::is_whitespace)) {
        Some(host) => Err(bad(format!("--hosts names {}, which is no host", host.escape_debug()))),
        None if hosts.len() > usize::from(AGENTS_MAX) => {
            Err(bad(format!("--hosts names {} hosts, but {AGENTS_MAX} is the most", hosts.len())))
        }
        None => Ok(hosts),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let cannot = |why: String| bad(format!("--hosts: cannot read {}: {why}", file.display()));
    let length = fs::metadata(file).map_err(|error| cannot(error.to_string()))?.len();
    if length > HOSTS_BYTES_MAX {
        return Err(cannot(format!("it is longer than {HOSTS_BYTES_MAX} bytes")));
    }
    fs::read_to_string(file).map_err(|error| cannot(error.to_string()))
}

const fn bad(problem: String) -> Failure {
    Failure::BadInput(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_from_a_list_or_a_file() {
        assert_eq!(hosts("a, user@b,"), Ok(vec!["a".into(), "user@b".into()]));
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("hosts");
        fs::write(&file, "# ours\nc\n\n  d \n").expect("it can be written");
        assert_eq!(hosts(&format!("@{}", file.display())), Ok(vec!["c".into(), "d".into()]));
        for wrong in ["a,-oProxyCommand=x", "a b", "@/nowhere/at/all"] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ssh_starts_one_agent_on_each_host() {
        let asked = |agents, hosts: &str| FleetArguments {
            engine: Some(Engine::Ssh),
            hosts: Some(hosts.to_owned()),
            agents,
            ..FleetArguments::default()
        };
        assert_eq!(asked(None, "a,b").fleet("x").map(|fleet| fleet.agents), Ok(2));
        assert!(asked(Some(3), "a,b").fleet("x").is_err());
        assert!(FleetArguments::default().fleet("x").is_err(), "how many?");
        assert_eq!(label("Crash under_loss!"), "crash-under-loss");
    }
}
