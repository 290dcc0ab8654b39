use rumormill_measure::{Turnover, Variant, units};

use super::{Rows, time};

impl Rows<'_> {
    /// Who joined and who left, and how soon the others knew.
    pub(super) fn turnover(&mut self) {
        let any =
            |some: fn(&Turnover) -> u64| self.variants.iter().any(|variant| some(&variant.turnover) > 0);
        let (joined, left) = (any(|turnover| turnover.joined), any(|turnover| turnover.left));
        if !joined && !left {
            return;
        }
        self.table.heading("Nodes that came and went");
        if joined {
            self.figures("joined", |v| Some(units::count(v.turnover.joined)));
            self.figures("known to all residents, p50", |v| time(&v.turnover.known_us, |t| t.p50));
            self.figures("known to all residents, max", |v| time(&v.turnover.known_us, |t| t.max));
            self.figures("knows all residents, p50", |v| time(&v.turnover.knows_us, |t| t.p50));
            self.figures("knows all residents, max", |v| time(&v.turnover.knows_us, |t| t.max));
            self.untold("never known to all", |v| v.turnover.joined - v.turnover.known_us.count);
        }
        if left {
            self.figures("left", |v| Some(units::count(v.turnover.left)));
            self.figures("gone for all residents, p50", |v| time(&v.turnover.missed_us, |t| t.p50));
            self.figures("gone for all residents, max", |v| time(&v.turnover.missed_us, |t| t.max));
            self.untold("never gone for all", |v| v.turnover.left - v.turnover.missed_us.count);
        }
    }

    /// A count that is shown where it is not 0 everywhere.
    fn untold(&mut self, label: &str, count: impl Fn(&Variant) -> u64) {
        if self.variants.iter().any(|variant| count(variant) > 0) {
            self.figures(label, |variant| Some(units::count(count(variant))));
        }
    }
}
