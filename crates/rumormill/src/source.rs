//! From a file or a preset, and the options over it, to a scenario.

use std::{fs::File, io::Read, path::Path, time::Duration};

use humantime::format_duration;
use rumormill_lab::{Draft, Scenario, ScenarioError, Series};

use crate::{
    Failure,
    arguments::{Common, Source},
};

/// The latency of links where one world is simulated and nothing else is said: that of a data centre's network, at
/// least.
const LATENCY: &str = "network.latency=1ms";

/// The largest scenario file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The scenarios of a source, with the named options over it and `--set` over both. Where `simulated`, a network has a
/// latency unless another is asked for.
pub(crate) fn series(source: &Source, simulated: bool, common: &Common) -> Result<Series, Failure> {
    draft(source, simulated, common)?.series().map_err(bad)
}

/// The scenario of a source with the most nodes, where it has a matrix.
pub(crate) fn scenario(source: &Source, simulated: bool, common: &Common) -> Result<Scenario, Failure> {
    let cells = series(source, simulated, common)?.cells;
    let largest = cells.into_iter().max_by_key(|cell| cell.scenario.cluster.nodes);
    Ok(largest.expect("a series has a cell at least").scenario)
}

fn draft(source: &Source, simulated: bool, common: &Common) -> Result<Draft, Failure> {
    let mut draft = Draft::default();
    if simulated {
        draft.set_usual(LATENCY).map_err(bad)?;
    }
    match (&source.file, &source.preset) {
        (Some(path), _) => {
            let in_file = |problem: String| Failure::BadInput(format!("{}: {problem}", path.display()));
            let text = read(path).map_err(in_file)?;
            draft.overlay(&text).map_err(|error| in_file(error.to_string()))?;
        }
        (None, Some(name)) => draft.lay_preset(name).map_err(bad)?,
        (None, None) => {
            return Err(Failure::BadInput("either SCENARIO.toml, --preset or --list is missing".into()));
        }
    }
    lay_options(&mut draft, common)?;
    Ok(draft)
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
fn lay_options(draft: &mut Draft, common: &Common) -> Result<(), Failure> {
    for (option, key, value) in [
        ("--nodes", "cluster.nodes", &common.nodes),
        ("--seed", "seed", &common.seed),
        ("--repetitions", "repetitions", &common.repetitions),
    ] {
        if let Some(value) = value {
            set(draft, &format!("{option} {value}"), &format!("{key}={value}"))?;
        }
    }
    if let Some(text) = &common.seconds {
        let option = format!("--seconds {text}");
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let seconds = seconds.ok_or_else(|| {
            Failure::BadInput(format!("{option}: a number of seconds is wanted, such as 30"))
        })?;
        set(draft, &option, &format!("phases.measure={}", format_duration(seconds)))?;
    }
    for setting in &common.set {
        set(draft, &format!("--set {setting}"), setting)?;
    }
    Ok(())
}

fn set(draft: &mut Draft, option: &str, setting: &str) -> Result<(), Failure> {
    draft.set(setting).map_err(|error| Failure::BadInput(format!("{option}: {error}")))
}

fn bad(error: ScenarioError) -> Failure {
    Failure::BadInput(error.to_string())
}
