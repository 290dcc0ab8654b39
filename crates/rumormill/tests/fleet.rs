//! Clusters of several processes: as one process, and what becomes of a loss.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv6Addr, UdpSocket},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use k8s_openapi::api::batch::v1::Job;
use serde_json::Value;

/// More than anything here takes between two lines, on a machine that does much else besides.
const PATIENCE: Duration = Duration::from_secs(60);

const SHORT: [&str; 9] = [
    "--nodes",
    "6",
    "--set=phases.warm_up=500ms",
    "--set=phases.cool_down=15s",
    "--set=node.protocol_period=500ms",
    "--set=node.probe_timeout=200ms",
    "--out",
    "result",
    "--overwrite",
];

/// A run that does not end by itself while its test lasts.
const LONG: [&str; 4] = ["--listen", "127.0.0.1:0", "--seconds", "60"];

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumormill"));
    command.current_dir(home).args(arguments);
    command
}

fn result(home: &Path) -> Value {
    let result = fs::read(home.join("result/result.json")).expect("it is saved");
    serde_json::from_slice(&result).expect("a result")
}

/// A busy machine may saturate, which the code must say; nothing else may be wrong.
fn assert_measured(output: &Output, result: &Value) {
    let code = if result["verdict"]["status"] == "valid" { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert_ne!(result["verdict"]["status"], "invalid", "{}", result["verdict"]);
}

#[test]
fn two_processes_measure_one_cluster_with_all_its_faults() {
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::write(
        home.path().join("s.toml"),
        "name = \"s\"\n[workload]\nwrites_per_second = 10.0\n[phases]\nmeasure = \"4s\"\n\
         [[fault]]\nat = \"500ms\"\nkind = \"restart\"\nnodes = [1]\nfor = \"1s\"\n\
         [[fault]]\nat = \"1s\"\nkind = \"crash\"\nnodes = [4]\n\
         [[fault]]\nat = \"2s\"\nkind = \"partition\"\nnodes = [2, 3]\nfor = \"300ms\"\n",
    )
    .expect("it can be written");
    let output = command(home.path(), &["run", "s.toml", "--processes", "2", "--quiet"]).args(SHORT).output();
    let output = output.expect("the binary runs");
    let result = result(home.path());
    assert_measured(&output, &result);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(result["world"], "local");
    let variant = &result["variants"][0];
    assert_eq!((&variant["nodes"], &variant["detection"]["failures"]), (&6.into(), &1.into()));
    assert_eq!(variant["detection"]["undetected"], 0);
    assert_eq!(variant["detection"]["pairs_us"]["count"], 4, "all that live throughout saw it");
    assert!(variant["convergence"]["writes"].as_u64().is_some_and(|writes| writes > 10));
    assert_eq!(variant["convergence"]["unconverged_writes"], 0);
    let kinds: Vec<_> =
        variant["faults"].as_array().expect("a list").iter().map(|fault| &fault["kind"]).collect();
    assert_eq!(kinds, ["restart", "crash", "partition"]);
    let agents = variant["fleet"]["agents"].as_array().expect("a list");
    let sum: u64 = agents.iter().map(|agent| agent["wire_bytes"].as_u64().expect("a number")).sum();
    assert_eq!(variant["bandwidth"]["reported_wire_bytes"], sum);
    assert!(agents.iter().all(|agent| agent["nodes"] == 3 && agent["lost"] == false));
    let scenario = fs::read_to_string(home.path().join("result/scenario.toml")).expect("it is saved");
    assert!(scenario.starts_with("# Measured with --on local --processes 2."), "{scenario}");
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn begin(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs"))
    }

    fn signal(&self, signal: &str) {
        let sent =
            Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("there is a kill");
        assert!(sent.success());
    }

    fn end_within(&mut self, patience: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("it was begun") {
                return status;
            }
            assert!(begun.elapsed() < patience, "it has not ended after {patience:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Most have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A coordinator, and the lines of its standard error.
struct Coordinator {
    process: Process,
    lines: Receiver<String>,
    /// The arguments of an agent.
    agent: Vec<String>,
}

impl Coordinator {
    fn begin(home: &Path, options: &[&str]) -> Self {
        let mut command = command(home, &["coordinate", "--preset", "idle", "--agents", "2"]);
        let mut process = Process::begin(command.args(SHORT).args(options));
        let (says, lines) = mpsc::channel();
        let said = BufReader::new(process.0.stderr.take().expect("it is piped"));
        thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| says.send(line)));
        let mut begun = Self { process, lines, agent: Vec::new() };
        let said = begun.wait_for("agents with rumormill ");
        let (_, agent) = said.split_once("agents with rumormill ").expect("it is there");
        // A shell would take the quotes off an address in brackets.
        begun.agent = agent.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
        begun
    }

    fn agents(&self, home: &Path) -> [Process; 2] {
        let words: Vec<_> = self.agent.iter().map(String::as_str).collect();
        [(), ()].map(|()| Process::begin(&mut command(home, &words)))
    }

    /// The next line with this text.
    fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it did not say {text}"));
        }
        line
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = self.process.end_within(PATIENCE);
        (status.code(), self.lines.iter().collect::<Vec<_>>().join("\n"))
    }
}

/// What was said on standard error by a process that has ended.
fn complaint(process: &mut Process) -> String {
    let mut said = String::new();
    let mut stream = process.0.stderr.take().expect("it is piped");
    stream.read_to_string(&mut said).expect("text");
    said
}

#[test]
fn agents_on_ipv6_measure_one_cluster() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("not checked: there is no IPv6 here");
        return;
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let options = ["--listen", "[::1]:0", "--seconds", "3", "--set", "network.ip=6"];
    let coordinator = Coordinator::begin(home.path(), &options);
    let agents = coordinator.agents(home.path());
    let (code, said) = coordinator.end();
    assert!(matches!(code, Some(0 | 3)), "{said}");
    for mut agent in agents {
        assert!(agent.end_within(PATIENCE).success());
    }
    let result = result(home.path());
    assert_ne!(result["verdict"]["status"], "invalid", "{}", result["verdict"]);
    let variant = &result["variants"][0];
    assert_eq!((&variant["ip"], &variant["boot"]["nodes_up"]), (&6.into(), &6.into()));
    let agents = variant["fleet"]["agents"].as_array().expect("a list");
    assert!(agents.iter().all(|agent| agent["address"] == "::1" && agent["nodes"] == 3));
}

/// Side by side, for each waits until silence counts as a loss.
#[test]
fn losses_are_noticed() {
    thread::scope(|scope| {
        let losses = [
            agents_end_by_themselves_when_the_coordinator_is_killed,
            a_killed_agent_ends_the_run,
            without_a_killed_agent_a_run_may_go_on_to_an_invalid_result,
        ];
        for loss in losses.map(|loss| scope.spawn(loss)) {
            loss.join().expect("it is as it should be");
        }
    });
}

fn agents_end_by_themselves_when_the_coordinator_is_killed() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut coordinator = Coordinator::begin(home.path(), &LONG);
    let agents = coordinator.agents(home.path());
    coordinator.wait_for("agent 2 of 2 is there");
    coordinator.process.signal("-KILL");
    for mut agent in agents {
        assert_eq!(agent.end_within(PATIENCE).code(), Some(5));
        let complaint = complaint(&mut agent);
        assert!(complaint.contains("the coordinator is gone"), "{complaint}");
    }
    assert!(!coordinator.process.end_within(PATIENCE).success());
}

fn a_killed_agent_ends_the_run() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut coordinator = Coordinator::begin(home.path(), &LONG);
    let [killed, mut other] = coordinator.agents(home.path());
    coordinator.wait_for(": boot");
    killed.signal("-KILL");
    let (code, said) = coordinator.end();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("lost agent"), "{said}");
    assert!(!fs::exists(home.path().join("result/result.json")).expect("it can be asked"));
    assert!(
        !fs::exists(home.path().join("rumormill.token")).expect("it can be asked"),
        "it is worth nothing now"
    );
    assert!(other.end_within(PATIENCE).success(), "it was told to end");
}

fn without_a_killed_agent_a_run_may_go_on_to_an_invalid_result() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut coordinator =
        Coordinator::begin(home.path(), &[&LONG[..], &["--on-lost-agent", "go-on"]].concat());
    let [killed, mut other] = coordinator.agents(home.path());
    coordinator.wait_for(": measure");
    killed.signal("-KILL");
    // Until it is found lost, an answer is waited for: at most 8 s.
    coordinator.wait_for(", 3 nodes, ");
    coordinator.process.signal("-INT");
    let (code, said) = coordinator.end();
    assert_eq!(code, Some(3), "{said}");
    assert!(other.end_within(PATIENCE).success());
    let result = result(home.path());
    assert_eq!((&result["world"], &result["verdict"]["status"]), (&"fleet".into(), &"invalid".into()));
    let reasons = result["verdict"]["reasons"].to_string();
    assert!(reasons.contains("3 of 6 nodes ended although no fault had ended them"), "{reasons}");
    let agents = result["variants"][0]["fleet"]["agents"].as_array().expect("a list").clone();
    assert_eq!(agents.iter().filter(|agent| agent["lost"] == true).count(), 1);
}

/// A typed client reads the manifest, and writes what it has read: all that Kubernetes has no field for would be missing,
/// and what it needs and was not there would be added.
#[test]
fn pods_are_ordered_in_words_that_kubernetes_has() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let order = ["run", "--preset", "idle", "--on", "fleet", "--engine", "kubernetes", "--agents", "4"];
    let order =
        order.iter().chain(&["--image", "r.example/rumormill:1", "--advertise", "10.0.0.1:77", "--dry-run"]);
    let order: Vec<_> = order.copied().collect();
    let output = command(home.path(), &order).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let (comments, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('#'));
    let manifest: Value = serde_json::from_str(&lines.concat()).expect("it is JSON");
    let read = |manifest: &Value| -> Job { serde_json::from_value(manifest.clone()).expect("it is a Job") };
    let job = read(&manifest);
    assert_eq!(serde_json::to_value(&job).expect("plain data"), manifest);
    let spec = job.spec.expect("it has one");
    assert_eq!((spec.completions, spec.parallelism), (Some(4), Some(4)));

    // Two words that are wrong, and one that is missing, to see that this is noticed.
    let pod = |manifest: &mut Value| manifest["spec"]["template"]["spec"].take();
    let mut pod = pod(&mut manifest.clone());
    pod["restart"] = pod["restartPolicy"].take();
    for (pointer, wrong) in [
        ("/spec/template/spec", pod),
        ("/spec/template/spec/containers/0/name", Value::Null),
        ("/spec/template/spec/volumes/0/secret", serde_json::json!({ "name": "rumormill-idle" })),
    ] {
        let mut other = manifest.clone();
        *other.pointer_mut(pointer).expect("it is there") = wrong;
        let read = serde_json::from_value::<Job>(other.clone());
        assert!(read.is_err() || serde_json::to_value(read.ok()).expect("plain data") != other, "{pointer}");
    }

    // The Secret is made by hand from the file with the token, and the manifest knows its name alone.
    let secret = spec.template.spec.and_then(|pod| pod.volumes?.into_iter().next()?.secret?.secret_name);
    assert_eq!(secret.as_deref(), Some("rumormill-idle"));
    assert!(comments[0].ends_with("secret generic rumormill-idle --from-file=token=rumormill.token"));
    assert!(!text.contains("rumormill-token-"), "the beginning of every token");
    assert_eq!(fs::read_dir(home.path()).expect("it is there").count(), 0, "nothing is written");
}

#[test]
fn what_a_fleet_cannot_be_is_refused_with_its_option() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (arguments, said) in [
        ("run --preset idle --engine ssh", "--engine is an option of the world fleet"),
        ("run --preset idle --on fleet", "--agents is missing"),
        ("run --preset idle --on fleet --engine ssh", "--hosts is missing"),
        ("run --preset idle --on fleet --engine kubernetes --agents 2", "--image is missing"),
        ("run --preset idle --on fleet --agents 2 --dry-run", "--dry-run needs --engine kubernetes"),
        ("run --preset idle --on sim --processes 2", "--processes is an option of the world local"),
        ("run --preset idle --nodes 2 --processes 3", "each carries one at least"),
        ("run --preset epidemic --on fleet --agents 2", "epidemic"),
        ("compare --on fleet", "use run for a fleet"),
        (
            "coordinate --preset idle --agents 2 --listen 10.0.0.1:7 --set network.ip=6",
            "--listen is 10.0.0.1:7, but network.ip is 6: give an IPv6 address, such as [::]:0",
        ),
        ("coordinate --preset idle --agents 2 --listen [::1]:7", "give an IPv4 address, such as 0.0.0.0:0"),
        ("coordinate --preset idle --agents 2 --on sim", "--on cannot be set"),
        ("agent --coordinator 127.0.0.1:9 --token-file /dev/null", "the token does not read"),
        ("agent --coordinator 127.0.0.1:9 --token-file /nowhere", "--token-file /nowhere"),
    ] {
        let words: Vec<_> = arguments.split_whitespace().collect();
        let output = command(home.path(), &words).output().expect("the binary runs");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {complaint}");
        assert!(complaint.contains(said) && complaint.lines().count() == 1, "{arguments}: {complaint}");
    }
}
