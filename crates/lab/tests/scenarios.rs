//! The scenario files that come with the program.

use std::{fs, path::Path};

use rumormill_lab::{Draft, SCENARIOS, Scenario};

const FILES: [&str; 17] = [
    "churn",
    "consensus",
    "coordinator-death",
    "detection-law",
    "flapping",
    "fleet-demo",
    "join-storm",
    "leader",
    "lifeguard",
    "loss",
    "matrix",
    "one-way-partition",
    "pause",
    "restart",
    "skew",
    "split-brain",
    "starvation",
];

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"))
}

fn scenario(name: &str) -> Scenario {
    let text = fs::read_to_string(directory().join(name).with_extension("toml")).expect("it is there");
    assert!(text.starts_with("# "), "{name} says what it shows");
    assert!(text.contains("\n# Worlds: "), "{name} says where it runs");
    let mut draft = Draft::default();
    draft.overlay(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    draft.finish().unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_file_is_a_scenario_of_its_name() {
    let mut found: Vec<_> = fs::read_dir(directory())
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("plain names"))
        .collect();
    found.sort();
    assert_eq!(found, FILES.map(|name| format!("{name}.toml")));
    assert_eq!(SCENARIOS.map(|(name, _)| name), FILES, "all are in the program too");
    for name in FILES {
        let scenario = scenario(name);
        assert_eq!(scenario.name, name);
        let mut again = Draft::default();
        again.overlay(&scenario.to_toml()).expect("what is printed can be read");
        assert_eq!(again.finish(), Ok(scenario));
    }
}

#[test]
fn half_of_the_nodes_crash_one_by_one() {
    let strikes = scenario("detection-law").strikes();
    assert!(strikes.iter().all(|strike| strike.kind.name() == "crash" && strike.nodes.len() == 1));
    assert!(strikes.windows(2).all(|pair| (pair[1].at - pair[0].at).as_secs() == 3));
    assert_eq!(strikes.len(), 50);
}

#[test]
fn the_seed_of_a_mass_join_is_not_among_those_that_restart() {
    let scenario = scenario("restart");
    let [restart] = &scenario.strikes()[..] else { panic!("one fault") };
    assert_eq!((restart.nodes.len(), restart.nodes[0].0 > 0), (50, true));
}
