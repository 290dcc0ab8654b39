//! What it takes two nodes that meet to find out which of 10,000 versions differ: bytes in both directions until both
//! know, and how often something has to travel. Means over so many seeds (100).
//!
//! usage: reconcile [SEEDS]

#[path = "../tests/meeting/mod.rs"]
mod meeting;

use meeting::{Common, Meeting};
use rumormill_node::DigestForm;

const WRITERS: u32 = 10_000;

const ROWS: [(&str, Common, DigestForm); 9] = [
    ("same start and roster, sketch", Common::Baseline, DigestForm::Sketch),
    ("same start and roster, zstd", Common::Baseline, DigestForm::Zstd),
    ("same start and roster, full", Common::Baseline, DigestForm::Full),
    ("same roster, old start, sketch", Common::Roster, DigestForm::Sketch),
    ("same roster, old start, zstd", Common::Roster, DigestForm::Zstd),
    ("same roster, old start, full", Common::Roster, DigestForm::Full),
    ("strangers, sketch", Common::Writes, DigestForm::Sketch),
    ("strangers, zstd", Common::Writes, DigestForm::Zstd),
    ("strangers, full", Common::Writes, DigestForm::Full),
];

fn main() {
    let seeds = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(100).max(1);
    println!("| bytes (trips) | d=1 | 10 | 100 | 1000 |\n|---|---|---|---|---|");
    for (name, common, digest) in ROWS {
        let cells: Vec<String> = [1, 10, 100, 1000].iter().map(|d| cell(common, digest, *d, seeds)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn cell(common: Common, digest: DigestForm, differences: usize, seeds: u64) -> String {
    // A digest of all takes about the same whatever differs.
    let seeds = if digest == DigestForm::Sketch { seeds } else { seeds.min(10) };
    let (mut bytes, mut names, mut trips) = (0, 0, 0);
    for seed in 0..seeds {
        let mut meeting = Meeting::new(common, digest, WRITERS, differences, seed);
        let cost = meeting.run();
        assert!(meeting.agrees(WRITERS), "{common:?} {digest:?} {differences} {seed}");
        bytes += cost.digests;
        names += cost.names;
        trips += cost.trips;
    }
    let mean = |sum: usize| sum as f64 / seeds as f64;
    format!("{:.0} + {:.0} ({:.1})", mean(bytes), mean(names), mean(trips))
}
