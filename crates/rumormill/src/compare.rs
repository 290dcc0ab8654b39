//! What `compare` runs side by side: the node's two ways to pass on state, protocols, or worlds.

use rumormill_lab::{Scenario, StateMode};
use rumormill_measure::World;

use crate::{
    Failure, Plan, RUMORMILL, Registry,
    arguments::{Common, Compare, Source},
    epidemic, full_state,
    plan::{Variant, refuse_unfit},
    source,
    worlds::Place,
};

/// What is compared where nothing else is asked for.
const PRESET: &str = "compare";

pub(crate) fn plan(asked: Compare, registry: &Registry) -> Result<Plan, Failure> {
    let Compare { mut source, protocols, worlds, common } = asked;
    if source == Source::default() {
        source.preset = Some(PRESET.to_owned());
    }
    let simulated = common.world() == World::Sim || !worlds.is_empty();
    let scenario = source::scenario(&source, simulated, &common)?;
    epidemic::refuse(&scenario)?;
    let variants = match (protocols.as_slice(), worlds.as_slice()) {
        ([], []) => full_and_delta(&scenario, &common)?,
        (protocols, []) => of_protocols(protocols, &scenario, &common, registry)?,
        (protocols, worlds) => in_worlds(worlds, protocols, &scenario, &common, registry)?,
    };
    Plan::assemble(scenario, variants, common, registry)
}

fn full_and_delta(scenario: &Scenario, common: &Common) -> Result<Vec<Variant>, Failure> {
    if scenario.node.state != StateMode::Delta {
        let problem =
            "node.state cannot be set, for compare runs all its values: use run to measure one alone";
        return Err(Failure::BadInput(problem.into()));
    }
    let [mut full, delta] = [StateMode::Full, StateMode::Delta].map(|state| {
        let mut scenario = scenario.clone();
        scenario.node.state = state;
        Variant::of(&scenario, RUMORMILL, common.setting())
    });
    full.reduction = full.needed_reduction(common);
    if let Some(reduction) = &full.reduction {
        full.scenario.node.full_interval = full_state::used_interval(reduction);
    }
    Ok(vec![full, delta])
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
    let variants: Vec<_> = named.into_iter().map(variant).collect();
    refuse_unfit(&variants, common)?;
    Ok(variants)
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
    refuse_unfit(&variants, common)?;
    Ok(variants)
}

fn refuse_twins(option: &str, named: &[impl PartialEq + std::fmt::Display]) -> Result<(), Failure> {
    let twin = named.iter().enumerate().find(|(at, name)| named[..*at].contains(name));
    match twin {
        Some((_, twin)) => Err(Failure::BadInput(format!("{option} names {twin} twice"))),
        None => Ok(()),
    }
}
