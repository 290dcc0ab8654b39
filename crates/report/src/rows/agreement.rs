use rumormill_measure::{Consensus, Election, Summary, Variant, units};

use super::{Rows, time};

impl Rows<'_> {
    /// Whether there was a leader, where nodes elect one.
    pub(super) fn election(&mut self) {
        if self.variants.iter().all(|variant| variant.election.is_none()) {
            return;
        }
        self.table.heading("Leader");
        self.election_figure("elections", |election| units::count(election.elections));
        self.agreement("until all follow the next", |variant| Some(&variant.election.as_ref()?.agreement_us));
        self.election_figure("nobody led, in all", |election| units::duration_us(election.without_leader_us));
        self.election_figure("two led at once, in all", |election| {
            units::duration_us(election.two_leaders_us)
        });
        self.election_figure("two led at once, longest", |election| {
            units::duration_us(election.two_leaders_max_us)
        });
        if self.variants.iter().any(|variant| variant.election.is_some_and(|it| it.not_following > 0)) {
            self.election_figure("not following at the end", |election| units::count(election.not_following));
        }
    }

    /// Whether nodes agreed on what was proposed, where anything was.
    pub(super) fn consensus(&mut self) {
        if self.variants.iter().all(|variant| variant.consensus.is_none()) {
            return;
        }
        self.table.heading("Agreement on proposed values");
        self.consensus_figure("proposals", |consensus| consensus.proposals);
        self.consensus_figure("settled by all", |consensus| consensus.settled);
        self.agreement("first to act", |variant| Some(&variant.consensus.as_ref()?.first_us));
        self.agreement("last to act", |variant| Some(&variant.consensus.as_ref()?.agreement_us));
        self.consensus_figure("acted on two values", |consensus| consensus.acted_on_two);
    }

    /// One time alone has no percentiles.
    fn agreement(&mut self, label: &str, times: impl Fn(&Variant) -> Option<&Summary>) {
        if self.variants.iter().filter_map(&times).all(|times| times.count <= 1) {
            self.figures(label, |variant| time(times(variant)?, |t| t.max));
            return;
        }
        self.figures(&format!("{label}, p50"), |variant| time(times(variant)?, |t| t.p50));
        self.figures(&format!("{label}, max"), |variant| time(times(variant)?, |t| t.max));
    }

    fn election_figure(&mut self, label: &str, figure: impl Fn(&Election) -> String) {
        self.figures(label, |variant| variant.election.as_ref().map(&figure));
    }

    fn consensus_figure(&mut self, label: &str, figure: impl Fn(&Consensus) -> u64) {
        self.figures(label, |variant| variant.consensus.as_ref().map(|it| units::count(figure(it))));
    }
}
