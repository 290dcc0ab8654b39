//! What `compare` runs side by side: the node's ways to pass on state, protocols, or worlds.

use rumormill_lab::{Scenario, StateMode};
use rumormill_measure::World;

use crate::{
    Failure, Plan, RUMORMILL, Registry,
    arguments::{Common, Compare, Source},
    campaign::Campaign,
    epidemic, full_state,
    plan::Variant,
    source,
    worlds::Place,
};

/// What is compared where nothing else is asked for.
const PRESET: &str = "compare";

pub(crate) fn campaign(asked: Compare, registry: &Registry) -> Result<Campaign, Failure> {
    let Compare { mut source, protocols, worlds, common } = asked;
    if source == Source::default() {
        source.preset = Some(PRESET.to_owned());
    }
    if common.world() == World::Fleet {
        let problem = "compare runs on local, with --processes if need be, or on sim: use run for a fleet";
        return Err(Failure::BadInput(problem.into()));
    }
    let simulated = common.world() == World::Sim || !worlds.is_empty();
    let series = source::series(&source, simulated, &common)?;
    let plan = |scenario: Scenario| {
        epidemic::refuse(&scenario)?;
        let variants = match (protocols.as_slice(), worlds.as_slice()) {
            ([], []) => ways_of_state(&scenario, &common)?,
            (protocols, []) => of_protocols(protocols, &scenario, &common, registry)?,
            (protocols, worlds) => in_worlds(worlds, protocols, &scenario, &common, registry)?,
        };
        Plan::assemble(scenario, variants, &common, registry)
    };
    Campaign::new(&series, common.options(), plan)
}

fn ways_of_state(scenario: &Scenario, common: &Common) -> Result<Vec<Variant>, Failure> {
    if scenario.node.state != StateMode::Delta {
        let problem =
            "node.state cannot be set, for compare runs all its values: use run to measure one alone";
        return Err(Failure::BadInput(problem.into()));
    }
    let variants = [StateMode::Full, StateMode::Delta, StateMode::Digest].map(|state| {
        let mut scenario = scenario.clone();
        scenario.node.state = state;
        let mut variant = Variant::of(&scenario, RUMORMILL, common.setting());
        variant.reduction = variant.needed_reduction(common);
        if let Some(reduction) = &variant.reduction {
            variant.scenario.node.full_interval = full_state::used_interval(reduction);
        }
        variant
    });
    Ok(variants.into())
}

fn of_protocols(
    protocols: &[String],
    scenario: &Scenario,
    common: &Common,
    registry: &Registry,
) -> Result<Vec<Variant>, Failure> {
    let named: Result<Vec<_>, _> = protocols.iter().map(|name| registry.named("--protocols", name)).collect();
    let named = named?;
    refuse_twins("--protocols", &named)?;
    let variant = |name| Variant { name, ..Variant::of(scenario, name, common.setting()) };
    Ok(named.into_iter().map(variant).collect())
}

/// One protocol in each of the worlds.
fn in_worlds(
    worlds: &[Place],
    protocols: &[String],
    scenario: &Scenario,
    common: &Common,
    registry: &Registry,
) -> Result<Vec<Variant>, Failure> {
    let protocol = match protocols {
        [] => RUMORMILL,
        [only] => registry.named("--protocols", only)?,
        several => {
            let problem = format!(
                "--worlds takes one protocol to several worlds, but --protocols names {}",
                several.len()
            );
            return Err(Failure::BadInput(problem));
        }
    };
    if worlds.len() < 2 {
        return Err(Failure::BadInput(
            "--worlds names one world, but takes two at least, such as sim,local".into(),
        ));
    }
    let variant = |place: &Place| {
        let setting = common.setting_in(*place);
        Variant { name: place.name(), ..Variant::of(scenario, protocol, setting) }
    };
    let variants: Vec<_> = worlds.iter().map(variant).collect();
    let options: Vec<_> = variants.iter().map(|variant| variant.setting.to_string()).collect();
    refuse_twins("--worlds", &options)?;
    Ok(variants)
}

fn refuse_twins(option: &str, named: &[impl PartialEq + std::fmt::Display]) -> Result<(), Failure> {
    let twin = named.iter().enumerate().find(|(at, name)| named[..*at].contains(name));
    match twin {
        Some((_, twin)) => Err(Failure::BadInput(format!("{option} names {twin} twice"))),
        None => Ok(()),
    }
}
