use rumormill_lab::{ClusterError, Equipment, environment, raise_descriptor_limit, run_variant};
use rumormill_measure::{
    Environment, METHOD_VERSION, Reason, RunResult, SCHEMA_VERSION, Status, Variant, Verdict, Warning,
};

use crate::{
    Failure, Plan, directory::RunDirectory, interruption::Interruption, output, plan, progress::Display,
    registry::RUMORMILL,
};

/// Runs a plan, leaves its files and shows its result.
pub(crate) fn execute(plan: &Plan) -> Result<Status, Failure> {
    let interruption = Interruption::watch(plan.quiet)?;
    let directory = RunDirectory::claim(plan.out.as_deref(), plan.overwrite, &plan.scenario.name)?;
    // What is granted is what `capacity` counted on; a refusal shows when sockets are opened.
    let _ = raise_descriptor_limit();
    let mut display = Display::stderr(plan.quiet, interruption.clone());
    let result = measure(plan, &mut display, &interruption);
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
    display: &mut Display<std::io::Stderr>,
    interruption: &Interruption,
) -> Result<RunResult, Failure> {
    let (count, nodes) = (plan.variants.len(), plan.scenario.cluster.nodes);
    let most = humantime::format_duration(plan.duration_max());
    let (name, world) = (&plan.scenario.name, plan.world);
    display.say(&format!("{name}: {nodes} nodes on {world}, at most {most} besides booting and settling"));
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
        let (equipment, measured) = run(plan, variant, display)?;
        equip(&mut environment, equipment);
        variants.push(measured);
    }
    variants.reverse();
    Ok(RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: concat!("rumormill ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: plan.scenario.seed,
        world: plan.world,
        scenario: plan.scenario.name.clone(),
        environment,
        verdict: verdict(&variants, count),
        variants,
    })
}

fn run(
    plan: &Plan,
    variant: &plan::Variant,
    display: &mut Display<std::io::Stderr>,
) -> Result<(Equipment, Variant), ClusterError> {
    let warning = variant.reduction.map(Warning::Reduced);
    if let Some(warning) = &warning {
        display.say(&format!("{}: {warning}", variant.name));
    }
    let cluster = (plan.launch)(&variant.scenario)?;
    let equipment = cluster.equipment();
    let mut measured = run_variant(&variant.scenario, variant.name, RUMORMILL, cluster, display)?;
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

fn equip(environment: &mut Environment, equipment: Equipment) {
    environment.socket_receive_buffer_bytes = equipment.socket_receive_buffer_bytes;
    environment.socket_send_buffer_bytes = equipment.socket_send_buffer_bytes;
    environment.crypto_provider = equipment.crypto_provider;
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
