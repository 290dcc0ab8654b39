use std::time::Duration;

use humantime::format_duration;
use rumormill_lab::{Resources, Scenario, StateMode};
use rumormill_measure::{Reduction, World};
use rumormill_report::result_schema;

use crate::{
    Failure, RUMORMILL, Registry, Setting,
    arguments::{self, Command, Common, Doctor},
    campaign::Campaign,
    capacity, compare,
    diff::Diff,
    epidemic,
    fleet::{self, Agent},
    full_state, heartbeats, presets,
    report::Report,
    source, worlds,
};

/// What is to be done, checked.
pub(crate) enum Task {
    /// Print this text: a scenario file, the list of presets or the schema of results.
    Print(String),
    /// Run these variants.
    Measure(Box<Campaign>),
    /// Look at this machine.
    Examine(Box<Doctor>),
    /// Make a run's files again.
    Report(Report),
    /// Hold two results against each other.
    Compare(Diff),
    /// Carry a share of another process's run.
    Serve(Box<Agent>),
}

/// Variants to measure side by side.
#[derive(Clone)]
pub(crate) struct Plan {
    /// What variants have in common.
    pub(crate) scenario: Scenario,
    /// In the order in which the result lists them; at least one.
    pub(crate) variants: Vec<Variant>,
}

/// One entry of the result.
#[derive(Clone)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) scenario: Scenario,
    /// Where its nodes live, and how.
    pub(crate) setting: Setting,
    /// How much less often than asked it sends the whole state.
    pub(crate) reduction: Option<Reduction>,
}

impl Task {
    /// Resolves the command line to work that this machine can hold. Reads the scenario file and writes nothing.
    pub(crate) fn resolve(command: Command, registry: &Registry) -> Result<Self, Failure> {
        let run = match command {
            Command::Compare(asked) => {
                return compare::campaign(asked, registry).map(Box::new).map(Self::Measure);
            }
            Command::Diff(asked) => return Ok(Self::Compare(asked)),
            Command::Completions(asked) => return Ok(Self::Print(arguments::completions(asked.shell))),
            Command::Doctor(asked) => return Ok(Self::Examine(Box::new(asked))),
            Command::Schema => return Ok(Self::Print(result_schema())),
            Command::Report(asked) => return Ok(Self::Report(asked)),
            Command::Run(run) if run.list => return Ok(Self::Print(presets::list())),
            Command::Run(run) => run,
            Command::Coordinate(asked) => asked.into_run()?,
            Command::Agent(asked) => return Ok(Self::Serve(Box::new(asked))),
        };
        let series = source::series(&run.source, run.common.world() == World::Sim, &run.common)?;
        if run.print {
            return Ok(Self::Print(series.to_toml()));
        }
        let mut setting = run.common.setting();
        if setting.world == World::Fleet {
            let fleet = run.fleet.fleet(series.cells.first().map_or("", |cell| &cell.scenario.name))?;
            if run.fleet.dry_run {
                return fleet::dry_run(&fleet).map(Self::Print);
            }
            setting.fleet = Some(fleet);
        } else if let Some(option) = run.fleet.given() {
            let problem = format!("{option} is an option of the world fleet, which is not asked for");
            return Err(Failure::BadInput(problem));
        }
        let plan = |scenario: Scenario| {
            let variant = if scenario.epidemic.is_some() {
                epidemic::variant(&scenario, &run)?
            } else {
                let protocol = registry.named("--protocol", &run.protocol)?;
                Variant::of(&scenario, protocol, setting.clone())
            };
            Plan::assemble(scenario, vec![variant], &run.common, registry)
        };
        Campaign::new(&series, run.common.options(), plan).map(Box::new).map(Self::Measure)
    }
}

impl Plan {
    /// Variants that this machine can hold, or why not.
    pub(crate) fn assemble(
        scenario: Scenario,
        variants: Vec<Variant>,
        common: &Common,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        let simulated = variants.iter().any(|variant| variant.setting.world == World::Sim);
        if let Some(option) = common.option_of_sim().filter(|_| !simulated) {
            let problem = format!("{option} is an option of the world sim, which is not asked for");
            return Err(Failure::BadInput(problem));
        }
        if common.processes.is_some() && variants.iter().all(|variant| variant.setting.world != World::Local)
        {
            let problem = "--processes is an option of the world local, which is not asked for";
            return Err(Failure::BadInput(problem.into()));
        }
        for Variant { setting, scenario, .. } in &variants {
            let (nodes, processes) = (scenario.cluster.nodes, setting.processes());
            if processes > nodes {
                return Err(Failure::BadInput(format!(
                    "cluster.nodes is {nodes}, but {processes} processes are to carry them: each carries one at least"
                )));
            }
            if let Some(refusal) = setting.fleet.as_ref().and_then(|fleet| fleet.refusal(scenario.network.ip))
            {
                return Err(Failure::BadInput(refusal));
            }
        }
        let there = Resources::here();
        for Variant { setting, protocol, scenario, .. } in &variants {
            capacity::check(scenario, protocol, setting, common.force, &there)?;
            if let Some(refusal) = registry.refusal(protocol, scenario, setting) {
                return Err(Failure::BadInput(refusal));
            }
            let estimated = setting.world == World::Local && *protocol == RUMORMILL && !common.force;
            if estimated && let Some(refusal) = heartbeats::refusal(scenario, worlds::cores()) {
                return Err(Failure::BadInput(refusal));
            }
        }
        Ok(Self { scenario, variants })
    }

    /// The same with the chance of another repetition, counted from 0.
    pub(crate) fn repetition(&self, number: u64) -> Self {
        let mut plan = self.clone();
        plan.scenario = plan.scenario.repetition(number);
        plan.variants.iter_mut().for_each(|variant| variant.scenario = variant.scenario.repetition(number));
        plan
    }

    /// Whether the variants differ in their world alone.
    pub(crate) fn crosses_worlds(&self) -> bool {
        let kind = |variant: &Variant| (variant.setting.world, variant.setting.simulates());
        self.variants.iter().any(|variant| kind(variant) != kind(&self.variants[0]))
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
        self.head() + &self.scenario.to_toml()
    }

    /// What a scenario file says first: with what it was measured.
    pub(crate) fn head(&self) -> String {
        if self.scenario.epidemic.is_some() {
            return String::new();
        }
        let quoted: Vec<_> = self.variants.iter().map(|variant| format!("\"{}\"", variant.name)).collect();
        let names = match quoted.as_slice() {
            [others @ .., two, one] => {
                others.iter().map(|name| format!("{name}, ")).collect::<String>() + two + " and " + one
            }
            alone => alone.concat(),
        };
        let first = &self.variants[0];
        let mut head = if self.crosses_worlds() {
            let worlds = self
                .variants
                .iter()
                .map(|variant| format!("# \"{}\" was measured with {}.\n", variant.name, variant.setting));
            worlds.collect()
        } else {
            format!("# Measured with {}.\n", first.setting)
        };
        let alike = self.variants.iter().all(|variant| variant.protocol == first.protocol);
        if alike && first.protocol != RUMORMILL {
            head += &format!("# Of the protocol {}.\n", first.protocol);
        }
        if self.variants.len() > 1 && !self.crosses_worlds() {
            let what = if alike { "node.state" } else { "their protocol" };
            head += &format!("# What the variants have in common. They differ in {what} alone: {names}.\n");
        }
        for variant in self.variants.iter().filter(|variant| variant.reduction.is_some()) {
            let used = format_duration(variant.scenario.node.full_interval);
            let name = variant.name;
            head += &format!(
                "# \"{name}\" was measured at a node.full_interval of {used}, which this machine carries.\n"
            );
        }
        head
    }
}

impl Variant {
    /// Our own node's variants are named by what they send, others by their protocol.
    pub(crate) fn of(scenario: &Scenario, protocol: &'static str, setting: Setting) -> Self {
        let name = match (protocol, scenario.node.state) {
            (RUMORMILL, StateMode::Delta) => "delta",
            (RUMORMILL, StateMode::Full) => "full",
            (RUMORMILL, StateMode::Digest) => "digest",
            (other, _) => other,
        };
        Self { name, protocol, scenario: scenario.clone(), setting, reduction: None }
    }

    /// What it has to send less often for this machine to carry it, unless that is not to be asked.
    pub(crate) fn needed_reduction(&self, common: &Common) -> Option<Reduction> {
        if self.setting.world != World::Local || self.protocol != RUMORMILL || common.force {
            return None;
        }
        full_state::reduction(&self.scenario, worlds::cores())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Request};

    fn task(options: &str) -> Result<Task, Failure> {
        let line = ["rumormill"].into_iter().chain(options.split_whitespace());
        match Arguments::read(line.map(Into::into)).expect("a valid command line") {
            Request::Work(command) => Task::resolve(*command, &Registry::standard()),
            Request::Text(text) => panic!("no work but {text}"),
        }
    }

    fn plan(options: &str) -> Box<Plan> {
        match task(options).expect("a valid scenario") {
            Task::Measure(campaign) => Box::new(campaign.into_plan()),
            Task::Print(text) => panic!("no run but {text}"),
            Task::Examine(asked) => panic!("no run but {asked:?}"),
            Task::Report(asked) => panic!("no run but {asked:?}"),
            Task::Compare(asked) => panic!("no run but {asked:?}"),
            Task::Serve(asked) => panic!("no run but {asked:?}"),
        }
    }

    /// No machine carries as much as this.
    const TOO_MUCH: &str = "--nodes 10 --set cluster.keys_per_node=1024 --set cluster.value_bytes=65536 \
                            --set node.full_interval=1ms";

    #[test]
    fn compare_sends_state_less_often_where_it_does_not_fit_and_leaves_delta_alone() {
        let plan = plan(&format!("compare {TOO_MUCH}"));
        let [full, delta, digest] = plan.variants.as_slice() else { panic!("three variants") };
        let reduction = full.reduction.expect("it does not fit");
        let used = full.scenario.node.full_interval;
        assert_eq!(used, Duration::from_micros(reduction.used_interval_us));
        assert!(used >= Duration::from_secs(1) && used.subsec_nanos() == 0, "{used:?}");
        assert_eq!(delta.scenario.node.full_interval, Duration::from_millis(1));
        assert_eq!(delta.reduction, None);
        // Of ten nodes' versions the packets alone are too many in a millisecond.
        assert_eq!(digest.scenario.node.full_interval, Duration::from_secs(1));
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
