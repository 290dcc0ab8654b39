//! `rumormill doctor`: whether this machine holds a number of real nodes, and what would help.

use humantime::format_duration;
use rumormill_lab::{Resources, Scenario};
use rumormill_measure::{World, units};
use serde_json::json;

use crate::{
    Failure, Registry, Setting,
    arguments::{Common, Doctor, Source},
    capacity::{self, Row},
    epidemic,
    needs::Needs,
    output, source,
};

/// What is asked of the nodes where nothing else is said.
const PRESET: &str = "idle";

/// The first line of advice is indented as the rows are.
const INDENT: &str = "  ";

/// Looks at this machine, prints what it found, and fails when the nodes do not fit.
pub(crate) fn examine(asked: Doctor, registry: &Registry) -> Result<(), Failure> {
    let Doctor { mut source, nodes, protocol, view, processes, set, json } = asked;
    if source == Source::default() {
        source.preset = Some(PRESET.to_owned());
    }
    let common = Common { nodes, view, processes, set, ..Common::default() };
    let scenario = source::scenario(&source, false, &common)?;
    epidemic::refuse(&scenario)?;
    let protocol = registry.named("--protocol", &protocol)?;
    let setting = common.setting_on(World::Local);
    if let Some(refusal) = registry.refusal(protocol, &scenario, &setting) {
        return Err(Failure::BadInput(refusal));
    }
    let finding = Finding::of(&scenario, protocol, &setting, &Resources::here());
    output::print(&if json { finding.json() } else { finding.table() })?;
    let lacking = finding.lacking();
    if lacking.is_empty() {
        return Ok(());
    }
    let nodes = units::count(finding.nodes as u64);
    Err(Failure::BadInput(format!(
        "{nodes} nodes do not fit this machine for want of {}",
        lacking.join(" and ")
    )))
}

/// What was found.
struct Finding {
    nodes: usize,
    scenario: String,
    cores: usize,
    needs: Needs,
    rows: Vec<Row>,
}

impl Finding {
    fn of(scenario: &Scenario, protocol: &str, setting: &Setting, there: &Resources) -> Self {
        Self {
            nodes: scenario.cluster.nodes,
            scenario: scenario.name.clone(),
            cores: there.cores,
            needs: Needs::of(scenario, protocol, setting),
            rows: capacity::examine(scenario, protocol, setting, there),
        }
    }

    fn lacking(&self) -> Vec<&'static str> {
        self.rows.iter().filter(|row| !row.verdict.fits()).map(|row| row.resource).collect()
    }

    fn table(&self) -> String {
        let head = ["resource", "needed", "there", "verdict"].map(str::to_owned);
        let rows = self.rows.iter();
        let cells = |row: &Row| {
            [row.resource.to_owned(), row.needed.clone(), row.there.clone(), row.verdict.name().to_owned()]
        };
        let lines: Vec<_> = std::iter::once(head).chain(rows.map(cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let [first, second, third] = [0, 1, 2].map(width);
        let nodes = units::count(self.nodes as u64);
        let mut text = format!("{nodes} real nodes on this machine, scenario {}\n\n", self.scenario);
        for [resource, needed, there, verdict] in &lines {
            text += &format!("{INDENT}{resource:first$}  {needed:>second$}  {there:>third$}  {verdict}\n");
        }
        let fixes: Vec<_> =
            self.rows.iter().filter_map(|row| Some((row.resource, row.fix.as_ref()?))).collect();
        if !fixes.is_empty() {
            text += "\nWhat helps\n";
        }
        for (resource, fix) in fixes {
            text += &format!("{INDENT}{resource:first$}  {fix}\n");
        }
        let verdict = if self.lacking().is_empty() { "They fit" } else { "They do not fit" };
        text + &format!("\n{verdict}. By an estimate: {}.\n", self.estimate())
    }

    fn estimate(&self) -> String {
        estimate(&self.needs, self.cores)
    }

    fn json(&self) -> String {
        let object = json!({
            "nodes": self.nodes,
            "scenario": self.scenario,
            "fits": self.lacking().is_empty(),
            "rows": self.rows,
            "estimate": {
                "descriptors": self.needs.descriptors,
                "ports": self.needs.ports,
                "memory_bytes": self.needs.memory_bytes.round(),
                "cores": self.needs.cores,
                "until_warm_up_seconds": self.needs.until_warm_up(self.cores).as_secs_f64(),
                "seconds": self.needs.duration(self.cores).as_secs_f64(),
            },
        });
        format!("{object:#}\n")
    }
}

/// What a run takes on so many cores, in words.
pub(crate) fn estimate(needs: &Needs, cores: usize) -> String {
    let whole_seconds =
        |time: std::time::Duration| format_duration(std::time::Duration::from_secs(time.as_secs()));
    let busy =
        needs.cores.map_or(String::new(), |busy| format!("{} of {cores} cores, ", units::significant(busy)));
    format!(
        "{} of memory, {busy}{} until the warm-up and at most {} a variant",
        units::bytes(needs.memory_bytes),
        whole_seconds(needs.until_warm_up(cores)),
        whole_seconds(needs.duration(cores)),
    )
}

#[cfg(test)]
mod tests {
    use rumormill_lab::Draft;

    use super::*;
    use crate::RUMORMILL;

    fn finding(descriptors: u64) -> Finding {
        let mut draft = Draft::preset(PRESET).expect("a preset");
        draft.set("cluster.nodes=10000").expect("a valid size");
        let scenario = draft.finish().expect("a valid scenario");
        let there = Resources { descriptors: Some(descriptors), cores: 2, ..Resources::default() };
        Finding::of(&scenario, RUMORMILL, &Common::default().setting_on(World::Local), &there)
    }

    #[test]
    fn a_finding_names_each_resource_and_the_command_for_what_lacks() {
        let table = finding(1_024).table();
        for part in [
            "10,000 real nodes",
            "  file descriptors   10,064      1,024  too little\n",
            "  file descriptors  sudo prlimit --pid $$ --nofile=10064:10064\n",
            "They do not fit. By an estimate: 2.07 GB of memory, 0.930 of 2 cores, 31s until the warm-up",
        ] {
            assert!(table.contains(part), "{table} lacks {part}");
        }
        assert!(finding(20_000).table().contains("They fit."));
    }

    #[test]
    fn machines_read_the_same() {
        let json: serde_json::Value = serde_json::from_str(&finding(1_024).json()).expect("JSON");
        assert_eq!(json["fits"], false);
        assert_eq!(json["rows"][0]["verdict"], "lacking");
        assert_eq!(json["estimate"]["descriptors"], 10_064);
    }
}
