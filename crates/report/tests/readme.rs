//! README shows results as they are kept. Where a table differs, the test prints it as it should be.

use rumormill_measure::{RunResult, Summary, Variant, units};
use rumormill_report::comparison;

const README: &str = include_str!("../../../README.md");

/// The text of a kept result.
macro_rules! kept {
    ($directory:expr) => {
        include_str!(concat!("../../../bench-results/", $directory, "/result.json"))
    };
}

/// The kept cells of the trial of state: by the number of their directory, size, compression, digest and state.
macro_rules! state {
    ($number:literal, $nodes:literal, $compression:literal, $digest:literal, $state:literal) => {
        kept!(concat!(
            "2026-11-27-state/",
            $number,
            "-nodes=",
            $nodes,
            "-compression=",
            $compression,
            "-digest=",
            $digest,
            "-state=",
            $state
        ))
    };
}

fn result(text: &str) -> RunResult {
    let result: RunResult = serde_json::from_str(text).expect("a result");
    assert!(result.verdict.status.is_valid(), "only valid results are quoted: {:?}", result.verdict);
    result
}

fn variant(text: &str) -> Variant {
    let mut result = result(text);
    assert_eq!(result.variants.len(), 1, "a cell has one variant");
    result.variants.remove(0)
}

/// A row of a Markdown table.
fn row(cells: impl IntoIterator<Item = String>) -> String {
    format!("| {} |\n", cells.into_iter().collect::<Vec<_>>().join(" | "))
}

fn table(head: &[&str], rows: impl IntoIterator<Item = String>) -> String {
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    row(head.iter().map(|&name| name.to_owned())) + &rule + &rows.into_iter().collect::<String>()
}

fn is_shown(table: &str) {
    assert!(README.contains(table.trim()), "README should show:\n{table}");
}

#[test]
fn the_comparison_is_that_of_the_kept_result() {
    let shown = comparison(&result(kept!("2026-11-26-compare-10000-sim")));
    // What its terms mean is explained once more below it there.
    let (table, _) = shown.split_once("\nTerms").expect("terms below the table");
    is_shown(table);
}

#[test]
fn the_bytes_of_each_way_to_pass_on_state_are_those_of_the_kept_results() {
    let wire = |text| units::bytes(variant(text).bandwidth.wire_bytes_per_node_per_second.mean);
    let rows = [
        (
            "full state each second",
            [
                state!("001", "100", "zstd", "zstd", "full"),
                state!("013", "1000", "zstd", "zstd", "full"),
                state!("025", "10000", "zstd", "zstd", "full"),
            ],
        ),
        (
            "the same, not compressed",
            [
                state!("007", "100", "none", "zstd", "full"),
                state!("019", "1000", "none", "zstd", "full"),
                state!("031", "10000", "none", "zstd", "full"),
            ],
        ),
        (
            "deltas",
            [
                state!("002", "100", "zstd", "zstd", "delta"),
                state!("014", "1000", "zstd", "zstd", "delta"),
                state!("026", "10000", "zstd", "zstd", "delta"),
            ],
        ),
        (
            "deltas, with sketches for digests",
            [
                state!("005", "100", "zstd", "sketch", "delta"),
                state!("017", "1000", "zstd", "sketch", "delta"),
                state!("029", "10000", "zstd", "sketch", "delta"),
            ],
        ),
        (
            "digests each second",
            [
                state!("003", "100", "zstd", "zstd", "digest"),
                state!("015", "1000", "zstd", "zstd", "digest"),
                state!("027", "10000", "zstd", "zstd", "digest"),
            ],
        ),
        (
            "the same, not compressed",
            [
                state!("009", "100", "none", "zstd", "digest"),
                state!("021", "1000", "none", "zstd", "digest"),
                state!("033", "10000", "none", "zstd", "digest"),
            ],
        ),
    ];
    let rows = rows.map(|(name, cells)| row([name.to_owned()].into_iter().chain(cells.map(wire))));
    is_shown(&table(&["wire bytes per node and second", "100 nodes", "1,000", "10,000"], rows));
}

#[test]
fn detection_against_loss_is_that_of_the_kept_results() {
    let rows = [
        (
            "0 %",
            [
                kept!("2026-11-27-detection-against-loss/001-loss=0.0/r01"),
                kept!("2026-11-27-detection-against-loss/001-loss=0.0/r02"),
                kept!("2026-11-27-detection-against-loss/001-loss=0.0/r03"),
            ],
        ),
        (
            "1 %",
            [
                kept!("2026-11-27-detection-against-loss/002-loss=0.01/r01"),
                kept!("2026-11-27-detection-against-loss/002-loss=0.01/r02"),
                kept!("2026-11-27-detection-against-loss/002-loss=0.01/r03"),
            ],
        ),
        (
            "5 %",
            [
                kept!("2026-11-27-detection-against-loss/003-loss=0.05/r01"),
                kept!("2026-11-27-detection-against-loss/003-loss=0.05/r02"),
                kept!("2026-11-27-detection-against-loss/003-loss=0.05/r03"),
            ],
        ),
        (
            "10 %",
            [
                kept!("2026-11-27-detection-against-loss/004-loss=0.1/r01"),
                kept!("2026-11-27-detection-against-loss/004-loss=0.1/r02"),
                kept!("2026-11-27-detection-against-loss/004-loss=0.1/r03"),
            ],
        ),
    ];
    let rows = rows.map(|(loss, runs)| {
        let runs = runs.map(variant);
        let middle = |times: fn(&Variant) -> &Summary| {
            let mut medians = runs.each_ref().map(|run| times(run).p50);
            medians.sort_unstable();
            units::duration_us(medians[1])
        };
        let sum = |count: fn(&Variant) -> u64| units::count(runs.iter().map(count).sum());
        row([
            loss.to_owned(),
            middle(|run| &run.detection.first_suspect_us),
            middle(|run| &run.detection.first_dead_us),
            middle(|run| &run.detection.all_dead_us),
            sum(|run| run.detection.undetected),
            sum(|run| run.detection.false_suspicions),
            sum(|run| run.detection.false_positives),
        ])
    });
    is_shown(&table(
        &[
            "loss",
            "first suspicion",
            "first dead",
            "dead for all",
            "undetected",
            "false suspicions",
            "false positives",
        ],
        rows,
    ));
}

#[test]
fn rounds_of_epidemics_are_those_of_the_kept_results() {
    let rows = [
        (
            "push",
            [
                kept!("2026-11-27-epidemics/001-clock=rounds-spread=push"),
                kept!("2026-11-27-epidemics/003-clock=poisson-spread=push"),
                kept!("2026-11-27-epidemics/005-clock=periodic-spread=push"),
            ],
        ),
        (
            "push-pull",
            [
                kept!("2026-11-27-epidemics/002-clock=rounds-spread=push-pull"),
                kept!("2026-11-27-epidemics/004-clock=poisson-spread=push-pull"),
                kept!("2026-11-27-epidemics/006-clock=periodic-spread=push-pull"),
            ],
        ),
    ];
    let rounds = |text| {
        let epidemic = variant(text).epidemic.expect("it is an epidemic");
        format!("{:.1}", epidemic.rounds_to_100.mean)
    };
    let rows = rows.map(|(name, cells)| row([name.to_owned()].into_iter().chain(cells.map(rounds))));
    is_shown(&table(&["spread", "synchronous rounds", "Poisson clocks", "periodic clocks"], rows));
}

#[test]
fn what_differs_between_worlds_is_that_of_the_kept_result() {
    let result = result(kept!("2026-11-27-worlds"));
    let [sim, local] = &result.variants[..] else { panic!("two worlds") };
    let of = |name: &str, figure: fn(&Variant) -> f64, shown: fn(f64) -> String| {
        let [sim, local] = [sim, local].map(figure);
        let difference = (sim / local - 1.0) * 100.0;
        let sign = if difference < 0.0 { "−" } else { "+" };
        row([name.to_owned(), shown(local), shown(sim), format!("{sign}{:.1} %", difference.abs())])
    };
    let time = |us: f64| units::duration_us(us as u64);
    let rows = [
        of(
            "wire bytes per node and second",
            |v| v.bandwidth.wire_bytes_per_node_per_second.mean,
            units::bytes,
        ),
        of("packets per node and second", |v| v.bandwidth.packets_per_node_per_second, units::significant),
        of("crash to first declared dead, p50", |v| v.detection.first_dead_us.p50 as f64, time),
        of("convergence of writes, pairs, p50", |v| v.convergence.pairs_us.p50 as f64, time),
    ];
    is_shown(&table(&["figure", "local", "sim", "difference"], rows));
}
