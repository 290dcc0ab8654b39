use rumormill_lab::{ClusterError, Equipment, environment, raise_descriptor_limit, run_variant};
use rumormill_measure::{
    Environment, METHOD_VERSION, Reason, RunResult, SCHEMA_VERSION, Status, Variant, Verdict, Warning,
    differences,
};

use crate::{
    Failure, Plan, Registry, directory::RunDirectory, epidemic, interruption::Interruption, output, plan,
    progress::Display,
};

/// Runs a plan, leaves its files and shows its result.
pub(crate) fn execute(plan: &Plan, registry: &Registry) -> Result<Status, Failure> {
    let interruption = Interruption::watch(plan.quiet)?;
    let directory = RunDirectory::claim(plan.out.as_deref(), plan.overwrite, &plan.scenario.name)?;
    // What is granted is what `capacity` counted on; a refusal shows when sockets are opened.
    let _ = raise_descriptor_limit();
    let mut display = Display::stderr(plan.quiet, interruption.clone());
    let result = match &plan.scenario.epidemic {
        Some(settings) => {
            let variant = epidemic::measure(plan, settings, &mut display, &interruption);
            Ok(result(plan, here(), vec![variant]))
        }
        None => measure(plan, registry, &mut display, &interruption),
    };
    display.clear();
    let result = result?;
    let json = serde_json::to_string_pretty(&result)
        .map_err(|error| Failure::Undone(format!("the result cannot be written as JSON: {error}")))?
        + "\n";
    save(&directory, plan, &json)?;
    let place = format!("Result: {}", directory.path().join("result.json").display());
    if plan.json {
        display.say(&place);
        output::print(&json)?;
    } else {
        output::print(&format!("{}\n{place}\n", rumormill_report::comparison(&result).trim_end()))?;
    }
    Ok(result.verdict.status)
}

fn measure(
    plan: &Plan,
    registry: &Registry,
    display: &mut Display<std::io::Stderr>,
    interruption: &Interruption,
) -> Result<RunResult, Failure> {
    let (count, nodes) = (plan.variants.len(), plan.scenario.cluster.nodes);
    let most = humantime::format_duration(plan.duration_max());
    let (name, first) = (&plan.scenario.name, &plan.variants[0]);
    let world = first.setting.world;
    let place = if plan.crosses_worlds() { "in several worlds".to_owned() } else { format!("on {world}") };
    display.say(&format!("{name}: {nodes} nodes {place}, at most {most} besides booting and settling"));
    let mut variants = Vec::with_capacity(count);
    let mut environment = here();
    // The last one listed is the cheapest and runs first: memory that the allocator keeps from one variant would
    // be counted in the next one's peak.
    for (at, variant) in plan.variants.iter().rev().enumerate() {
        if interruption.is_asked() {
            display.say(&format!("{}: not begun", variant.name));
            continue;
        }
        display.begin(format!("{} ({} of {count})", variant.name, at + 1));
        let (equipment, measured) = run(registry, variant, display)?;
        equip(&mut environment, equipment);
        variants.push(measured);
    }
    variants.reverse();
    Ok(result(plan, environment, variants))
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
        environment,
        verdict: verdict(&variants, plan.variants.len()),
        variants,
        differences,
    }
}

fn run(
    registry: &Registry,
    variant: &plan::Variant,
    display: &mut Display<std::io::Stderr>,
) -> Result<(Equipment, Variant), ClusterError> {
    let warning = variant.reduction.map(Warning::Reduced);
    if let Some(warning) = &warning {
        display.say(&format!("{}: {warning}", variant.name));
    }
    let cluster = registry.launch(variant.protocol, &variant.scenario, &variant.setting)?;
    let equipment = cluster.equipment();
    let mut measured = run_variant(&variant.scenario, variant.name, variant.protocol, cluster, display)?;
    measured.world = Some(variant.setting.world);
    measured.fidelity = variant.setting.simulates().map(|fidelity| fidelity.to_string());
    measured.bandwidth.reduction = variant.reduction;
    if let Some(warning) = warning {
        measured.verdict.warn(warning);
    }
    Ok((equipment, measured))
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

fn here() -> Environment {
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

/// The result comes last: where it is, all of the run is.
fn save(directory: &RunDirectory, plan: &Plan, json: &str) -> Result<(), Failure> {
    for (name, content) in [("scenario.toml", plan.scenario_toml().as_str()), ("result.json", json)] {
        directory.write(name, content.as_bytes()).map_err(|error| {
            Failure::Undone(format!("cannot write {}: {error}", directory.path().join(name).display()))
        })?;
    }
    Ok(())
}
