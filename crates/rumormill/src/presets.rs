use rumormill_lab::PRESETS;

/// All presets, a line each.
pub(crate) fn list() -> String {
    let width = PRESETS.iter().map(|name| name.len()).max().unwrap_or(0);
    PRESETS.iter().map(|name| format!("{name:<width$}  {}\n", about(name))).collect()
}

fn about(preset: &str) -> &'static str {
    match preset {
        "idle" => "nothing is written and nothing breaks: the price of standing still",
        "writes" => "ten writes a second of 1 kB each, at random nodes",
        "crash" => "1 % of the nodes crash at once",
        "join" => "all nodes join through one seed: the price of becoming a cluster",
        "epidemic" => {
            "a rumor among 10,000 nodes that call each other in rounds, 100 times: the model of the literature"
        }
        "compare" => "what the compare command runs: one write a second, and one crash",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_line_that_says_something() {
        for name in PRESETS {
            assert!(!about(name).is_empty(), "{name}");
        }
        assert_eq!(list().lines().count(), PRESETS.len());
    }
}
