use std::{fs, io::ErrorKind, path::Path};

use serde::{Deserialize, Serialize};

/// What a directory of many runs holds: the file beside their directories. It is written anew whenever one has finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// The scenario's name.
    pub(crate) scenario: String,
    /// How often each cell is run.
    pub(crate) repetitions: u64,
    /// All that there are to be, in the order in which they run.
    pub(crate) runs: Vec<Entry>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Below the index.
    pub(crate) directory: String,
    /// What sets its cell apart: `cluster.nodes=100, node.fanout=3`; empty without a matrix.
    pub(crate) cell: String,
    /// Counted from 1.
    pub(crate) repetition: u64,
    /// Its seed.
    pub(crate) seed: u64,
    /// Its verdict, once it has one.
    pub(crate) verdict: Option<String>,
}

impl Index {
    pub(crate) const NAME: &str = "index.json";

    /// The index in a directory, if there is one.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, String> {
        match fs::read_to_string(directory.join(Self::NAME)) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| format!("{} is none of this program: {error}", Self::NAME)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {}: {error}", Self::NAME)),
        }
    }
}
