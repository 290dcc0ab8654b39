//! Many scenarios from one file: every combination of the values of a matrix, each run several times.

use rumormill_protocol::mix;
use toml::{Table, Value};

use super::{
    Scenario, ScenarioError,
    draft::{Draft, accept, join, unfit},
    key::{KEYS, Key},
};

/// The most values of one key.
const VALUES_MAX: usize = 100;

/// The most cells of a matrix.
const CELLS_MAX: usize = 1_000;

/// The most runs: cells times repetitions.
const RUNS_MAX: u64 = 10_000;

/// The longest name of a cell's directory: file systems end at 255 bytes.
const DIRECTORY_BYTES_MAX: usize = 120;

/// A key and the values that it takes in turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    key: &'static str,
    values: Vec<Value>,
}

/// All scenarios of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// At least one; the last key of the matrix changes fastest.
    pub cells: Vec<MatrixCell>,
    /// How often each is run, each time with other chance.
    pub repetitions: u64,
    matrix: Table,
    /// Keys of `[node]` that were asked for, where a preset that the matrix changes decides the others.
    asked_of_node: Option<Vec<String>>,
}

/// One combination of the values of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixCell {
    /// What sets it apart: each key with its value. Empty without a matrix.
    pub values: Vec<(String, String)>,
    /// Its scenario, with the seed of the first repetition.
    pub scenario: Scenario,
}

impl Axis {
    /// Whether cells may be epidemics.
    pub(super) fn makes_epidemics(&self) -> bool {
        self.key == "spread"
    }
}

impl MatrixCell {
    /// `cluster.nodes=100, node.fanout=3`; empty without a matrix.
    pub fn name(&self) -> String {
        let pairs: Vec<_> = self.values.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(", ")
    }

    /// A name of the `place`th cell that every file system takes.
    pub fn directory(&self, place: usize) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let pairs: Vec<_> = self.values.iter().map(|(key, value)| last(key) + "=" + value).collect();
        let kept = |c: char| if c.is_ascii_alphanumeric() || "=.-_".contains(c) { c } else { '_' };
        let mut name: String = format!("{:03}-{}", place + 1, pairs.join("-")).chars().map(kept).collect();
        name.truncate(DIRECTORY_BYTES_MAX);
        name
    }
}

impl Scenario {
    /// The same with the chance of another repetition, counted from 0: the first is the scenario itself. Cells of a matrix
    /// have the same chance in the same repetition.
    #[must_use]
    pub fn repetition(&self, number: u64) -> Self {
        // TOML's integers end at 2⁶³ − 1.
        let seed = if number == 0 { self.seed } else { mix(mix(self.seed) ^ number) >> 1 };
        Self { seed, ..self.clone() }
    }
}

impl Series {
    /// The file that repeats all of it.
    pub fn to_toml(&self) -> String {
        let first = self.cells[0].scenario.to_toml();
        if self.matrix.is_empty() && self.repetitions == 1 {
            return first;
        }
        let mut table: Table = toml::from_str(&first).expect("it was just printed");
        if let (Some(asked), Some(Value::Table(node))) = (&self.asked_of_node, table.get_mut("node")) {
            node.retain(|key, _| asked.iter().any(|asked| asked == key));
        }
        if self.repetitions > 1 {
            table.insert("repetitions".to_owned(), Value::Integer(self.repetitions as i64));
        }
        if !self.matrix.is_empty() {
            table.insert("matrix".to_owned(), Value::Table(self.matrix.clone()));
        }
        toml::to_string(&table)
            .expect("a scenario consists of tables, texts and numbers within TOML's ranges")
    }
}

/// Lays the tables of a `[matrix]` over what there is: keys may be dotted in quotes, be nested tables, or be the last
/// part of a path where only one path ends so.
pub(super) fn lay(axes: &mut Vec<Axis>, matrix: Value) -> Result<(), ScenarioError> {
    let Value::Table(table) = matrix else {
        return Err(unfit("matrix".to_owned(), &matrix, WANTED));
    };
    lay_table(axes, "", table)
}

const WANTED: &str = "a table of lists such as {\"node.fanout\" = [2, 3]}";

fn lay_table(axes: &mut Vec<Axis>, prefix: &str, table: Table) -> Result<(), ScenarioError> {
    for (name, value) in table {
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        if let Value::Table(inner) = value {
            lay_table(axes, &path, inner)?;
            continue;
        }
        let axis = axis(&path, value)?;
        match axes.iter_mut().find(|other| other.key == axis.key) {
            Some(other) => *other = axis,
            None => axes.push(axis),
        }
    }
    axes.sort_by_key(|axis| axis.key);
    Ok(())
}

fn axis(path: &str, value: Value) -> Result<Axis, ScenarioError> {
    let key = key(path)?;
    let shown = join("matrix", path);
    if ["name", "seed", "repetitions"].contains(&key.path) || key.path.starts_with("fault.") {
        let fix = match key.path {
            "seed" | "repetitions" => "give repetitions = 5, at the top, for runs with other chance",
            _ => "leave it out",
        };
        return Err(ScenarioError::InMatrix { key: shown, problem: "cannot vary".into(), fix: fix.into() });
    }
    let wanted = format!("a list of 1 to {VALUES_MAX} values, each {}", key.wanted);
    let Value::Array(list) = value else { return Err(unfit(shown, &value, &wanted)) };
    if list.is_empty() || list.len() > VALUES_MAX {
        return Err(unfit(shown, &Value::Array(list), &wanted));
    }
    let mut values: Vec<Value> = Vec::with_capacity(list.len());
    for value in list {
        let value = accept(key, shown.clone(), value)?;
        if values.contains(&value) {
            let problem = format!("has {value} twice");
            return Err(ScenarioError::InMatrix { key: shown, problem, fix: "name it once".into() });
        }
        values.push(value);
    }
    Ok(Axis { key: key.path, values })
}

/// The key that a path of the matrix means.
fn key(path: &str) -> Result<&'static Key, ScenarioError> {
    if let Some(key) = Key::find(path) {
        return Ok(key);
    }
    let ends_so =
        |key: &&Key| key.path.rsplit_once('.').is_some_and(|(table, last)| table != "fault" && last == path);
    let mut fitting = KEYS.iter().filter(ends_so);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (Some(one), Some(two)) => Err(ScenarioError::InMatrix {
            key: join("matrix", path),
            problem: format!("may mean {} or {}", one.path, two.path),
            fix: "give the whole path in quotes".into(),
        }),
        (None, _) => {
            Err(ScenarioError::UnknownKey { key: join("matrix", path), nearest: Key::nearest(path) })
        }
    }
}

impl Draft {
    /// All scenarios of its matrix and how often each is to be run. [`Draft::finish`] gives the one without a matrix.
    ///
    /// # Errors
    /// When there are too many, or settings of some cell contradict each other.
    pub fn series(mut self) -> Result<Series, ScenarioError> {
        let repetitions = self.take_repetitions();
        let axes = std::mem::take(&mut self.axes);
        let count = axes.iter().map(|axis| axis.values.len()).try_fold(1, usize::checked_mul);
        let Some(count) = count.filter(|count| *count <= CELLS_MAX) else {
            let lengths: Vec<_> = axes.iter().map(|axis| axis.values.len().to_string()).collect();
            return Err(ScenarioError::InMatrix {
                key: "matrix".into(),
                problem: format!("makes {} cells, over the limit of {CELLS_MAX}", lengths.join(" × ")),
                fix: "give fewer values".into(),
            });
        };
        if count as u64 * repetitions > RUNS_MAX {
            return Err(ScenarioError::InMatrix {
                key: "repetitions".into(),
                problem: format!(
                    "is {repetitions}, which makes {count} × {repetitions} runs, over the limit of {RUNS_MAX}"
                ),
                fix: "lower it, or give the matrix fewer values".into(),
            });
        }
        let asked_of_node = axes.iter().any(|axis| axis.key == "node.preset").then(|| {
            let mut asked = self.asked_of_node();
            asked.push("preset".to_owned());
            asked
        });
        let cells = (0..count).map(|number| self.cell(&axes, number)).collect::<Result<_, _>>()?;
        let matrix = axes.into_iter().map(|axis| (axis.key.to_owned(), Value::Array(axis.values))).collect();
        Ok(Series { cells, repetitions, matrix, asked_of_node })
    }

    /// The cell of this number; the last axis changes fastest.
    fn cell(&self, axes: &[Axis], mut number: usize) -> Result<MatrixCell, ScenarioError> {
        let mut draft = self.clone();
        let mut values = Vec::with_capacity(axes.len());
        for axis in axes.iter().rev() {
            let value = &axis.values[number % axis.values.len()];
            number /= axis.values.len();
            draft.lay_value(axis.key, value.clone())?;
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            values.push((axis.key.to_owned(), shown));
        }
        values.reverse();
        let cell = |error| match values.is_empty() {
            true => error,
            false => {
                let cell: Vec<_> = values.iter().map(|(key, value)| format!("{key}={value}")).collect();
                ScenarioError::InCell { cell: cell.join(", "), error: Box::new(error) }
            }
        };
        let scenario = draft.finish().map_err(cell)?;
        Ok(MatrixCell { values, scenario })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Result<Series, ScenarioError> {
        let mut draft = Draft::default();
        draft.overlay(text)?;
        draft.series()
    }

    fn refusal(text: &str) -> String {
        series(text).expect_err("a refusal").to_string()
    }

    #[test]
    fn every_combination_is_a_cell_and_the_last_key_changes_fastest() {
        let text =
            "repetitions = 2\n[matrix]\nnodes = [10, 20]\n\"node.dissemination\" = [\"push\", \"pull\"]";
        let series = series(text).expect("a matrix");
        let names: Vec<_> = series.cells.iter().map(MatrixCell::name).collect();
        assert_eq!(
            names,
            [
                "cluster.nodes=10, node.dissemination=push",
                "cluster.nodes=10, node.dissemination=pull",
                "cluster.nodes=20, node.dissemination=push",
                "cluster.nodes=20, node.dissemination=pull",
            ]
        );
        assert_eq!(series.cells[2].scenario.cluster.nodes, 20);
        assert_eq!(series.cells[2].directory(2), "003-nodes=20-dissemination=push");
        assert_eq!(series.repetitions, 2);
    }

    #[test]
    fn what_is_printed_gives_the_same_cells() {
        for text in [
            "seed = 7",
            "repetitions = 3",
            "[matrix]\npeers = [\"sticky\", \"uniform\"]\n[matrix.network]\nloss = [0, 0.1]",
            "[node]\nfanout = 2\n[matrix]\n\"node.preset\" = [\"lan\", \"memberlist-lan\"]",
            "spread = \"push\"\n[matrix]\nspread = [\"push\", \"pull\"]",
        ] {
            let series = series(text).expect("a matrix");
            let mut again = Draft::default();
            again.overlay(&series.to_toml()).expect("what is printed can be read");
            assert_eq!(again.series().map(|again| again.cells), Ok(series.cells), "{text}");
        }
    }

    #[test]
    fn repetitions_have_other_chance_and_cells_the_same() {
        let series = series("seed = 5\nrepetitions = 3\n[matrix]\nnodes = [10, 20]").expect("a matrix");
        let seeds = |cell: usize| [0, 1, 2].map(|number| series.cells[cell].scenario.repetition(number).seed);
        assert_eq!(seeds(0), seeds(1));
        assert_eq!(seeds(0)[0], 5);
        assert!(seeds(0)[1] != seeds(0)[2] && seeds(0).iter().all(|seed| *seed <= i64::MAX as u64));
    }

    #[test]
    fn what_cannot_be_names_the_key() {
        for (text, parts) in [
            ("[matrix]\nnodse = [1]", &["matrix.nodse", "cluster.nodes"][..]),
            ("[matrix]\nnodes = 5", &["matrix.nodes is 5", "a list of 1 to 100 values", "a whole number"]),
            ("[matrix]\nnodes = []", &["matrix.nodes is []"]),
            ("[matrix]\nnodes = [1]", &["matrix.nodes is 1"]),
            ("[matrix]\nnodes = [10, 10]", &["matrix.nodes has 10 twice"]),
            ("[matrix]\nseed = [1, 2]", &["matrix.seed", "repetitions"]),
            ("[matrix]\n\"fault.at\" = [\"1s\"]", &["matrix.\"fault.at\"", "cannot vary"]),
            ("matrix = 3", &["matrix is 3"]),
            ("repetitions = 0", &["repetitions is 0"]),
            ("repetitions = 20000", &["repetitions is 20000", "over the limit of 10000"]),
            (
                "[matrix]\nprobe_timeout = [\"10ms\", \"2s\"]",
                &["node.probe_timeout=2s", "node.probe_timeout is 2s"],
            ),
        ] {
            let refusal = refusal(text);
            assert!(parts.iter().all(|part| refusal.contains(part)), "{refusal} lacks one of {parts:?}");
        }
        let many: Vec<_> = (10..50).map(|n| n.to_string()).collect();
        let many = many.join(",");
        let text = format!("[matrix]\nnodes = [{many}]\nfanout_ = 1")
            .replace("fanout_ = 1", &format!("\"node.fanout\" = [{many}]"));
        assert!(refusal(&text).contains("makes 40 × 40 cells, over the limit of 1000"));
    }
}
