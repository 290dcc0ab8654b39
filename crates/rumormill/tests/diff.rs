//! `diff` through the command line: what exit code which two results give, that chance raises no alarm, and that deltas a
//! fifth larger do.
//!
//! The larger deltas are made by this program itself: called with [`HEAVIER`] in its environment it is a rumormill whose
//! nodes say the same and pad what passes on state.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
    sync::Arc,
};

use rumormill::{
    RUMORMILL, Registry,
    protocol::{
        Cause, DecodeError, LinkEvent, NodeId, Output as Wish, Protocol, Sizes, Start, Time, View, Wire,
    },
};
use rumormill_node::{Config, Dissemination, Message, Node};
use serde_json::Value;

const HEAVIER: &str = "RUMORMILL_TEST_HEAVIER_DELTAS";

/// Our node, with deltas a fifth larger.
struct HeavierNode(Node);

#[derive(Clone)]
struct Padded {
    message: Message,
    is_delta: bool,
}

impl Wire for Padded {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let Sizes { payload, compressed } = self.message.encode(out);
        let padding = if self.is_delta { payload / 5 } else { 0 };
        out.resize(out.len() + padding, 0);
        Sizes { payload: payload + padding, compressed: compressed + padding }
    }

    /// In virtual time messages are passed on as they are.
    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::Truncated)
    }
}

impl Protocol for HeavierNode {
    type Config = Arc<Config>;
    type Message = Padded;

    fn new(config: &Arc<Config>, start: &Start, now: Time) -> Self {
        Self(Node::new(config, start, now))
    }

    fn handle_message(&mut self, now: Time, from: NodeId, message: Padded) {
        self.0.handle_message(now, from, message.message);
    }

    fn handle_link(&mut self, now: Time, peer: NodeId, link: LinkEvent) {
        self.0.handle_link(now, peer, link);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.0.handle_timeout(now);
    }

    fn handle_command(&mut self, now: Time, command: rumormill::protocol::Command) {
        self.0.handle_command(now, command);
    }

    fn poll_output(&mut self) -> Option<Wish<Padded>> {
        Some(match self.0.poll_output()? {
            Wish::Send { to, channel, cause, message } => {
                let message = Padded { message, is_delta: cause == Cause::Delta };
                Wish::Send { to, channel, cause, message }
            }
            Wish::Connect(peer) => Wish::Connect(peer),
            Wish::Disconnect(peer) => Wish::Disconnect(peer),
            Wish::Release(peer) => Wish::Release(peer),
            Wish::Introduce { id, address } => Wish::Introduce { id, address },
            Wish::Event(event) => Wish::Event(event),
        })
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.0.poll_timeout()
    }

    fn view(&self) -> &dyn View {
        self.0.view()
    }
}

fn main() -> ExitCode {
    if env::var_os(HEAVIER).is_some() {
        let mut registry = Registry::standard();
        let config = || Arc::new(Config { dissemination: Dissemination::Tree, ..Config::default() });
        registry.add::<HeavierNode>(RUMORMILL, move |_, _| config());
        return rumormill::run(&registry);
    }
    // Whoever asks for a list of tests, or for one by its name, does not mean this.
    if env::args()
        .skip(1)
        .any(|argument| argument != "--nocapture" && argument != "-q" && argument != "--quiet")
    {
        return ExitCode::SUCCESS;
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let home = home.path();
    seeds_of_one_build_raise_no_alarm(home);
    larger_deltas_are_a_regression_of_bandwidth(home);
    what_repeats_is_compared_exactly(home);
    each_exit_code_has_its_cause(home);
    ranks_decide_where_there_are_enough_repetitions(home);
    ExitCode::SUCCESS
}

const WRITES: &str =
    "run --preset writes --nodes 40 --seconds 15 --set workload.write_bytes=256 --on sim --quiet --overwrite";

fn call(home: &Path, program: &Path, line: &str) -> Output {
    let mut command = Command::new(program);
    if program != plain() {
        command.env(HEAVIER, "1");
    }
    command.current_dir(home).args(line.split(' ')).output().expect("the program runs")
}

fn plain() -> PathBuf {
    env!("CARGO_BIN_EXE_rumormill").into()
}

fn heavier() -> PathBuf {
    env::current_exe().expect("this program has a path")
}

fn run(home: &Path, program: &Path, options: &str, out: &str) {
    let output = call(home, program, &format!("{WRITES} {options} --out {out}"));
    assert_eq!(output.status.code(), Some(0), "{options}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The exit code, and what is printed.
fn diff(home: &Path, line: &str) -> (i32, String) {
    let output = call(home, &plain(), &format!("diff {line}"));
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("it ends by itself"), text)
}

fn seeds_of_one_build_raise_no_alarm(home: &Path) {
    const PAIRS: usize = 20;
    (1..=PAIRS + 1).for_each(|seed| run(home, &plain(), &format!("--seed {seed}"), &format!("seed-{seed}")));
    let alarms: Vec<_> = (1..=PAIRS)
        .map(|seed| diff(home, &format!("seed-{seed} seed-{}", seed + 1)))
        .filter(|(code, _)| *code != 0)
        .collect();
    assert!(alarms.len() <= 1, "{alarms:#?}");
}

fn larger_deltas_are_a_regression_of_bandwidth(home: &Path) {
    run(home, &heavier(), "--seed 100", "heavier");
    for seed in [1, 2, 3] {
        let (code, text) = diff(home, &format!("seed-{seed} heavier"));
        assert_eq!(code, 1, "{text}");
        let verdict = text.split("REGRESSION").nth(1).expect("it says so");
        let named =
            |figure: &str| verdict.lines().any(|line| line.contains("bandwidth: ") && line.contains(figure));
        assert!(named("delta: wire bytes by ") && named("delta: delta by "), "{text}");
        assert!(!verdict.contains("convergence"), "nothing else became worse: {verdict}");
        let (code, text) = diff(home, &format!("heavier seed-{seed}"));
        assert!(code == 0 && text.contains("better"), "{text}");
    }
    let (code, text) = diff(home, "seed-1 heavier --min-effect 0.5");
    assert_eq!(code, 0, "{text}");
}

fn what_repeats_is_compared_exactly(home: &Path) {
    let (code, text) = diff(home, "seed-1 seed-1/result.json");
    assert!(code == 0 && text.contains("The same: no figure differs"), "{text}");
    run(home, &plain(), "--seed 1 --shards 2", "again");
    let (code, text) = diff(home, "seed-1 again");
    assert!(code == 0 && text.contains("The same: no figure differs"), "{text}");
    run(home, &heavier(), "--seed 1", "heavier-1");
    let (code, text) = diff(home, "seed-1 heavier-1 --json");
    let found: Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!(
        (code, &found["verdict"], &found["diff"]["method"]),
        (1, &"regression".into(), &"exact".into())
    );
    let rows = found["diff"]["rows"].as_array().expect("a list");
    let worse: Vec<_> = rows
        .iter()
        .filter(|row| row["finding"] == "worse")
        .filter_map(|row| row["figure"].as_str())
        .collect();
    assert!(worse.iter().all(|figure| figure.starts_with("bandwidth.")), "{worse:?}");
    let delta =
        rows.iter().find(|row| row["figure"].as_str().is_some_and(|figure| figure.ends_with(".delta")));
    let change = delta.expect("deltas are sent")["change"].as_f64().expect("a share");
    assert!((change - 0.2).abs() < 0.01, "{change}");
}

fn each_exit_code_has_its_cause(home: &Path) {
    run(home, &plain(), "--seed 1 --set cluster.nodes=41", "larger");
    let (code, text) = diff(home, "seed-1 larger");
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("the number of nodes of \"delta\" is 40 in OLD and 41 in NEW"), "{text}");
    assert!(text.contains("cluster.nodes is 40 in OLD and 41 in NEW"), "{text}");
    run(home, &plain(), "--seed 1 --set node.fanout=2", "other");
    let (code, text) = diff(home, "seed-1 other");
    assert!(code == 4 && text.contains("node.fanout is 3 in OLD and 2 in NEW"), "{text}");

    let result = fs::read_to_string(home.join("seed-1/result.json")).expect("it is there");
    let mut result: Value = serde_json::from_str(&result).expect("JSON");
    result["verdict"]["status"] = "saturated".into();
    result["verdict"]["reasons"] = vec!["the machine was busy"].into();
    fs::write(home.join("saturated.json"), result.to_string()).expect("writable");
    let (code, text) = diff(home, "saturated.json seed-1");
    assert!(code == 3 && text.contains("OLD is saturated: the machine was busy"), "{text}");

    for line in ["seed-1 nowhere", "seed-1 seed-1/scenario.toml", "seed-1", "seed-1 seed-2 --min-effect much"]
    {
        assert_eq!(diff(home, line).0, 2, "{line}");
    }
}

fn ranks_decide_where_there_are_enough_repetitions(home: &Path) {
    let short = "--set cluster.nodes=20 --set phases.measure=15s --repetitions 9";
    run(home, &plain(), &format!("{short} --seed 1"), "many");
    run(home, &plain(), &format!("{short} --seed 2"), "others");
    run(home, &heavier(), &format!("{short} --seed 3"), "heavy");
    let (code, text) = diff(home, "many others");
    assert_eq!(code, 0, "{text}");
    let (code, text) = diff(home, "many heavy --json");
    let found: Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!((code, &found["diff"]["repetitions"]), (1, &vec![9, 9].into()), "{text}");
    let rows = found["diff"]["rows"].as_array().expect("a list");
    let delta =
        rows.iter().find(|row| row["figure"].as_str().is_some_and(|figure| figure.ends_with(".delta")));
    let delta = delta.expect("deltas are sent");
    assert_eq!((&delta["finding"], &delta["probability"]), (&"worse".into(), &delta["rank_probability"]));
    // All of nine above all of nine: 2 of 48,620 arrangements, 1 of 2,442 by the normal law, which ties call for: along a tree
    // runs with as many writes send the same bytes of them.
    let chance = delta["rank_probability"].as_f64().expect("a probability");
    assert!((2.0 / 48_620.0 - 1e-9..=1.0 / 2_442.0).contains(&chance), "{chance}");
}
