//! The scenario files that come with the program run in every world that they name, shrunk to what a test can wait for.

use std::{fs, path::Path, process::Command, thread};

use toml::{Table, Value};

const NODES: i64 = 12;

/// So long is what each measures in real time.
const SECONDS_LOCAL: f64 = 3.0;

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"))
}

/// The worlds of a file's comment `# Worlds: sim, local.`
fn worlds(text: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("# Worlds: ")).expect("it says where it runs");
    line.trim_end_matches('.').split(", ").map(str::to_owned).collect()
}

fn seconds(value: &Value) -> f64 {
    humantime::parse_duration(value.as_str().expect("a duration")).expect("a duration").as_secs_f64()
}

/// The same with a dozen nodes, and all times multiplied by this.
fn shrunk(text: &str, pace: f64) -> String {
    let mut table: Table = toml::from_str(text).expect("TOML");
    let scaled =
        |value: &Value| Value::String(format!("{}ms", (seconds(value) * pace * 1e3).max(1.0) as u64));
    let nodes = table
        .get("cluster")
        .and_then(|cluster| cluster.get("nodes"))
        .and_then(Value::as_integer)
        .unwrap_or(100);
    let fewer = |value: &Value| match value {
        Value::Integer(count) => Value::Integer((count * NODES / nodes).max(1)),
        other => other.clone(),
    };
    for fault in table.get_mut("fault").and_then(Value::as_array_mut).into_iter().flatten() {
        let fault = fault.as_table_mut().expect("a fault is a table");
        for key in ["at", "for", "every", "during"] {
            if let Some(value) = fault.get_mut(key) {
                *value = scaled(value);
            }
        }
        let hit = fault.get_mut("nodes").expect("it hits somebody");
        *hit = fewer(hit);
    }
    // Dozens of crashes, one by one, are more than a dozen nodes have.
    if let Some(faults) = table.get_mut("fault").and_then(Value::as_array_mut) {
        faults.truncate(NODES as usize / 2);
    }
    let section = |table: &mut Table, name: &str| {
        table
            .entry(name)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .expect("a table")
            .clone()
    };
    let mut workload = section(&mut table, "workload");
    for rate in ["joins_per_second", "leaves_per_second"] {
        if let Some(of_all) = workload.get(rate).and_then(Value::as_float) {
            // Of each node as many come and go in the whole of the time.
            workload.insert(rate.into(), (of_all * NODES as f64 / nodes as f64 / pace).into());
        }
    }
    table.insert("workload".into(), workload.into());
    let mut cluster = section(&mut table, "cluster");
    cluster.insert("nodes".into(), Value::Integer(NODES));
    table.insert("cluster".into(), cluster.into());
    let mut phases = section(&mut table, "phases");
    let measure = phases.get("measure").map_or(30.0, seconds) * pace;
    phases.insert("measure".into(), format!("{}ms", (measure * 1e3) as u64).into());
    phases.insert("warm_up".into(), "500ms".into());
    phases.insert("cool_down".into(), "1s".into());
    table.insert("phases".into(), phases.into());
    if let Some(matrix) = table.get_mut("matrix").and_then(Value::as_table_mut) {
        if let Some(nodes) = matrix.get_mut("nodes") {
            *nodes = vec![Value::Integer(NODES)].into();
        }
        table.insert("repetitions".into(), Value::Integer(1));
    }
    toml::to_string(&table).expect("it was TOML")
}

#[test]
fn every_scenario_file_runs_in_the_worlds_that_it_names() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let home = home.path();
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory()).expect("it is there") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for world in worlds(&text) {
            let measure = toml::from_str::<Table>(&text)
                .expect("TOML")
                .get("phases")
                .and_then(|phases| phases.get("measure").map(seconds))
                .unwrap_or(30.0);
            let pace = if world == "local" { SECONDS_LOCAL / measure } else { 1.0 };
            let file = format!("{name}-{world}.toml");
            fs::write(home.join(&file), shrunk(&text, pace)).expect("writable");
            runs.push((file, world));
        }
    }
    assert!(runs.len() >= 20, "{runs:?}");
    // In real time nodes wait for most of the time.
    thread::scope(|scope| {
        let (real, simulated): (Vec<_>, Vec<_>) = runs.iter().partition(|(_, world)| world == "local");
        real.chunks(2).map(<[_]>::to_vec).chain([simulated]).for_each(|lane| {
            scope.spawn(move || {
                for (file, world) in lane {
                    let out = file.replace(".toml", "");
                    let arguments =
                        ["run", file.as_str(), "--on", world.as_str(), "--quiet", "--out", out.as_str()];
                    let run = Command::new(env!("CARGO_BIN_EXE_rumormill"))
                        .current_dir(home)
                        .args(arguments)
                        .output()
                        .expect("the binary runs");
                    let said = String::from_utf8_lossy(&run.stderr);
                    // A machine that is busy with other tests may saturate, which is a result all the same.
                    let done =
                        run.status.code().is_some_and(|code| code == 0 || (code == 3 && world == "local"));
                    assert!(done, "{file}: {:?} {said}", run.status);
                }
            });
        });
    });
}
