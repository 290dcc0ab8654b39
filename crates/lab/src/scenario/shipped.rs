/// The scenario files that come with the program, by name: they are in it, so that whoever has the program alone has them.
pub const SCENARIOS: [(&str, &str); 17] = [
    ("churn", include_str!("../../../../scenarios/churn.toml")),
    ("consensus", include_str!("../../../../scenarios/consensus.toml")),
    ("coordinator-death", include_str!("../../../../scenarios/coordinator-death.toml")),
    ("detection-law", include_str!("../../../../scenarios/detection-law.toml")),
    ("flapping", include_str!("../../../../scenarios/flapping.toml")),
    ("fleet-demo", include_str!("../../../../scenarios/fleet-demo.toml")),
    ("join-storm", include_str!("../../../../scenarios/join-storm.toml")),
    ("leader", include_str!("../../../../scenarios/leader.toml")),
    ("lifeguard", include_str!("../../../../scenarios/lifeguard.toml")),
    ("loss", include_str!("../../../../scenarios/loss.toml")),
    ("matrix", include_str!("../../../../scenarios/matrix.toml")),
    ("one-way-partition", include_str!("../../../../scenarios/one-way-partition.toml")),
    ("pause", include_str!("../../../../scenarios/pause.toml")),
    ("restart", include_str!("../../../../scenarios/restart.toml")),
    ("skew", include_str!("../../../../scenarios/skew.toml")),
    ("split-brain", include_str!("../../../../scenarios/split-brain.toml")),
    ("starvation", include_str!("../../../../scenarios/starvation.toml")),
];

/// The text of a scenario file that comes with the program.
pub(super) fn text(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}
