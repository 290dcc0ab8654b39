//! `rumormill report`: the files of a run once more, from its directory alone.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use rumormill_measure::RunResult;
use rumormill_report::{Record, kept, picture};
use serde::Deserialize;
use serde_json::Value;

use crate::{Failure, directory::RunDirectory, exports, output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  rumormill report runs/20260101T120000Z-compare
  rumormill report compare-300
  rumormill report compare-300 --picture compare.svg

It reads result.json, *.hlog, series.csv and convergence.csv, and writes report.html, result.md, metrics.prom, *.hgrm and
these again. What a directory lacks is left out, and said. Exit codes: 0 done, 2 there is no result that can be read.";

/// No file of a run is larger.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The directory of the run
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Draws the run as one picture into this file, and makes nothing else: bytes beside convergence, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

/// Makes all files again that can be made, and says which.
pub(crate) fn remake(asked: &Report) -> Result<(), Failure> {
    let path = &asked.directory;
    let shown = path.join("result.json");
    let unreadable =
        |why: &str| Failure::BadInput(format!("{} is no result that can be read: {why}", shown.display()));
    let json = read(path, "result.json")
        .and_then(|json| json.ok_or_else(|| "it is not there".to_owned()))
        .map_err(|why| unreadable(&why))?;
    let json: Value = serde_json::from_slice(&json).map_err(|error| unreadable(&error.to_string()))?;
    let result = RunResult::deserialize(&json).map_err(|error| unreadable(&error.to_string()))?;
    let kept = kept(&result, |name| read(path, name))
        .map_err(|why| Failure::BadInput(format!("in {}: {why}", path.display())))?;
    if let Some(file) = &asked.picture {
        return draw(file, &result, &kept.records);
    }
    let names = exports::write(&RunDirectory::of_run(path), &result, &json, &kept.records)?;
    let mut said = format!("Made in {}: {}\n", path.display(), names.join(", "));
    for missing in kept.missing {
        said += &format!("Left out: {missing}\n");
    }
    output::print(&said)
}

fn draw(file: &Path, result: &RunResult, records: &[Record]) -> Result<(), Failure> {
    let picture = picture(result, records).ok_or_else(|| {
        Failure::BadInput(
            "--picture: the run has no bytes or no curve of convergence to draw; give one of a cluster with writes"
                .into(),
        )
    })?;
    fs::write(file, picture)
        .map_err(|error| Failure::Undone(format!("cannot write {}: {error}", file.display())))?;
    output::print(&format!("Made {}\n", file.display()))
}

/// A file of the run, if it is there.
fn read(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let path = directory.join(name);
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => return Err("it is not a file".into()),
        Ok(found) if found.len() > FILE_BYTES_MAX => return Err("it is too large".into()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    }
    let mut content = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut content));
    read.map(|_| Some(content)).map_err(|error| error.to_string())
}
