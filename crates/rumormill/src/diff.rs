//! The command `diff`: two results held against each other.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use rumormill_lab::unlike;
use rumormill_measure::{Cell, Compared, RunResult, diff};
use serde_json::json;

use crate::{Failure, index::Index, output};

/// The exit codes of a comparison.
const REGRESSION: u8 = 1;
const NOT_VALID: u8 = 3;
const NOT_COMPARABLE: u8 = 4;

/// The largest result that is read.
const RESULT_BYTES_MAX: u64 = 256 << 20;

pub(crate) const EXAMPLES: &str = "\
Examples:
  rumormill diff runs/before runs/after
  rumormill diff before/result.json after/result.json --json > diff.json
  rumormill diff before after --min-effect 0.1

Where the same seed and scenario in the world sim gave the same messages with the same effects, figures are compared
exactly, and whatever is worse is a regression. Else statistically: run with --repetitions 8 or more and ranks alone decide.

Exit codes: 0 no regression, 1 a regression, 2 bad input, 3 a result is not valid, 4 the results are not comparable.";

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The directory of a run, or its result.json, to be compared with
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The one to judge
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// The least change that counts, as a share of the old figure [default: 0.05; where runs differ in nothing but what messages take: any]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) min_effect: Option<String>,
    /// Prints what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compares, prints what was found, and returns what the process is to end with.
pub(crate) fn carry_out(asked: &Diff) -> Result<u8, Failure> {
    let min_effect = asked.min_effect.as_deref().map(share).transpose()?;
    let (old, new) = (read("OLD", &asked.old)?, read("NEW", &asked.new)?);
    let mut compared = diff(&old, &new, min_effect);
    if !matches!(compared, Compared::NotValid(_)) {
        let unlike = scenarios(&old, &new);
        compared = match compared {
            Compared::NotComparable(lines) => Compared::NotComparable(joined(lines, unlike)),
            _ if !unlike.is_empty() => Compared::NotComparable(unlike),
            done => done,
        };
    }
    let (code, verdict, text, rest) = match &compared {
        Compared::NotValid(lines) => (NOT_VALID, "not_valid", list("Not valid", lines), json!(lines)),
        Compared::NotComparable(lines) => {
            (NOT_COMPARABLE, "not_comparable", list("Not comparable", lines), json!(lines))
        }
        Compared::Done(found) => {
            let worse = found.regressions().next().is_some();
            let (code, verdict) = if worse { (REGRESSION, "regression") } else { (0, "no_regression") };
            (code, verdict, rumormill_report::diff(found), json!(found))
        }
    };
    if asked.json {
        let key = if matches!(compared, Compared::Done(_)) { "diff" } else { "reasons" };
        let all = json!({ "verdict": verdict, key: rest });
        output::print(&format!("{all:#}\n"))?;
    } else {
        output::print(&text)?;
    }
    Ok(code)
}

fn share(text: &str) -> Result<f64, Failure> {
    text.parse().ok().filter(|share| (0.0..=10.0).contains(share)).ok_or_else(|| {
        let problem = format!("--min-effect {text}: a share from 0 to 10 is wanted, such as 0.05");
        Failure::BadInput(problem)
    })
}

fn list(heading: &str, lines: &[String]) -> String {
    lines.iter().fold(format!("{heading}\n"), |text, line| text + "  " + line + "\n")
}

/// The lines of both, each once.
fn joined(mut lines: Vec<String>, more: Vec<String>) -> Vec<String> {
    lines.extend(more);
    lines
}

/// In what the scenarios of both sides differ, cell by cell.
fn scenarios(old: &[Cell], new: &[Cell]) -> Vec<String> {
    let text = |cell: &Cell| cell.runs.first().and_then(|run| run.scenario_toml.clone());
    let mut lines = Vec::new();
    for cell in old {
        let other = new.iter().find(|other| other.name == cell.name);
        let (Some(old), Some(new)) = (text(cell), other.and_then(text)) else { continue };
        let name = if cell.name.is_empty() { String::new() } else { format!("{}: ", cell.name) };
        let found = unlike(&old, &new, false, ["in OLD", "in NEW"]);
        lines.extend(found.into_iter().map(|line| format!("{name}{line}")));
    }
    lines
}

/// The cells of a result: a file, or the directory of a run or of a matrix of them.
fn read(side: &str, path: &Path) -> Result<Vec<Cell>, Failure> {
    let bad = |problem: String| Failure::BadInput(format!("{side} {}: {problem}", path.display()));
    if path.is_dir() && !path.join(RESULT).exists() {
        let Some(index) = Index::read(path).map_err(bad)? else {
            return Err(bad(format!("holds no {RESULT}, nor the {} of a matrix", Index::NAME)));
        };
        let mut cells: Vec<Cell> = Vec::new();
        for run in index.runs {
            let file = path.join(&run.directory).join(RESULT);
            // What was not finished when its run was ended is not there.
            if !file.exists() {
                continue;
            }
            let result = result(&file).map_err(bad)?;
            match cells.iter_mut().find(|cell| cell.name == run.cell) {
                Some(cell) => cell.runs.push(result),
                None => cells.push(Cell { name: run.cell, runs: vec![result] }),
            }
        }
        if cells.is_empty() {
            return Err(bad("holds no finished run".to_owned()));
        }
        return Ok(cells);
    }
    let file = if path.is_dir() { path.join(RESULT) } else { path.to_owned() };
    Ok(vec![Cell { name: String::new(), runs: vec![result(&file).map_err(bad)?] }])
}

const RESULT: &str = "result.json";

/// Reads one result.
pub(crate) fn result(path: &Path) -> Result<RunResult, String> {
    let cannot = |error: std::io::Error| format!("cannot read it: {error}");
    let mut text = String::new();
    File::open(path).map_err(cannot)?.take(RESULT_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    serde_json::from_str(&text).map_err(|error| format!("is no result of this program: {error}"))
}
