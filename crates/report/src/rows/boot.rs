use rumormill_measure::{Boot, Variant, units};

use super::Rows;

impl Rows<'_> {
    /// What it took to become a cluster, where nodes had to find each other.
    pub(super) fn boot(&mut self) {
        if !self.variants.iter().any(|variant| joined(variant).is_some()) {
            return;
        }
        self.table.heading("Boot, joining through seeds");
        self.figures("until all nodes knew all", |variant| {
            let known = joined(variant)?.know_all_us;
            (known.count == variant.nodes).then(|| units::duration_us(known.max))
        });
        if self.variants.iter().any(|variant| knew_all(variant).is_some_and(|knew| knew < variant.nodes)) {
            self.figures("nodes that knew all", |variant| {
                Some(format!("{} of {}", units::count(knew_all(variant)?), units::count(variant.nodes)))
            });
        }
        self.figures("wire, whole boot, per node", |variant| {
            Some(units::bytes(joined(variant)?.wire_bytes_per_node))
        });
    }
}

fn joined(variant: &Variant) -> Option<&Boot> {
    Some(&variant.boot).filter(|boot| boot.mode == "join")
}

fn knew_all(variant: &Variant) -> Option<u64> {
    joined(variant).map(|boot| boot.know_all_us.count)
}
