use std::time::Duration;

use super::*;
use crate::{
    PRESETS,
    scenario::{
        DetectorMode, Direction, FaultKind, NodeSettings, PeersMode, PhiFormula, Victims, fault::KINDS,
        key::KEYS,
    },
};

fn refusal(layers: impl IntoIterator<Item = &'static str>) -> String {
    let mut draft = Draft::default();
    for setting in layers {
        if let Err(error) = draft.set(setting) {
            return error.to_string();
        }
    }
    draft.finish().expect_err("a refusal").to_string()
}

#[test]
fn every_preset_reads_back_as_itself() {
    for name in PRESETS {
        let scenario = Draft::preset(name).and_then(Draft::finish).expect("a preset is valid");
        assert_eq!(scenario.name, name);
        let mut again = Draft::default();
        again.overlay(&scenario.to_toml()).expect("what is printed can be read");
        assert_eq!(again.finish(), Ok(scenario));
    }
}

/// One of each kind; what has a default is left out.
const ALL_FAULTS: &str = r#"fault = [
    {at = "1s", kind = "crash", nodes = 1},
    {at = "2s", kind = "leave", nodes = "1%"},
    {at = "3s", kind = "restart", nodes = [7]},
    {at = "4s", kind = "pause", for = "500ms", nodes = 1},
    {at = "4s", kind = "block", for = "5s", every = "9s", during = "20s", timing = "together", nodes = 4},
    {at = "5s", kind = "partition", for = "20s", nodes = 10},
    {at = "6s", kind = "loss", for = "1m", loss = 1, direction = "in", nodes = 1},
    {at = "7s", kind = "slow", for = "1h", delay = "30ms", direction = "out", nodes = 1},
    {at = "8s", kind = "skew", for = "10s", drift = -0.25, nodes = 3},
    {at = "9s", kind = "join_storm", nodes = "20%"},
]"#;

#[test]
fn the_table_of_keys_is_what_a_scenario_prints() {
    let mut draft = Draft::default();
    draft.overlay(ALL_FAULTS).expect("valid faults");
    let scenario = draft.finish().expect("a valid scenario");
    let mut printed: Table = toml::from_str(&scenario.to_toml()).expect("TOML");
    let epidemic = Draft::preset("epidemic").and_then(Draft::finish).expect("a preset is valid");
    let epidemic: Table = toml::from_str(&epidemic.to_toml()).expect("TOML");
    printed.extend(epidemic.into_iter().filter(|(_, value)| !value.is_table()));
    let mut paths = Vec::new();
    for (name, value) in &printed {
        let tables = match value {
            Value::Table(table) => vec![table],
            Value::Array(list) => {
                list.iter().map(|fault| fault.as_table().expect("faults are tables")).collect()
            }
            _ => {
                paths.push(name.clone());
                continue;
            }
        };
        paths.extend(tables.into_iter().flat_map(Table::keys).map(|key| format!("{name}.{key}")));
    }
    paths.sort();
    paths.dedup();
    let mut known: Vec<_> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    known.sort();
    assert_eq!(paths, known);
}

#[test]
fn every_kind_of_fault_reads_back_and_gets_its_defaults() {
    let mut draft = Draft::default();
    draft.overlay(ALL_FAULTS).expect("valid faults");
    let scenario = draft.finish().expect("a valid scenario");
    let kinds: Vec<_> = scenario.faults.iter().map(|fault| fault.kind.name()).collect();
    assert_eq!(kinds, KINDS);
    assert_eq!(scenario.faults[2].kind, FaultKind::Restart { lasts: Duration::from_secs(1) });
    let (lasts, direction) = (Duration::from_secs(20), Direction::Both);
    assert_eq!(scenario.faults[5].kind, FaultKind::Partition { lasts, direction });
    let (lasts, direction) = (Duration::from_secs(60), Direction::In);
    assert_eq!(scenario.faults[6].kind, FaultKind::Loss { lasts, direction, loss: 1.0 });
    let mut again = Draft::default();
    again.overlay(&scenario.to_toml()).expect("what is printed can be read");
    assert_eq!(again.finish(), Ok(scenario));
}

#[test]
fn a_fault_takes_the_keys_of_its_kind_and_no_others() {
    for (fault, sentence) in [
        ("kind=\"crash\",for=\"1s\"", "fault.for means nothing to a fault of kind \"crash\": leave it out"),
        ("kind=\"leave\",for=\"1s\"", "fault.for means nothing to a fault of kind \"leave\": leave it out"),
        (
            "kind=\"restart\",direction=\"in\"",
            "fault.direction means nothing to a fault of kind \"restart\": leave it out",
        ),
        (
            "kind=\"pause\",for=\"1s\",loss=0.5",
            "fault.loss means nothing to a fault of kind \"pause\": leave it out",
        ),
        (
            "kind=\"partition\",for=\"1s\",delay=\"1s\"",
            "fault.delay means nothing to a fault of kind \"partition\": leave it out",
        ),
        (
            "kind=\"join_storm\",for=\"1s\"",
            "fault.for means nothing to a fault of kind \"join_storm\": leave it out",
        ),
        ("kind=\"skew\",for=\"1s\"", "fault.drift is missing, it must be a number from -0.9 to 1"),
        ("kind=\"pause\"", "fault.for is missing, it must be a duration from \"1ms\" to \"1h\""),
        ("kind=\"partition\"", "fault.for is missing, it must be a duration from \"1ms\" to \"1h\""),
        ("kind=\"loss\",for=\"1s\"", "fault.loss is missing, it must be a number from 0 to 1"),
        ("kind=\"slow\",for=\"1s\"", "fault.delay is missing, it must be a duration from \"0s\" to \"1m\""),
        ("kind=\"pause\",for=\"2h\"", "fault.for is \"2h\", but must be a duration from \"1ms\" to \"1h\""),
        (
            "kind=\"partition\",for=\"1s\",direction=\"up\"",
            "fault.direction is \"up\", but must be \"both\" or \"out\" or \"in\"",
        ),
    ] {
        let setting = format!("fault=[{{at=\"1s\",nodes=1,{fault}}}]");
        let refused = Draft::default().set(&setting).expect_err("a refusal");
        assert_eq!(refused.to_string(), sentence);
    }
}

#[test]
fn later_layers_win_and_leave_other_keys_alone() {
    let mut draft = Draft::preset("writes").expect("a preset");
    draft
        .overlay("[node]\nfanout = 5\nprotocol_period = \"2s\"\n[workload]\nwrites_per_second = 3")
        .expect("valid");
    draft.set("node.protocol_period = 1500ms").expect("valid");
    draft.set("node={partners=4}").expect("valid");
    draft.set("fault=[{at=\"1s\",kind=\"crash\",nodes=\"2.5%\"}]").expect("valid");
    let scenario = draft.finish().expect("valid");
    assert_eq!(scenario.node.fanout, 5);
    assert_eq!(scenario.node.partners, 4);
    assert_eq!(scenario.node.protocol_period, Duration::from_millis(1500));
    assert_eq!(scenario.workload.writes_per_second, 3.0);
    assert_eq!(scenario.workload.write_bytes, 1024);
    assert_eq!(scenario.faults[0].nodes, Victims::Percent(2.5));
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    for (setting, key, nearest) in [
        ("node.fanuot=4", "node.fanuot", "node.fanout"),
        ("partners=4", "partners", "node.partners"),
        ("cluster.protocol_period=1s", "cluster.protocol_period", "node.protocol_period"),
        ("workload.write_per_second=1", "workload.write_per_second", "workload.writes_per_second"),
        ("fault=[{at=\"1s\",kynd=\"crash\",nodes=1}]", "fault.kynd", "fault.kind"),
        ("nodes=4", "nodes", "cluster.nodes"),
    ] {
        assert_eq!(refusal([setting]), format!("unknown key `{key}`, the nearest is `{nearest}`"));
    }
    let mut draft = Draft::default();
    let error = draft.overlay("[net]\nloss = 0.1\nlatency = \"1ms\"").expect_err("no such table");
    assert!(error.to_string().starts_with("line 1: unknown key `net`,"), "{error}");
    let error = draft.overlay("\"node.fanout\" = 3").expect_err("a quoted path is one key");
    assert!(
        error.to_string().starts_with("line 1: unknown key `\"node.fanout\"`, the nearest is `node.fanout`"),
        "{error}"
    );
}

#[test]
fn a_value_that_does_not_fit_is_named_with_what_is_wanted() {
    for (setting, sentence) in [
        ("cluster.nodes=1", "cluster.nodes is 1, but must be a whole number from 2 to 10,000,000"),
        ("cluster.nodes=-3", "cluster.nodes is -3, but must be a whole number from 2 to 10,000,000"),
        ("cluster.nodes=many", "cluster.nodes is \"many\", but must be a whole number from 2 to 10,000,000"),
        ("cluster.nodes=10.0", "cluster.nodes is 10.0, but must be a whole number from 2 to 10,000,000"),
        (
            "cluster.value_bytes=65537",
            "cluster.value_bytes is 65537, but must be a whole number from 1 to 65,536",
        ),
        (
            "cluster.keys_per_node=1025",
            "cluster.keys_per_node is 1025, but must be a whole number from 0 to 1,024",
        ),
        (
            "workload.writes_per_second=nan",
            "workload.writes_per_second is nan, but must be a number from 0 to 100000",
        ),
        (
            "workload.writes_per_second=inf",
            "workload.writes_per_second is inf, but must be a number from 0 to 100000",
        ),
        (
            "workload.writes_per_second=-1",
            "workload.writes_per_second is -1.0, but must be a number from 0 to 100000",
        ),
        ("phases.measure=30", "phases.measure is 30, but must be a duration from \"1ms\" to \"1day\""),
        ("phases.measure=0s", "phases.measure is \"0s\", but must be a duration from \"1ms\" to \"1day\""),
        ("phases.warm_up=-1s", "phases.warm_up is \"-1s\", but must be a duration from \"0s\" to \"1day\""),
        (
            "node.protocol_period=2days",
            "node.protocol_period is \"2days\", but must be a duration from \"1ms\" to \"1day\"",
        ),
        (
            "node.preset=moon",
            "node.preset is \"moon\", but must be \"lan\" or \"wan\" or \"memberlist-lan\" or \"memberlist-wan\" or \
             \"cassandra\" or \"chitchat\"",
        ),
        ("node.state=merkle", "node.state is \"merkle\", but must be \"delta\" or \"full\" or \"digest\""),
        ("node.digest=merkle", "node.digest is \"merkle\", but must be \"full\" or \"zstd\" or \"sketch\""),
        ("node=7", "node is 7, but must be a table"),
        ("seed=-1", "seed is -1, but must be a whole number from 0 to 9,223,372,036,854,775,807"),
    ] {
        assert_eq!(refusal([setting]), sentence);
    }
    for (setting, key, wanted) in [
        ("name=a/b", "name", "letters, digits"),
        ("name=..", "name", "letters, digits"),
        ("fault.at=1s", "fault", "a list of tables"),
        ("fault=[1]", "fault", "a list of tables"),
        ("fault=[{at=\"1s\",kind=\"flood\",nodes=1}]", "fault.kind", "\"crash\" or \"leave\" or \"restart\""),
        ("network.rate=10", "network.rate", "such as \"10mbit\""),
        ("network.loss=1.1", "network.loss", "a number from 0 to 1"),
        ("network.burst=0.5", "network.burst", "a number from 1 to 1000"),
        ("network.latency=2m", "network.latency", "a duration from \"0s\" to \"1m\""),
        ("node.peers=all", "node.peers", "\"sticky\" or \"uniform\""),
        ("node.dissemination=flood", "node.dissemination", "\"push\" or \"pull\" or \"push-pull\""),
        ("fault=[{at=\"1s\",kind=\"crash\",nodes=\"101%\"}]", "fault.nodes", "a percentage"),
    ] {
        let sentence = refusal([setting]);
        assert!(sentence.starts_with(&format!("{key} is ")) && sentence.contains(wanted), "{sentence}");
    }
    assert_eq!(
        refusal(["fault=[{kind=\"crash\",nodes=1}]"]),
        "fault.at is missing, it must be a duration from \"0s\" to \"1day\""
    );
}

#[test]
fn a_probe_takes_half_of_a_short_period_unless_something_else_is_asked_for() {
    let timeout = |settings: &[&str]| {
        let mut draft = Draft::preset("idle").expect("it is one");
        settings.iter().for_each(|setting| draft.set(setting).expect("it fits"));
        draft.finish().map(|scenario| scenario.node.probe_timeout.as_millis())
    };
    assert_eq!(timeout(&["node.protocol_period=100ms"]).ok(), Some(50));
    assert_eq!(timeout(&["node.protocol_period=3s"]).ok(), Some(500));
    assert_eq!(timeout(&["node.protocol_period=100ms", "node.probe_timeout=20ms"]).ok(), Some(20));
    assert!(timeout(&["node.protocol_period=100ms", "node.probe_timeout=500ms"]).is_err());
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (settings, start) in [
        (&["node.probe_timeout=1s"][..], "node.probe_timeout is 1s, not below node.protocol_period of 1s: "),
        (&["node.partners=7"], "node.partners is 7, an odd number: "),
        (&["cluster.boot=join", "cluster.nodes=2"], "cluster.seeds is 3, more than the 2 nodes there are: "),
        (
            &["cluster.keys_per_node=0", "workload.writes_per_second=1"],
            "workload.writes_per_second is 1, but ",
        ),
        (&["cluster.nodes=100000", "cluster.value_bytes=4096"], "cluster.keys_per_node is 8, which makes "),
        (
            &["workload.writes_per_second=100000"],
            "workload.writes_per_second is 100000, which makes 3000000 writes",
        ),
        (
            &["fault=[{at=\"30s\",kind=\"crash\",nodes=1}]"],
            "fault.at is 30s, but the measured phase lasts 30s: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"crash\",nodes=[100]}]"],
            "fault.nodes names node 100, which is not there: ",
        ),
        (&["fault=[{at=\"1s\",kind=\"crash\",nodes=[4,4]}]"], "fault.nodes names node 4 twice: "),
        (
            &["fault=[{at=\"1s\",kind=\"crash\",nodes=\"100%\"}]"],
            "fault.nodes makes 100 of 100 nodes crash, leave or restart in all: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"leave\",nodes=[4]},{at=\"2s\",kind=\"restart\",nodes=[4]}]"],
            "fault.nodes names node 4 twice: ",
        ),
        (
            &["cluster.boot=join", "fault=[{at=\"1s\",kind=\"crash\",nodes=98}]"],
            "fault.nodes asks for 98 nodes, and 97 are left to draw from: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"crash\",nodes=2},{at=\"2s\",kind=\"pause\",for=\"1s\",nodes=99}]"],
            "fault.nodes asks for 99 nodes, and 98 are left to draw from: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"partition\",for=\"1s\",nodes=\"100%\"}]"],
            "fault.nodes makes a partition between all 100 nodes and no others: ",
        ),
        (
            &[r#"fault=[{at="1s",kind="pause",for="2s",every="2s",during="9s",nodes=1}]"#],
            "fault.every is 2s, but the fault lasts 2s each time: ",
        ),
        (
            &[r#"fault=[{at="1s",kind="block",for="1ms",every="2ms",during="1h",nodes=1}]"#],
            "fault.during is 1h, which makes 1800000 spells, over the limit of 1000000: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"join_storm\",nodes=[4]}]"],
            "fault.nodes names nodes, but those of a join_storm are not there yet: ",
        ),
        (
            &["fault=[{at=\"1s\",kind=\"join_storm\",nodes=10001}]"],
            "fault.nodes makes 10001 nodes join, over the limit of 10000: ",
        ),
        (
            &["workload.joins_per_second=334"],
            "workload.joins_per_second is 334, which makes 10020 nodes, over the limit of 10000: ",
        ),
        (
            &["cluster.nodes=10", "workload.leaves_per_second=10"],
            "workload.leaves_per_second is 10, but 0s into the measured phase nobody is left that no fault hits and",
        ),
        (
            &["network.loss=0.9", "network.burst=5"],
            "network.burst is 5, but at a network.loss of 0.9 packets are lost 10.0 in a row",
        ),
    ] {
        let sentence = refusal(settings.iter().copied());
        assert!(sentence.starts_with(start), "{sentence}");
    }
}

#[test]
fn what_is_no_toml_or_no_setting_is_refused_with_its_place() {
    let error = Draft::default().overlay("seed = 1\nname = \n").expect_err("a value is missing");
    assert!(error.to_string().starts_with("line 2: "), "{error}");
    for setting in ["node.fanout", "=3", "node.=3", ".=", ""] {
        assert!(matches!(Draft::default().set(setting), Err(ScenarioError::NotASetting(_))), "{setting}");
    }
    assert!(Draft::preset("idel").expect_err("a typo").to_string().contains("the nearest is `idle`"));
}

#[test]
fn a_node_preset_gives_way_to_what_is_asked_for_whatever_the_order() {
    let scenario = |settings: &[&str]| {
        let mut draft = Draft::preset("crash").expect("a preset");
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        draft.finish().expect("a valid scenario")
    };
    let cassandra = scenario(&["node.preset=cassandra"]).node;
    assert_eq!((cassandra.detector, cassandra.phi), (DetectorMode::Heartbeat, PhiFormula::Cassandra));
    assert_eq!((cassandra.fanout, cassandra.peers), (1, PeersMode::Uniform));
    // 3 is what there is without a preset too.
    for order in [["node.preset=cassandra", "node.fanout=3"], ["node.fanout=3", "node.preset=cassandra"]] {
        assert_eq!(scenario(&order).node, NodeSettings { fanout: 3, ..cassandra.clone() });
        let mut again = Draft::default();
        again.overlay(&scenario(&order).to_toml()).expect("a scenario file");
        assert_eq!(again.finish().expect("a scenario"), scenario(&order), "a file repeats it");
    }
    let chitchat = scenario(&["node.preset=chitchat"]).node;
    assert_eq!((chitchat.phi, chitchat.fanout), (PhiFormula::Chitchat, 3));
    assert_eq!(scenario(&["node.preset=lan"]).node, scenario(&[]).node);
}

#[test]
fn the_presets_of_a_node_are_valid() {
    for name in node_preset::NODE_PRESETS {
        let mut draft = Draft::default();
        draft.set(&format!("node.preset={name}")).expect("a preset");
        draft.finish().expect("a valid scenario");
        let mut draft = Draft::default();
        for (key, value) in node_preset::values(name) {
            draft.set(&format!("node.{key}={value}")).expect("each value is one that its key takes");
        }
    }
}

#[test]
fn thresholds_of_heartbeats_go_together() {
    let refused = |settings: &[&str]| {
        let mut draft = Draft::default();
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        draft.finish().expect_err("they contradict each other").to_string()
    };
    let sentence = refused(&["node.detector=heartbeat", "node.phi_threshold=4"]);
    assert!(sentence.contains("node.phi_suspect is 5, over node.phi_threshold of 4"), "{sentence}");
    let sentence = refused(&["node.detector=heartbeat", "node.phi=off", "node.fail_after=1s"]);
    assert!(sentence.contains("node.fail_after is 1s, below two of node.protocol_period, 1s"), "{sentence}");
}

#[test]
fn a_fault_that_comes_again_says_how_often_and_for_how_long() {
    let fault = |keys: &str, kind: &str| {
        Draft::default().set(&format!(r#"fault=[{{at="1s",kind="{kind}",for="1s",nodes=2{keys}}}]"#))
    };
    let sentence = |keys, kind| fault(keys, kind).expect_err("it is incomplete").to_string();
    assert!(sentence(r#",every="5s""#, "pause").starts_with("fault.during is missing"));
    assert!(sentence(r#",during="5s""#, "block").starts_with("fault.every is missing"));
    assert!(sentence(r#",timing="together""#, "block").starts_with("fault.every is missing"));
    assert!(sentence(r#",every="5s",during="9s""#, "restart").contains("means nothing to a fault of kind"));
    let mut draft = Draft::default();
    draft
        .set(r#"fault=[{at="1s",kind="block",for="1s",nodes=2,every="5s",during="9s"}]"#)
        .expect("a valid fault");
    let scenario = draft.finish().expect("a valid scenario");
    assert_eq!(scenario.faults[0].recurs.map(|recurs| recurs.timing), Some(crate::Timing::Apart));
}
