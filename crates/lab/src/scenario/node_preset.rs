//! What a node preset changes in the defaults, which are memberlist's of a LAN.

use toml::Table;

/// The names of the presets of `[node]`.
pub(super) const NODE_PRESETS: [&str; 6] =
    ["lan", "wan", "memberlist-lan", "memberlist-wan", "cassandra", "chitchat"];

/// The values of a preset, as keys of `[node]`.
pub(super) fn values(name: &str) -> Table {
    let text = match name {
        "wan" => WAN,
        "memberlist-lan" => MEMBERLIST_LAN,
        "memberlist-wan" => MEMBERLIST_WAN,
        "cassandra" => CASSANDRA,
        "chitchat" => CHITCHAT,
        _ => "",
    };
    text.parse().expect("a preset is TOML")
}

/// The times of memberlist's `DefaultWANConfig`, on our own overlay.
const WAN: &str = r#"
protocol_period = "5s"
probe_timeout = "3s"
suspicion_mult = 6.0
gossip_interval = "500ms"
fanout = 4
"#;

/// `DefaultLANConfig` of hashicorp/memberlist, config.go: anyone at random is probed and told.
const MEMBERLIST_LAN: &str = r#"
peers = "uniform"
protocol_period = "1s"
probe_timeout = "500ms"
indirect_probes = 3
suspicion_mult = 4.0
suspicion_max_mult = 6.0
gossip_interval = "200ms"
fanout = 3
retransmit_mult = 4
"#;

/// `DefaultWANConfig` there: what differs is slower.
const MEMBERLIST_WAN: &str = r#"
peers = "uniform"
protocol_period = "5s"
probe_timeout = "3s"
indirect_probes = 3
suspicion_mult = 6.0
suspicion_max_mult = 6.0
gossip_interval = "500ms"
fanout = 4
retransmit_mult = 4
"#;

/// Cassandra's `Gossiper` and `FailureDetector`: every second one random live node, both ways, and a conviction above a φ
/// of 8. Cassandra also gossips with a seed unless it just did, and with a dead node now and then; here the dead are
/// visited as in every preset, and there are no seeds after the boot.
const CASSANDRA: &str = r#"
detector = "heartbeat"
phi = "cassandra"
phi_threshold = 8.0
protocol_period = "1s"
gossip_interval = "1s"
peers = "uniform"
fanout = 1
dissemination = "push-pull"
"#;

/// chitchat 0.13's `server.rs` and `failure_detector.rs`: three random live nodes (`GOSSIP_COUNT`) at each interval, here
/// the 1 s that Quickwit sets, both ways, and death above a φ of 8. Seeds and the dead as above.
const CHITCHAT: &str = r#"
detector = "heartbeat"
phi = "chitchat"
phi_threshold = 8.0
protocol_period = "1s"
gossip_interval = "1s"
peers = "uniform"
fanout = 3
dissemination = "push-pull"
"#;

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::*;
    use crate::{Draft, NodeSettings, PeersMode};

    fn node(settings: &[&str]) -> NodeSettings {
        let mut draft = Draft::default();
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        draft.finish().expect("a valid scenario").node
    }

    #[test]
    fn every_preset_is_a_set_of_settings_that_go_together() {
        for name in NODE_PRESETS {
            let node = node(&[&format!("node.preset={name}")]);
            assert_eq!(Value::try_from(node.preset), Ok(Value::String(name.to_owned())));
        }
    }

    #[test]
    fn memberlists_presets_have_its_published_values() {
        let lan = node(&["node.preset=memberlist-lan"]);
        let wan = node(&["node.preset=memberlist-wan"]);
        let times = |node: &NodeSettings| {
            [node.protocol_period, node.probe_timeout, node.gossip_interval].map(|time| time.as_millis())
        };
        assert_eq!((times(&lan), times(&wan)), ([1_000, 500, 200], [5_000, 3_000, 500]));
        let counts = |node: &NodeSettings| (node.indirect_probes, node.fanout, node.retransmit_mult);
        assert_eq!((counts(&lan), counts(&wan)), ((3, 3, 4), (3, 4, 4)));
        let mults = |node: &NodeSettings| (node.suspicion_mult, node.suspicion_max_mult);
        assert_eq!((mults(&lan), mults(&wan)), ((4.0, 6.0), (6.0, 6.0)));
        assert_eq!((lan.peers, wan.peers), (PeersMode::Uniform, PeersMode::Uniform));
    }
}
