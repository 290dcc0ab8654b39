//! Whether this machine carries it when everyone tells the heartbeat counters of everyone: an estimate.

use humantime::format_duration;
use rumormill_lab::{DetectorMode, Dissemination, Scenario};
use rumormill_measure::units;

use crate::full_state::BYTES_PER_SECOND_PER_CORE;

/// What a counter takes from its 64th heartbeat to its 8,191st.
const COUNTER_BYTES: usize = 2;

/// Why a scenario is too much for so many cores, with the arithmetic; nothing when they carry it.
pub(crate) fn refusal(scenario: &Scenario, cores: usize) -> Option<String> {
    let (node, nodes) = (&scenario.node, scenario.cluster.nodes);
    if node.detector != DetectorMode::Heartbeat {
        return None;
    }
    let (answers, ways) = match node.dissemination {
        Dissemination::Auto | Dissemination::Push | Dissemination::Tree => ("", 1),
        Dissemination::Pull | Dissemination::PushPull => (", and is answered by as many", 2),
    };
    let bytes_per_period = (nodes as f64).powi(2) * (node.fanout * COUNTER_BYTES * ways) as f64;
    let asked = bytes_per_period / node.protocol_period.as_secs_f64();
    let fitting = cores as f64 * BYTES_PER_SECOND_PER_CORE;
    (asked > fitting).then(|| {
        format!(
            "node.detector is heartbeat, so each of {nodes} nodes tells {} others the counters of all, {nodes} × \
             {COUNTER_BYTES} bytes, every {}{answers}: about {} in the whole cluster, but this machine is taken to carry {}: \
             lengthen node.protocol_period, lower node.fanout, ask for fewer nodes, simulate it with --on sim, or give \
             --force to try it",
            node.fanout,
            format_duration(node.protocol_period),
            units::bytes_per_second(asked),
            units::bytes_per_second(fitting),
        )
    })
}

#[cfg(test)]
mod tests {
    use rumormill_lab::Draft;

    use super::*;

    fn scenario(settings: &[&str]) -> Scenario {
        let mut draft = Draft::preset("idle").expect("a preset");
        for setting in settings {
            draft.set(setting).expect("a valid setting");
        }
        draft.finish().expect("a valid scenario")
    }

    #[test]
    fn two_cores_carry_the_counters_of_2886_nodes_every_second() {
        // 2 bytes to 3 others: 2886² · 6 = 49.97 MB, 2887² · 6 = 50.01 MB.
        let asked = |nodes: &str| refusal(&scenario(&["node.detector=heartbeat", nodes]), 2);
        assert_eq!(asked("cluster.nodes=2886"), None);
        let sentence = asked("cluster.nodes=2887").expect("too much");
        for part in ["2887 nodes tells 3 others", "2887 × 2 bytes", "every 1s", "50.0 MB/s", "--force"] {
            assert!(sentence.contains(part), "{sentence} lacks {part}");
        }
        // One other, both ways.
        let both = |nodes: &str| refusal(&scenario(&["node.preset=cassandra", nodes]), 2);
        assert!(both("cluster.nodes=3535").is_none() && both("cluster.nodes=3536").is_some());
    }

    #[test]
    fn probes_are_not_estimated() {
        assert_eq!(refusal(&scenario(&["cluster.nodes=100000"]), 1), None);
    }
}
