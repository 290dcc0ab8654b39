use rumormill_lab::{Cluster, Equipment, environment, raise_descriptor_limit, run_variant};
use rumormill_measure::{
    Environment, METHOD_VERSION, Reason, RunResult, SCHEMA_VERSION, Variant, Verdict, Warning, World,
    differences,
};
use rumormill_report::Record;

use crate::{
    Failure, Plan, Registry, directory::RunDirectory, doctor, epidemic, exports, fleet,
    interruption::Interruption, live::Endpoint, needs::Needs, plan, progress::Display, theory, worlds,
};

/// The file that every run leaves.
pub(crate) const RESULT: &str = "result.json";

/// Runs a plan. Returns the result, and what it rests on, variant by variant.
pub(crate) fn run(
    plan: &Plan,
    registry: &Registry,
    display: &mut Display<std::io::Stderr>,
    interruption: &Interruption,
    endpoint: Option<&Endpoint>,
) -> Result<(RunResult, Vec<Record>), Failure> {
    // What is granted is what `capacity` counted on; a refusal shows when sockets are opened.
    let _ = raise_descriptor_limit();
    match &plan.scenario.epidemic {
        Some(settings) => {
            let variant = epidemic::measure(plan, settings, display, interruption);
            Ok((result(plan, here(), vec![variant]), vec![Record::default()]))
        }
        None => measure(plan, registry, display, interruption, endpoint),
    }
}

/// A result as its file has it.
pub(crate) fn json(result: &RunResult) -> Result<String, Failure> {
    serde_json::to_string_pretty(result).map(|text| text + "\n").map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::Undone(format!("the result cannot be written as JSON: {error}"))
}

fn measure(
    plan: &Plan,
    registry: &Registry,
    display: &mut Display<std::io::Stderr>,
    interruption: &Interruption,
    endpoint: Option<&Endpoint>,
) -> Result<(RunResult, Vec<Record>), Failure> {
    let (count, nodes) = (plan.variants.len(), plan.scenario.cluster.nodes);
    let (name, first) = (&plan.scenario.name, &plan.variants[0]);
    let world = first.setting.world;
    let place = if plan.crosses_worlds() { "in several worlds".to_owned() } else { format!("on {world}") };
    let most = humantime::format_duration(plan.duration_max());
    display.say(&format!("{name}: {nodes} nodes {place}, at most {most} besides booting and settling"));
    if world == World::Local {
        let needs = Needs::of(&first.scenario, first.protocol, &first.setting);
        display.say(&format!("{name}: estimated to take {}", doctor::estimate(&needs, worlds::cores())));
    }
    let (mut variants, mut records) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut environment = here();
    // The last one listed is the cheapest and runs first: memory that the allocator keeps from one variant would
    // be counted in the next one's peak.
    for (at, variant) in plan.variants.iter().rev().enumerate() {
        if interruption.is_asked() {
            display.say(&format!("{}: not begun", variant.name));
            continue;
        }
        display.begin(format!("{} ({} of {count})", variant.name, at + 1));
        let (equipment, measured, record) = one(registry, variant, display, interruption, endpoint)?;
        equip(&mut environment, equipment);
        variants.push(measured);
        records.push(record);
    }
    variants.reverse();
    records.reverse();
    Ok((result(plan, environment, variants), records))
}

fn result(plan: &Plan, environment: Environment, variants: Vec<Variant>) -> RunResult {
    let gossip_interval_us = plan.scenario.node.gossip_interval.as_micros() as u64;
    let differences =
        if plan.crosses_worlds() { differences(&variants, gossip_interval_us) } else { Vec::new() };
    RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: concat!("rumormill ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: plan.scenario.seed,
        world: plan.variants[0].setting.world,
        scenario: plan.scenario.name.clone(),
        scenario_toml: Some(plan.scenario_toml()),
        environment,
        verdict: verdict(&variants, plan.variants.len()),
        variants,
        differences,
    }
}

fn one(
    registry: &Registry,
    variant: &plan::Variant,
    display: &mut Display<std::io::Stderr>,
    interruption: &Interruption,
    endpoint: Option<&Endpoint>,
) -> Result<(Equipment, Variant, Record), Failure> {
    let warning = variant.reduction.map(Warning::Reduced);
    if let Some(warning) = &warning {
        display.say(&format!("{}: {warning}", variant.name));
    }
    let (cluster, _crew): (Box<dyn Cluster>, _) = match &variant.setting.fleet {
        None => (registry.launch(variant.protocol, &variant.scenario, &variant.setting)?, None),
        Some(fleet) => {
            let (interrupted, cores) = (|| interruption.is_asked(), worlds::cores());
            let say = &mut |sentence: &str| display.say(&format!("{}: {sentence}", variant.name));
            let (cluster, crew) = fleet::launch(fleet, variant, cores, &interrupted, say)?;
            (Box::new(cluster), Some(crew))
        }
    };
    let equipment = cluster.equipment();
    let mut watched = Endpoint::beside(endpoint, display, &variant.scenario.name, variant.name);
    let (mut measured, recording) =
        run_variant(&variant.scenario, variant.name, variant.protocol, cluster, &mut watched)?;
    measured.world = Some(variant.setting.world);
    measured.fidelity = variant.setting.simulates().map(|fidelity| fidelity.to_string());
    measured.bandwidth.reduction = variant.reduction;
    if let Some(warning) = warning {
        measured.verdict.warn(warning);
    }
    let record = Record {
        histograms: recording.histograms,
        spans: recording.series.spans(),
        theory: theory::of(variant),
    };
    Ok((equipment, measured, record))
}

/// The verdict on a run that was to have `planned` variants: those that are missing were not begun, because it was
/// interrupted before.
fn verdict(variants: &[Variant], planned: usize) -> Verdict {
    if variants.is_empty() {
        return Verdict::new(&[Reason::Interrupted], &[]);
    }
    let mut verdict = Verdict::of_run(variants);
    if variants.len() < planned {
        verdict.add(Reason::Interrupted);
    }
    verdict
}

/// This program and its machine.
pub(crate) fn here() -> Environment {
    Environment { commit: env!("RUMORMILL_COMMIT").to_owned(), ..environment() }
}

/// Adds with what a variant ran; a simulated one has nothing to add.
fn equip(environment: &mut Environment, equipment: Equipment) {
    let Equipment { socket_receive_buffer_bytes, socket_send_buffer_bytes, crypto_provider, .. } = equipment;
    let of = &mut *environment;
    of.socket_receive_buffer_bytes = socket_receive_buffer_bytes.or(of.socket_receive_buffer_bytes);
    of.socket_send_buffer_bytes = socket_send_buffer_bytes.or(of.socket_send_buffer_bytes);
    of.crypto_provider = crypto_provider.or(of.crypto_provider.take());
}

/// Leaves the files of a run. The result comes last: where it is, all of the run is.
pub(crate) fn save(
    directory: &RunDirectory,
    scenario: &str,
    result: &RunResult,
    records: &[Record],
) -> Result<(), Failure> {
    let json = json(result)?;
    let value = serde_json::to_value(result).map_err(unwritable)?;
    exports::write(directory, result, &value, records)?;
    for (name, content) in [("scenario.toml", scenario), (RESULT, &json)] {
        directory.write(name, content.as_bytes()).map_err(|error| {
            Failure::Undone(format!("cannot write {}: {error}", directory.path().join(name).display()))
        })?;
    }
    Ok(())
}
