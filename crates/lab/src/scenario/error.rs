use thiserror::Error;

/// Why something is no scenario. Each is one sentence that names the key and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// The text is not TOML.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// A setting without `=`, or without a key before it.
    #[error("`{0}` is not a setting of the form key=value, such as node.fanout=4")]
    NotASetting(String),
    /// A preset that does not exist.
    #[error("unknown preset `{name}`, the nearest is `{nearest}`; there are {presets}", presets = super::preset::names())]
    UnknownPreset {
        /// As given.
        name: String,
        /// One that exists.
        nearest: &'static str,
    },
    /// A key that this version does not have.
    #[error("unknown key `{key}`, the nearest is `{nearest}`")]
    UnknownKey {
        /// The whole dotted path, as given.
        key: String,
        /// One that exists.
        nearest: &'static str,
    },
    /// A value of the wrong type or out of bounds.
    #[error("{key} is {found}, but must be {wanted}")]
    Unfit {
        /// The whole dotted path.
        key: String,
        /// The value given.
        found: String,
        /// What would be accepted.
        wanted: String,
    },
    /// A key that has no default is not given.
    #[error("{key} is missing, it must be {wanted}")]
    Missing {
        /// The whole dotted path.
        key: &'static str,
        /// What would be accepted.
        wanted: String,
    },
    /// Something about the matrix or the repetitions.
    #[error("{key} {problem}: {fix}")]
    InMatrix {
        /// The whole dotted path.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: String,
    },
    /// A cell of the matrix is no scenario.
    #[error("in the cell {cell}: {error}")]
    InCell {
        /// Its name.
        cell: String,
        /// What is wrong with it.
        error: Box<Self>,
    },
    /// What is wrong stands in this line of the file.
    #[error("line {line}: {error}")]
    AtLine {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        error: Box<Self>,
    },
    /// Values that are fine each by itself and do not go together.
    #[error("{key} {problem}: {fix}")]
    Conflict {
        /// The whole dotted path of the one to look at first.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: String,
    },
}
