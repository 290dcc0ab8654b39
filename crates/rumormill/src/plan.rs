use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use humantime::format_duration;
use rumormill_lab::{Draft, Scenario, StateMode};
use rumormill_measure::World;

use crate::{
    Failure,
    arguments::{Command, Common, Run},
    capacity,
    registry::{self, Launch, RUMORMILL},
};

/// The largest scenario file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is to be done, checked.
pub(crate) enum Task {
    /// Print this scenario file.
    Print(String),
    /// Run these variants.
    Measure(Box<Plan>),
}

/// Variants to measure, and where the result goes.
pub(crate) struct Plan {
    /// What variants have in common.
    pub(crate) scenario: Scenario,
    /// In the order in which the result lists them.
    pub(crate) variants: Vec<Variant>,
    pub(crate) world: World,
    pub(crate) launch: Launch,
    pub(crate) out: Option<PathBuf>,
    pub(crate) overwrite: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// One entry of the result.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) scenario: Scenario,
}

impl Task {
    /// Resolves the command line to work that this machine can hold. Reads the scenario file and writes nothing.
    pub(crate) fn resolve(command: Command) -> Result<Self, Failure> {
        match command {
            Command::Compare(common) => compare(common).map(Box::new).map(Self::Measure),
            Command::Run(run) if run.print => {
                run_scenario(&run).map(|scenario| Self::Print(scenario.to_toml()))
            }
            Command::Run(run) => {
                let scenario = run_scenario(&run)?;
                let variants = vec![variant(&scenario, scenario.node.state)];
                Plan::assemble(scenario, variants, run.common).map(Box::new).map(Self::Measure)
            }
        }
    }
}

impl Plan {
    fn assemble(scenario: Scenario, variants: Vec<Variant>, common: Common) -> Result<Self, Failure> {
        let Common { on: world, out, overwrite, json, quiet, .. } = common;
        capacity::check(scenario.cluster.nodes, capacity::Limits::here()).map_err(Failure::BadInput)?;
        let launch = registry::find(RUMORMILL, world).ok_or_else(|| {
            Failure::BadInput(format!("the protocol {RUMORMILL} has no cluster in the world {world}"))
        })?;
        Ok(Self { scenario, variants, world, launch, out, overwrite, json, quiet })
    }

    /// The longest the phases of all variants can last; booting comes on top.
    pub(crate) fn duration_max(&self) -> Duration {
        let phases = |variant: &Variant| {
            let phases = &variant.scenario.phases;
            phases.warm_up + phases.measure + phases.cool_down
        };
        self.variants.iter().map(phases).sum()
    }

    /// The scenario file that repeats this run, or one variant of it.
    pub(crate) fn scenario_toml(&self) -> String {
        let names: Vec<_> = self.variants.iter().map(|variant| format!("\"{}\"", variant.name)).collect();
        let differ = match names.as_slice() {
            [_] => String::new(),
            names => format!(
                "# What the variants have in common. They differ in node.state alone: {}.\n",
                names.join(" and ")
            ),
        };
        differ + &self.scenario.to_toml()
    }
}

fn compare(common: Common) -> Result<Plan, Failure> {
    let scenario = finish(Draft::preset("compare").map_err(bad)?, &common)?;
    if scenario.node.state != StateMode::Delta {
        let problem =
            "node.state cannot be set, for compare runs all its values: use run to measure one alone";
        return Err(Failure::BadInput(problem.into()));
    }
    let variants = [StateMode::Full, StateMode::Delta].map(|state| variant(&scenario, state)).into();
    Plan::assemble(scenario, variants, common)
}

fn variant(scenario: &Scenario, state: StateMode) -> Variant {
    let mut scenario = scenario.clone();
    scenario.node.state = state;
    let name = match state {
        StateMode::Delta => "delta",
        StateMode::Full => "full",
    };
    Variant { name, scenario }
}

fn run_scenario(run: &Run) -> Result<Scenario, Failure> {
    let draft = match (&run.source.file, &run.source.preset) {
        (Some(path), _) => {
            let in_file = |problem: String| Failure::BadInput(format!("{}: {problem}", path.display()));
            let mut draft = Draft::default();
            let text = read(path).map_err(in_file)?;
            draft.overlay(&text).map_err(|error| in_file(error.to_string()))?;
            draft
        }
        (None, Some(name)) => Draft::preset(name).map_err(bad)?,
        (None, None) => return Err(Failure::BadInput("a scenario file or --preset is missing".into())),
    };
    finish(draft, &run.common)
}

fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read the scenario file: {error}");
    let mut text = String::new();
    File::open(path).map_err(cannot)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("the scenario file is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// Lays the options over a scenario: first the named ones, then `--set` in the order given.
fn finish(mut draft: Draft, common: &Common) -> Result<Scenario, Failure> {
    for (option, key, value) in
        [("--nodes", "cluster.nodes", &common.nodes), ("--seed", "seed", &common.seed)]
    {
        if let Some(value) = value {
            set(&mut draft, &format!("{option} {value}"), &format!("{key}={value}"))?;
        }
    }
    if let Some(text) = &common.seconds {
        let option = format!("--seconds {text}");
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let seconds = seconds.ok_or_else(|| {
            Failure::BadInput(format!("{option}: a number of seconds is wanted, such as 30"))
        })?;
        set(&mut draft, &option, &format!("phases.measure={}", format_duration(seconds)))?;
    }
    for setting in &common.set {
        set(&mut draft, &format!("--set {setting}"), setting)?;
    }
    draft.finish().map_err(bad)
}

fn set(draft: &mut Draft, option: &str, setting: &str) -> Result<(), Failure> {
    draft.set(setting).map_err(|error| Failure::BadInput(format!("{option}: {error}")))
}

fn bad(error: rumormill_lab::ScenarioError) -> Failure {
    Failure::BadInput(error.to_string())
}
