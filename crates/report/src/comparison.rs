use rumormill_measure::{IpVersion, RunResult, units};

use crate::{
    bars::bars, differences::differences, epidemic, notes::notes, ratio::ratios, rows::table, terms::terms,
    text::paragraph,
};

/// A result as a table for the terminal: the variants side by side, what they cost against each other, and
/// whether the figures can be trusted. Plain text, at most 100 columns as long as names are short.
pub fn comparison(result: &RunResult) -> String {
    if result.variants.iter().any(|variant| variant.epidemic.is_some()) {
        let notes = notes(result) + &epidemic::formulas(result);
        let terms = "Terms\n".to_owned() + &epidemic::terms();
        return [title(result), epidemic::epidemics(result), notes, terms].join("\n");
    }
    [
        title(result),
        table(&result.variants).render(),
        bars(&result.variants) + &ratios(&result.variants),
        differences(result),
        notes(result),
        terms(),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join("\n")
}

fn title(result: &RunResult) -> String {
    let mut facts = vec![result.scenario.clone(), world(result), format!("seed {}", result.seed)];
    if let Some(variant) = result.variants.first() {
        facts.push(format!("{} nodes", units::count(variant.nodes)));
        if variant.epidemic.is_none() {
            facts.push(format!("measured {}", units::seconds(variant.measured_seconds)));
        }
    }
    let environment = &result.environment;
    let mut machine = vec![
        format!("{}, {} cores", environment.cpu_model, environment.cores),
        units::bytes(environment.memory_bytes as f64),
        format!("{} {}", environment.os, environment.kernel),
        format!("commit {}", short(&environment.commit)),
    ];
    if !environment.optimised {
        machine.push("built without optimisations".to_owned());
    }
    paragraph("", &format!("{}: {}", result.tool, facts.join(", "))) + &paragraph("", &machine.join(", "))
}

/// Where the nodes lived, where all lived alike: else the variants' names say it.
pub(crate) fn world(result: &RunResult) -> String {
    let mut lived = result.variants.iter().map(|variant| (variant.world, variant.fidelity.as_deref()));
    let first = lived.next().unwrap_or((None, None));
    let world = match (lived.all(|other| other == first), first.1) {
        (false, _) => "worlds side by side".to_owned(),
        (true, Some(fidelity)) => format!("world {}, fidelity {fidelity}", result.world),
        (true, None) => format!("world {}", result.world),
    };
    match unusual_ip(result) {
        Some(ip) => format!("{world}, {ip}"),
        None => world,
    }
}

/// The version of IP that nodes used, where it is not the one that is taken for granted.
pub(crate) fn unusual_ip(result: &RunResult) -> Option<IpVersion> {
    let ip = result.variants.first()?.ip;
    (ip != IpVersion::default()).then_some(ip)
}

/// A commit as people write it, which still says that the sources had been changed.
fn short(commit: &str) -> String {
    match commit.split_once('-') {
        Some((hash, mark)) => format!("{hash:.12}-{mark}"),
        None => format!("{commit:.12}"),
    }
}
