use rumormill_lab::{environment, raise_descriptor_limit, run_variant};
use rumormill_measure::{METHOD_VERSION, RunResult, SCHEMA_VERSION, Status, Variant, Verdict};

use crate::{Failure, Plan, directory::RunDirectory, output, plan, progress::Display, registry::RUMORMILL};

/// Runs a plan, leaves its files and shows its result.
pub(crate) fn execute(plan: &Plan) -> Result<Status, Failure> {
    let directory = RunDirectory::claim(plan.out.as_deref(), plan.overwrite, &plan.scenario.name)?;
    // What is granted is what `capacity` counted on; a refusal shows when sockets are opened.
    let _ = raise_descriptor_limit();
    let mut display = Display::stderr(plan.quiet);
    let result = measure(plan, &mut display);
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

fn measure(plan: &Plan, display: &mut Display<std::io::Stderr>) -> Result<RunResult, Failure> {
    let (count, nodes) = (plan.variants.len(), plan.scenario.cluster.nodes);
    let most = humantime::format_duration(plan.duration_max());
    display
        .say(&format!("{}: {nodes} nodes on {}, at most {most} and booting", plan.scenario.name, plan.world));
    let mut variants = Vec::with_capacity(count);
    // The last one listed is the cheapest and runs first: memory that the allocator keeps from one variant would
    // be counted in the next one's peak.
    for (at, variant) in plan.variants.iter().rev().enumerate() {
        display.begin(format!("{} ({} of {count})", variant.name, at + 1));
        variants.push(run(plan, variant, display)?);
    }
    variants.reverse();
    Ok(RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: concat!("rumormill ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: plan.scenario.seed,
        world: plan.world,
        scenario: plan.scenario.name.clone(),
        environment: environment(),
        verdict: Verdict::of_run(&variants),
        variants,
    })
}

fn run(
    plan: &Plan,
    variant: &plan::Variant,
    display: &mut Display<std::io::Stderr>,
) -> Result<Variant, Failure> {
    let cluster = (plan.launch)(&variant.scenario)?;
    Ok(run_variant(&variant.scenario, variant.name, RUMORMILL, cluster, display)?)
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
