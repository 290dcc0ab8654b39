use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use humantime::format_duration;
use rumormill_lab::{Draft, Scenario, StateMode};
use rumormill_measure::{Reduction, World};

use crate::{
    Failure,
    arguments::{Command, Common, Run},
    capacity, full_state, presets,
    registry::{self, Launch, RUMORMILL},
};

/// The largest scenario file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is to be done, checked.
pub(crate) enum Task {
    /// Print this text: a scenario file, or the list of presets.
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
    /// How much less often than asked it sends the whole state.
    pub(crate) reduction: Option<Reduction>,
}

impl Task {
    /// Resolves the command line to work that this machine can hold. Reads the scenario file and writes nothing.
    pub(crate) fn resolve(command: Command) -> Result<Self, Failure> {
        match command {
            Command::Compare(common) => compare(common).map(Box::new).map(Self::Measure),
            Command::Run(run) if run.source.list => Ok(Self::Print(presets::list())),
            Command::Run(run) if run.print => {
                run_scenario(&run).map(|scenario| Self::Print(scenario.to_toml()))
            }
            Command::Run(run) => {
                let scenario = run_scenario(&run)?;
                if let Some(reduction) = needed_reduction(&scenario, &run.common) {
                    return Err(Failure::BadInput(full_state::refusal(&scenario, &reduction)));
                }
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

    /// The longest the phases of all variants can last; booting and settling come on top.
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
        let reduced = self.variants.iter().filter(|variant| variant.reduction.is_some()).map(|variant| {
            let used = format_duration(variant.scenario.node.full_interval);
            format!(
                "# \"{}\" was measured at a node.full_interval of {used}, which this machine carries.\n",
                variant.name
            )
        });
        differ + &reduced.collect::<String>() + &self.scenario.to_toml()
    }
}

fn compare(common: Common) -> Result<Plan, Failure> {
    let scenario = finish(Draft::preset("compare").map_err(bad)?, &common)?;
    if scenario.node.state != StateMode::Delta {
        let problem =
            "node.state cannot be set, for compare runs all its values: use run to measure one alone";
        return Err(Failure::BadInput(problem.into()));
    }
    let mut full = variant(&scenario, StateMode::Full);
    full.reduction = needed_reduction(&full.scenario, &common);
    if let Some(reduction) = &full.reduction {
        full.scenario.node.full_interval = full_state::used_interval(reduction);
    }
    let variants = vec![full, variant(&scenario, StateMode::Delta)];
    Plan::assemble(scenario, variants, common)
}

/// What has to be sent less often for this machine to carry the scenario, unless that is not to be asked.
fn needed_reduction(scenario: &Scenario, common: &Common) -> Option<Reduction> {
    let cores = full_state::cores().filter(|_| common.on == World::Local && !common.force)?;
    full_state::reduction(scenario, cores)
}

fn variant(scenario: &Scenario, state: StateMode) -> Variant {
    let mut scenario = scenario.clone();
    scenario.node.state = state;
    let name = match state {
        StateMode::Delta => "delta",
        StateMode::Full => "full",
    };
    Variant { name, scenario, reduction: None }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Request};

    fn task(options: &str) -> Result<Task, Failure> {
        let line = ["rumormill"].into_iter().chain(options.split_whitespace());
        match Arguments::read(line.map(Into::into)).expect("a valid command line") {
            Request::Work(command) => Task::resolve(command),
            Request::Text(text) => panic!("no work but {text}"),
        }
    }

    fn plan(options: &str) -> Box<Plan> {
        match task(options).expect("a valid scenario") {
            Task::Measure(plan) => plan,
            Task::Print(text) => panic!("no run but {text}"),
        }
    }

    /// No machine carries as much as this.
    const TOO_MUCH: &str = "--nodes 10 --set cluster.keys_per_node=1024 --set cluster.value_bytes=65536 \
                            --set node.full_interval=1ms";

    #[test]
    fn compare_sends_full_state_less_often_where_it_does_not_fit_and_leaves_delta_alone() {
        let plan = plan(&format!("compare {TOO_MUCH}"));
        let [full, delta] = plan.variants.as_slice() else { panic!("two variants") };
        let reduction = full.reduction.expect("it does not fit");
        let used = full.scenario.node.full_interval;
        assert_eq!(used, Duration::from_micros(reduction.used_interval_us));
        assert!(used >= Duration::from_secs(1) && used.subsec_nanos() == 0, "{used:?}");
        assert_eq!(delta.scenario.node.full_interval, Duration::from_millis(1));
        assert_eq!(delta.reduction, None);
        assert!(plan.scenario_toml().contains("\"full\" was measured at a node.full_interval of "));
    }

    #[test]
    fn what_fits_and_what_is_forced_is_done_as_asked() {
        for options in ["compare --nodes 3".to_owned(), format!("compare --force {TOO_MUCH}")] {
            let plan = plan(&options);
            assert!(plan.variants.iter().all(|variant| variant.reduction.is_none()), "{options}");
            let asked = plan.scenario.node.full_interval;
            assert!(
                plan.variants.iter().all(|variant| variant.scenario.node.full_interval == asked),
                "{options}"
            );
        }
    }

    #[test]
    fn run_refuses_what_does_not_fit_unless_it_is_forced() {
        let full = format!("run --preset idle --set node.state=full {TOO_MUCH}");
        assert!(matches!(task(&full), Err(Failure::BadInput(sentence)) if sentence.contains("--force")));
        assert!(task(&format!("{full} --force")).is_ok());
        assert!(task(&format!("run --preset idle {TOO_MUCH}")).is_ok(), "deltas are not estimated");
    }
}
