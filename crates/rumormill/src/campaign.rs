//! Many runs from one scenario file: the cells of its matrix, each as often as it says.

use std::{
    fs,
    io::{ErrorKind, Stderr},
    time::{Duration, Instant},
};

use humantime::format_duration;
use rumormill_lab::{Series, unlike};
use rumormill_measure::{Environment, Reason, RunResult, Status};
use rumormill_report::Outline;

use crate::{
    Failure, Plan, Registry,
    diff::result,
    directory::RunDirectory,
    execute::{self, here},
    index::{Entry, Index},
    interruption::Interruption,
    live::{Endpoint, Watch},
    output,
    progress::Display,
};

/// All that is to be run, in the end one plan after the other.
pub(crate) struct Campaign {
    cells: Vec<Cell>,
    repetitions: u64,
    /// The scenario file that repeats all of it.
    file: String,
    pub(crate) options: Options,
}

/// What concerns all runs alike.
pub(crate) struct Options {
    pub(crate) out: Option<std::path::PathBuf>,
    pub(crate) existing: Existing,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) watch: Watch,
}

/// What becomes of a result that a directory already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is run.
    Refuse,
    /// It is replaced.
    Overwrite,
    /// What is finished of it stays, and the rest is run.
    Resume,
}

struct Cell {
    /// What sets it apart; empty without a matrix.
    values: Vec<(String, String)>,
    name: String,
    directory: String,
    plan: Plan,
}

/// One run of a campaign.
struct Run<'a> {
    cell: &'a Cell,
    repetition: u64,
    /// Below the campaign's directory; empty where there is only one run.
    directory: String,
}

impl Campaign {
    /// Makes a plan of each cell.
    pub(crate) fn new(
        series: &Series,
        options: Options,
        plan: impl Fn(rumormill_lab::Scenario) -> Result<Plan, Failure>,
    ) -> Result<Self, Failure> {
        let cell = |(place, cell): (usize, &rumormill_lab::MatrixCell)| {
            let name = cell.name();
            let plan = plan(cell.scenario.clone()).map_err(|failure| match failure {
                Failure::BadInput(problem) if !name.is_empty() => {
                    Failure::BadInput(format!("in the cell {name}: {problem}"))
                }
                other => other,
            })?;
            Ok(Cell { values: cell.values.clone(), directory: cell.directory(place), name, plan })
        };
        let cells = series.cells.iter().enumerate().map(cell).collect::<Result<Vec<_>, Failure>>()?;
        let head = cells.first().map(|cell| cell.plan.head()).unwrap_or_default();
        let file = head + &series.to_toml();
        Ok(Self { cells, repetitions: series.repetitions, file, options })
    }

    /// The only plan, where there is only one.
    #[cfg(test)]
    pub(crate) fn into_plan(mut self) -> Plan {
        self.cells.remove(0).plan
    }

    /// All runs: every cell once, then every cell again, so that what changes in the course of time concerns all alike.
    fn runs(&self) -> Vec<Run<'_>> {
        let several = self.repetitions > 1;
        let matrix = self.cells.len() > 1 || !self.cells[0].name.is_empty();
        let run = |repetition, cell| {
            let cell: &Cell = cell;
            let own = if several { format!("r{:02}", repetition + 1) } else { String::new() };
            let directory = match (matrix, several) {
                (true, true) => format!("{}/{own}", cell.directory),
                (true, false) => cell.directory.clone(),
                (false, _) => own,
            };
            Run { cell, repetition, directory }
        };
        (0..self.repetitions)
            .flat_map(|repetition| self.cells.iter().map(move |cell| run(repetition, cell)))
            .collect()
    }

    /// Runs what is not finished yet, leaves the files and shows what came of it.
    pub(crate) fn execute(&self, registry: &Registry) -> Result<Status, Failure> {
        let interruption = Interruption::watch(self.options.quiet)?;
        let endpoint = self.options.watch.open()?;
        let scenario = &self.cells[0].plan.scenario.name;
        let directory = RunDirectory::claim(self.options.out.as_deref(), self.options.existing, scenario)?;
        let mut display = Display::stderr(self.options.quiet, interruption.clone());
        let runs = self.runs();
        if self.options.existing == Existing::Resume {
            self.must_be_the_same(&directory)?;
        }
        if let [only] = &runs[..] {
            return self.one(
                &only.cell.plan,
                &directory,
                registry,
                &mut display,
                &interruption,
                endpoint.as_ref(),
            );
        }
        let worst = self.all(&runs, &directory, registry, &mut display, &interruption, endpoint.as_ref());
        display.clear();
        worst
    }

    fn one(
        &self,
        plan: &Plan,
        directory: &RunDirectory,
        registry: &Registry,
        display: &mut Display<Stderr>,
        interruption: &Interruption,
        endpoint: Option<&Endpoint>,
    ) -> Result<Status, Failure> {
        let finished = self.finished(directory, "")?;
        let result = match finished {
            Some(result) => result,
            None => {
                directory.forget(Index::NAME)?;
                let measured = execute::run(plan, registry, display, interruption, endpoint);
                display.clear();
                let (result, records) = measured?;
                execute::save(directory, &self.file, &result, &records)?;
                result
            }
        };
        let place = format!("Result: {}", directory.path().join(execute::RESULT).display());
        if self.options.json {
            display.say(&place);
            output::print(&execute::json(&result)?)?;
        } else {
            output::print(&format!("{}\n{place}\n", rumormill_report::comparison(&result).trim_end()))?;
        }
        Ok(result.verdict.status)
    }

    fn all(
        &self,
        runs: &[Run<'_>],
        directory: &RunDirectory,
        registry: &Registry,
        display: &mut Display<Stderr>,
        interruption: &Interruption,
        endpoint: Option<&Endpoint>,
    ) -> Result<Status, Failure> {
        let mut index = self.index(runs);
        if self.options.existing != Existing::Resume {
            // What an earlier campaign left must not be taken for finished by a later one.
            directory.forget(execute::RESULT)?;
            runs.iter()
                .try_for_each(|run| directory.forget(&format!("{}/{}", run.directory, execute::RESULT)))?;
        }
        directory.write("scenario.toml", self.file.as_bytes()).map_err(|error| undone(directory, &error))?;
        let mut outlines = Vec::new();
        let (mut worst, mut pace) = (Status::Valid, Pace::new(runs));
        for (at, run) in runs.iter().enumerate() {
            let place = format!("{} of {}", at + 1, runs.len());
            let result = match self.finished(directory, &run.directory)? {
                Some(result) => {
                    display.say(&format!("run {place}, {}: finished before", run.directory));
                    pace.skip(run);
                    result
                }
                None if interruption.is_asked() => {
                    worst = Status::Invalid;
                    continue;
                }
                None => {
                    let left =
                        pace.left().map_or_else(String::new, |left| format!(", about {left} left in all"));
                    display.say(&format!("run {place}, {}{left}", run.directory));
                    let begun = Instant::now();
                    let plan = run.cell.plan.repetition(run.repetition);
                    let (result, records) = execute::run(&plan, registry, display, interruption, endpoint)?;
                    let own = directory.within(&run.directory)?;
                    execute::save(&own, &plan.scenario_toml(), &result, &records)?;
                    pace.took(run, begun.elapsed());
                    result
                }
            };
            worst = worst.max(result.verdict.status);
            index.runs[at].verdict = Some(result.verdict.status.to_string());
            self.write_index(directory, &index)?;
            outlines.push((at % self.cells.len(), Outline::of(&result)));
        }
        self.write_index(directory, &index)?;
        let keys: Vec<&str> = self.cells[0].values.iter().map(|(key, _)| key.as_str()).collect();
        let cells: Vec<_> = self
            .cells
            .iter()
            .enumerate()
            .map(|(place, cell)| {
                let values = cell.values.iter().map(|(_, value)| value.clone()).collect();
                let own = outlines.iter().filter(|(of, _)| *of == place).map(|(_, outline)| outline.clone());
                (values, own.collect())
            })
            .collect();
        let summary = rumormill_report::matrix(&keys, &cells);
        directory.write("summary.txt", summary.as_bytes()).map_err(|error| undone(directory, &error))?;
        let place = format!("Results: {}", directory.path().join(Index::NAME).display());
        display.clear();
        if self.options.json {
            display.say(&place);
            output::print(&index_json(&index)?)?;
        } else {
            output::print(&format!("{summary}\n{place}\n"))?;
        }
        Ok(worst)
    }

    fn index(&self, runs: &[Run<'_>]) -> Index {
        let entry = |run: &Run<'_>| Entry {
            directory: run.directory.clone(),
            cell: run.cell.name.clone(),
            repetition: run.repetition + 1,
            seed: run.cell.plan.scenario.repetition(run.repetition).seed,
            verdict: None,
        };
        Index {
            scenario: self.cells[0].plan.scenario.name.clone(),
            repetitions: self.repetitions,
            runs: runs.iter().map(entry).collect(),
        }
    }

    fn write_index(&self, directory: &RunDirectory, index: &Index) -> Result<(), Failure> {
        directory.write(Index::NAME, index_json(index)?.as_bytes()).map_err(|error| undone(directory, &error))
    }

    /// The result of a run that was finished before, where that is asked for. One that was interrupted is none.
    fn finished(&self, directory: &RunDirectory, run: &str) -> Result<Option<RunResult>, Failure> {
        let file = directory.path().join(run).join(execute::RESULT);
        if self.options.existing != Existing::Resume || !file.exists() {
            return Ok(None);
        }
        let shown = file.display();
        let bad = |problem: String| Failure::BadInput(format!("--resume: {shown}: {problem}"));
        let result = result(&file).map_err(bad)?;
        let Environment { version, commit, .. } = here();
        let of = &result.environment;
        if (&of.version, &of.commit) != (&version, &commit) {
            let problem = format!(
                "was measured by rumormill {} of commit {}, and this is {version} of {commit}: give --overwrite, or \
                 another --out",
                of.version, of.commit
            );
            return Err(bad(problem));
        }
        let interrupted = Reason::Interrupted.to_string();
        let whole = !result.verdict.reasons.iter().any(|reason| reason.ends_with(&interrupted));
        Ok(whole.then_some(result))
    }

    /// Refuses to go on with a directory that holds the runs of another scenario.
    fn must_be_the_same(&self, directory: &RunDirectory) -> Result<(), Failure> {
        let path = directory.path();
        let bad = |problem: String| Failure::BadInput(format!("--resume: {}: {problem}", path.display()));
        let there = match fs::read_to_string(path.join("scenario.toml")) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound && directory.is_empty() => return Ok(()),
            Err(error) => return Err(bad(format!("cannot read its scenario.toml: {error}"))),
        };
        if there == self.file {
            return Ok(());
        }
        let mut differ = unlike(&there, &self.file, true, ["there", "here"]);
        let heads =
            |text: &str| text.lines().take_while(|line| line.starts_with('#')).map(str::to_owned).collect();
        let (old, new): (Vec<String>, Vec<String>) = (heads(&there), heads(&self.file));
        if old != new {
            differ.push(format!("it says \"{}\" there and \"{}\" here", old.join(" "), new.join(" ")));
        }
        if differ.is_empty() {
            return Ok(());
        }
        const SHOWN: usize = 5;
        let more = differ.len().saturating_sub(SHOWN);
        differ.truncate(SHOWN);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Err(bad(format!("holds another scenario: {}{more}", differ.join("; "))))
    }
}

fn index_json(index: &Index) -> Result<String, Failure> {
    serde_json::to_string_pretty(index)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Undone(format!("the index cannot be written as JSON: {error}")))
}

fn undone(directory: &RunDirectory, error: &std::io::Error) -> Failure {
    Failure::Undone(format!("cannot write to {}: {error}", directory.path().display()))
}

/// How fast runs go, to tell how long the rest takes: a run is taken to last as its nodes and its phases.
struct Pace {
    /// Of all runs that are not done.
    left: f64,
    done: f64,
    elapsed: Duration,
}

impl Pace {
    fn new(runs: &[Run<'_>]) -> Self {
        Self { left: runs.iter().map(weight).sum(), done: 0.0, elapsed: Duration::ZERO }
    }

    fn skip(&mut self, run: &Run<'_>) {
        self.left -= weight(run);
    }

    fn took(&mut self, run: &Run<'_>, time: Duration) {
        self.left -= weight(run);
        self.done += weight(run);
        self.elapsed += time;
    }

    fn left(&self) -> Option<String> {
        let left = Duration::try_from_secs_f64(self.elapsed.as_secs_f64() * self.left / self.done).ok()?;
        Some(format_duration(Duration::from_secs(left.as_secs())).to_string())
    }
}

fn weight(run: &Run<'_>) -> f64 {
    run.cell.plan.scenario.cluster.nodes as f64 * run.cell.plan.duration_max().as_secs_f64()
}
