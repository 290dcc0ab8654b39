use rumormill_measure::{Epidemic, Rounds, RunResult, Variant, units};

use crate::{rows::MARK, table::Table, text::paragraph};

/// Beside a figure that nothing is said of.
const NOTHING: &str = "–";

/// The epidemics of a result: a table each, with what the literature says in the last column.
pub(crate) fn epidemics(result: &RunResult) -> String {
    let tables: Vec<_> = result
        .variants
        .iter()
        .filter_map(|variant| Some(rules(variant.epidemic.as_ref()?) + &table(variant)?.render()))
        .collect();
    tables.join("\n")
}

/// What the words of the table mean.
pub(crate) fn terms() -> String {
    [
        ("±", "the standard error of the mean: how far it may be off by chance"),
        ("rounds", "periods of one node's clock"),
        ("copies", "of the rumor, needed or not, by the number of nodes: until the last node knew, and until the end"),
        ("residue", "the share of nodes that never knew"),
    ]
    .map(|(term, meaning)| paragraph(&format!("  {term:<12}"), meaning))
    .concat()
}

fn rules(epidemic: &Epidemic) -> String {
    let patience = epidemic.k.map(|k| format!(", k {k}")).unwrap_or_default();
    let rules = format!(
        "{}, fanout {}, clock {}, stop {}{patience}, {} repetitions",
        epidemic.spread,
        units::count(epidemic.fanout),
        epidemic.clock,
        epidemic.stop,
        units::count(epidemic.repetitions)
    );
    paragraph("", &rules)
}

fn table(variant: &Variant) -> Option<Table> {
    let epidemic = variant.epidemic.as_ref()?;
    let columns = ["mean", "±", "sd", "p99", "repetitions", "theory"];
    let mut rows = Rows { table: Table::new(columns.map(str::to_owned).into()), mark: mark(variant) };
    rows.table.heading("Rounds until");
    let theory = &epidemic.theory;
    rows.rounds("50 % of the nodes knew", &epidemic.rounds_to_50, theory.rounds_to_50);
    rows.rounds("90 % knew", &epidemic.rounds_to_90, theory.rounds_to_90);
    rows.rounds("99 % knew", &epidemic.rounds_to_99, theory.rounds_to_99);
    rows.rounds("all knew", &epidemic.rounds_to_100, theory.rounds_to_100);
    rows.rounds("the last learnt that did", &epidemic.rounds_to_last, None);
    rows.rounds("a node learnt, mean of those", &epidemic.rounds_to_learn, None);
    rows.table.heading("Copies by node");
    let errors = &epidemic.standard_errors;
    rows.figure("until the last knew", epidemic.copies_per_node, errors.copies_per_node, None);
    rows.figure("in all (traffic)", epidemic.traffic, errors.traffic, None);
    rows.table.heading("Share that never knew");
    rows.figure("residue", epidemic.residue, errors.residue, theory.residue);
    if let Some(residue) = theory.residue_of_traffic {
        rows.figure("residue, e^-traffic beside it", epidemic.residue, errors.residue, Some(residue));
    }
    Some(rows.table)
}

/// The formulas behind the column of theory.
pub(crate) fn formulas(result: &RunResult) -> String {
    let mut lines = String::new();
    for theory in result.variants.iter().filter_map(|variant| Some(&variant.epidemic.as_ref()?.theory)) {
        for (what, formula) in [("rounds", &theory.rounds_formula), ("residue", &theory.residue_formula)] {
            if let Some(formula) = formula {
                lines += &paragraph("  theory   ", &format!("{what}: {formula}"));
            }
        }
    }
    lines
}

struct Rows {
    table: Table,
    mark: &'static str,
}

impl Rows {
    fn rounds(&mut self, label: &str, rounds: &Rounds, theory: Option<f64>) {
        let one =
            |known: bool, value: f64| if known { figure(value) + self.mark } else { NOTHING.to_owned() };
        let (any, several) = (rounds.reached > 0, rounds.reached > 1);
        let cells = vec![
            one(any, rounds.mean),
            one(several, rounds.standard_error),
            one(several, rounds.sd),
            one(any, rounds.p99),
            units::count(rounds.reached),
            theory.map_or_else(|| NOTHING.to_owned(), figure),
        ];
        self.table.row(format!("  {label}"), cells);
    }

    fn figure(&mut self, label: &str, mean: f64, error: f64, theory: Option<f64>) {
        let theory = theory.map_or_else(|| NOTHING.to_owned(), figure);
        let cells = [figure(mean) + self.mark, figure(error) + self.mark];
        let blank = [const { String::new() }; 3];
        self.table.row(format!("  {label}"), cells.into_iter().chain(blank).chain([theory]).collect());
    }
}

fn mark(variant: &Variant) -> &'static str {
    if variant.verdict.status.is_valid() { "" } else { MARK }
}

/// To 4 significant digits, so that hundredths of rounds show; small shares as powers of ten.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.001 => format!("{value:.1e}"),
        ones if ones < 1.0 => format!("{value:.4}"),
        ones if ones < 10.0 => format!("{value:.3}"),
        tens if tens < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}
