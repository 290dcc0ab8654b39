use rumormill_measure::{FaultReport, units};

use super::Rows;

/// Faults with a row of their own at most; of the others there is only the slowest.
const ROWS_MAX: usize = 8;

/// A fault that has no end, and leaves something to heal.
const STORM: &str = "join_storm";

impl Rows<'_> {
    /// How long each fault that ended was felt after its end. Variants meet the same faults.
    pub(super) fn faults(&mut self) {
        let longest = self.variants.iter().map(|variant| &variant.faults).max_by_key(|faults| faults.len());
        let ended: Vec<_> =
            longest.into_iter().flatten().enumerate().filter(|(_, fault)| heals(fault)).collect();
        if ended.is_empty() {
            return;
        }
        self.table.heading(if ended.iter().any(|(_, fault)| fault.kind == STORM) {
            "Faults: from the end of each, or a storm's beginning, until nothing wrong was held of live nodes"
        } else {
            "Faults: from the end of each until nothing wrong was held of live nodes"
        });
        let (shown, rest) = ended.split_at(ended.len().min(ROWS_MAX));
        for &(place, fault) in shown {
            self.figures(&label(fault), |variant| healed(variant.faults.get(place)?));
            self.figures("  all had what was written before", |variant| {
                variant
                    .faults
                    .get(place)?
                    .agreed_us
                    .filter(|_| variant.convergence.writes > 0)
                    .map(units::duration_us)
            });
        }
        if !rest.is_empty() {
            let label = format!("the slowest of {} more", rest.len());
            self.figures(&label, |variant| {
                let faults = rest.iter().filter_map(|&(place, _)| variant.faults.get(place));
                // One that is not healed took longer than any that is.
                healed(faults.max_by_key(|fault| fault.healed_us.unwrap_or(u64::MAX))?)
            });
        }
    }
}

fn label(fault: &FaultReport) -> String {
    let nodes = if fault.nodes == 1 { "node" } else { "nodes" };
    let until = fault.until_us.map(|us| format!(" to {}", units::duration_us(us))).unwrap_or_default();
    format!(
        "{} of {} {nodes}, {}{until}",
        fault.kind,
        units::count(fault.nodes),
        units::duration_us(fault.at_us)
    )
}

/// Whether there is an end to be felt.
fn heals(fault: &FaultReport) -> bool {
    fault.until_us.is_some() || fault.kind == STORM
}

fn healed(fault: &FaultReport) -> Option<String> {
    heals(fault).then(|| fault.healed_us.map_or_else(|| "not healed".to_owned(), units::duration_us))
}
