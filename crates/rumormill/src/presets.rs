use rumormill_lab::{PRESETS, SCENARIOS};

/// All presets and the scenario files that come with the program, a line each.
pub(crate) fn list() -> String {
    let presets = PRESETS.iter().map(|name| (*name, about(name).to_owned()));
    let all: Vec<_> =
        presets.chain(SCENARIOS.iter().map(|(name, text)| (*name, first_sentence(text)))).collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    all.iter().map(|(name, about)| format!("{name:<width$}  {about}\n")).collect()
}

/// The most of a sentence that stands in a list.
const SENTENCE_CHARS: usize = 110;

/// The first sentence of the comment that a scenario file begins with, cut where it is long.
fn first_sentence(text: &str) -> String {
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    let mut sentence = String::new();
    for word in comment.flat_map(|line| line.trim_start_matches('#').split_whitespace()) {
        if sentence.chars().count() + 1 + word.chars().count() > SENTENCE_CHARS {
            return sentence + " …";
        }
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        if word.ends_with('.') {
            break;
        }
    }
    sentence.trim_end_matches('.').to_owned()
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
        assert_eq!(list().lines().count(), PRESETS.len() + SCENARIOS.len());
        assert!(list().lines().all(|line| line.split_whitespace().count() > 5), "{}", list());
    }
}
