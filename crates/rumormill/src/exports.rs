//! The files that a run leaves beside its result.

use rumormill_measure::RunResult;
use rumormill_report::{Record, exports};
use serde_json::Value;

use crate::{Failure, directory::RunDirectory};

/// Writes them, and returns what they are called. `json` is what result.json holds.
pub(crate) fn write(
    directory: &RunDirectory,
    result: &RunResult,
    json: &Value,
    records: &[Record],
) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for export in exports(result, json, records) {
        directory.write(&export.name, &export.content).map_err(|error| {
            Failure::Undone(format!(
                "cannot write {}: {error}",
                directory.path().join(&export.name).display()
            ))
        })?;
        names.push(export.name);
    }
    Ok(names)
}
