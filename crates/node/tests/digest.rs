//! What it takes two nodes to find out what differs, and that they find it.

mod meeting;

use meeting::{Common, Cost, Meeting};
use rumormill_node::DigestForm;
use rumormill_protocol::NodeId;

const WRITERS: u32 = 10_000;

fn mean(common: Common, digest: DigestForm, differences: usize, seeds: u64) -> f64 {
    let cost = |seed| {
        let mut meeting = Meeting::new(common, digest, WRITERS, differences, seed);
        let Cost { digests, names, .. } = meeting.run();
        assert!(meeting.agrees(WRITERS), "{common:?} {digest:?} {differences} {seed}");
        digests + names
    };
    (0..seeds).map(cost).sum::<usize>() as f64 / seeds as f64
}

#[test]
fn ten_differences_of_ten_thousand_take_sixty_bytes_with_a_baseline_and_five_hundred_without() {
    let with = mean(Common::Baseline, DigestForm::Sketch, 10, 10);
    assert!(with <= 60.0, "{with}");
    let without = mean(Common::Writes, DigestForm::Sketch, 10, 10);
    assert!(without <= 500.0, "{without}");
    let roster = mean(Common::Roster, DigestForm::Sketch, 10, 10);
    assert!(roster <= without, "{roster}");
}

#[test]
fn two_nodes_agree_after_every_form_of_digest_whatever_they_have_in_common() {
    for digest in [DigestForm::Full, DigestForm::Zstd, DigestForm::Sketch] {
        for common in [Common::Baseline, Common::Roster, Common::Writes] {
            for differences in [1, 13, 300, 5_000] {
                mean(common, digest, differences, 1);
            }
        }
    }
}

#[test]
fn whoever_names_a_writer_again_and_again_is_sent_its_writes_once() {
    let mut meeting = Meeting::new(Common::Writes, DigestForm::Sketch, 100, 0, 1);
    let named = (0..100_000).map(|at| (NodeId(at % 100), 0)).collect();
    assert_eq!(meeting.ask_for(named), 100);
}
