use rumormill_measure::{RunResult, Status, statistics::median, units};

use crate::{table::Table, text::paragraph};

/// The main figures of the variants of one run.
#[derive(Clone, Debug)]
pub struct Outline {
    variants: Vec<Main>,
}

#[derive(Clone, Debug)]
struct Main {
    name: String,
    status: Status,
    /// By [`FIGURES`]; nothing where there is none.
    figures: Vec<Option<f64>>,
}

/// A figure's heading, how people read it, and where it comes from.
type Figure = (&'static str, fn(f64) -> String, fn(&rumormill_measure::Variant) -> Option<f64>);

const FIGURES: [Figure; 6] = [
    ("wire", units::bytes, |v| Some(v.bandwidth.wire_bytes_per_node_per_second.mean)),
    ("packets", units::significant, |v| Some(v.bandwidth.packets_per_node_per_second)),
    ("t99", time, |v| (v.convergence.t99_us.count > 0).then_some(v.convergence.t99_us.p50 as f64)),
    ("all dead", time, |v| (v.detection.all_dead_us.count > 0).then_some(v.detection.all_dead_us.p50 as f64)),
    ("missed", units::significant, |v| Some(v.detection.undetected as f64)),
    ("false +", units::significant, |v| Some(v.detection.false_positives as f64)),
];

fn time(us: f64) -> String {
    units::duration_us(us.round() as u64)
}

impl Outline {
    /// The main figures of a result.
    pub fn of(result: &RunResult) -> Self {
        let main = |variant: &rumormill_measure::Variant| Main {
            name: variant.name.clone(),
            status: variant.verdict.status,
            figures: FIGURES
                .iter()
                .map(|(_, _, of)| of(variant).filter(|_| variant.epidemic.is_none()))
                .collect(),
        };
        Self { variants: result.variants.iter().map(main).collect() }
    }
}

/// All cells of a matrix, a line each: what varies, and the main figures as medians over the repetitions. A cell is its
/// values, in the order of `keys`, and its runs.
pub fn matrix(keys: &[&str], cells: &[(Vec<String>, Vec<Outline>)]) -> String {
    let last = |key: &&str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let mut columns: Vec<String> = keys.iter().map(last).collect();
    columns.push("runs".to_owned());
    columns.extend(FIGURES.iter().map(|(heading, _, _)| (*heading).to_owned()));
    columns.push("verdict".to_owned());
    let mut table = Table::new(columns);
    for (values, runs) in cells {
        for name in runs.first().map(|run| run.variants.iter().map(|main| &main.name)).into_iter().flatten() {
            let own: Vec<&Main> =
                runs.iter().flat_map(|run| &run.variants).filter(|main| main.name == *name).collect();
            let mut row = values.clone();
            row.push(own.len().to_string());
            row.extend(FIGURES.iter().enumerate().map(|(place, (_, shown, _))| {
                let values: Vec<f64> = own.iter().filter_map(|main| main.figures[place]).collect();
                median(&values).map_or_else(|| "–".to_owned(), shown)
            }));
            let worst = own.iter().map(|main| main.status).max().unwrap_or(Status::Invalid);
            row.push(worst.to_string());
            table.row(name.clone(), row);
        }
    }
    let begun = cells.iter().filter(|(_, runs)| !runs.is_empty()).count();
    let missing = cells.len() - begun;
    let mut text = table.render();
    text += &paragraph(
        "",
        "Medians over the runs of a cell. wire and packets: sent per node and second; t99: until 99 % of the nodes had a write; all dead: until all had declared a failed node dead; missed: failures that some did not; false +: live nodes declared dead.",
    );
    if missing > 0 {
        text += &paragraph("", &format!("{missing} of {} cells have no finished run.", cells.len()));
    }
    text
}
