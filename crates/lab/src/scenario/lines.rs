//! In which line of a scenario file something wrong stands.

use std::ops::Range;

use toml::{
    Table,
    de::{DeTable, DeValue},
};

use super::{ScenarioError, draft::one_fault};

/// The same error with its line, where it can be found.
pub(super) fn located(text: &str, error: ScenarioError) -> ScenarioError {
    let Some(span) = key(&error).and_then(|key| span(text, &key)) else { return error };
    let before = text.get(..span.start).unwrap_or_default();
    ScenarioError::AtLine { line: 1 + before.matches('\n').count(), error: Box::new(error) }
}

fn key(error: &ScenarioError) -> Option<String> {
    match error {
        ScenarioError::UnknownKey { key, .. }
        | ScenarioError::Unfit { key, .. }
        | ScenarioError::InMatrix { key, .. } => Some(key.clone()),
        ScenarioError::Missing { key, .. } | ScenarioError::Conflict { key, .. } => Some((*key).to_owned()),
        _ => None,
    }
}

/// Where a key stands, or else the innermost of what is around it.
fn span(text: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let (mut table, mut found) = (root.get_ref(), None);
    for name in names(key) {
        let Some((own, value)) = table.iter().find(|(own, _)| own.get_ref().as_ref() == name) else { break };
        found = Some(own.span());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(list) if name == "fault" => {
                // The first that is wrong is the one that was complained of.
                let place = wrong_fault(text)?;
                let wrong = list.get(place)?;
                found = Some(wrong.span());
                let DeValue::Table(inner) = wrong.get_ref() else { break };
                table = inner;
            }
            _ => break,
        }
    }
    found
}

fn wrong_fault(text: &str) -> Option<usize> {
    let table: Table = toml::from_str(text).ok()?;
    let faults = table.get("fault")?.as_array()?;
    faults.iter().position(|fault| fault.as_table().is_none_or(|fault| one_fault(fault.clone()).is_err()))
}

/// The parts of a dotted path, some of which may be quoted.
fn names(path: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => names.push(std::mem::take(&mut name)),
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use super::super::Draft;

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line) in [
            ("seed = 1\nsede = 2\n", 2),
            ("[node]\n\n# why\nfanuot = 3\n", 4),
            ("[node]\nfanout = 300\n", 2),
            ("node.fanout = 3\nnode.fanuot = 3\n", 2),
            (
                "[[fault]]\nat = \"1s\"\nkind = \"crash\"\nnodes = 1\n[[fault]]\nat = \"2s\"\nkind = \"crahs\"\nnodes = 1\n",
                7,
            ),
            (
                "[[fault]]\nat = \"1s\"\nkind = \"crash\"\nnodes = 1\n\n[[fault]]\nkind = \"crash\"\nnodes = 1\n",
                6,
            ),
            (
                "fault = [\n  {at = \"1s\", kind = \"crash\", nodes = 1},\n  {at = \"1s\", kind = \"crash\", ndoes = 1},\n]\n",
                3,
            ),
            ("[matrix]\n\"node.fanout\" = [2]\n\"node.fanuot\" = [2]\n", 3),
            ("[matrix]\nnodes = [10, 1]\n", 2),
            ("[nodes]\nfanout = 3\n", 2),
        ] {
            let error = Draft::default().overlay(text).expect_err("it is wrong").to_string();
            assert!(error.starts_with(&format!("line {line}: ")), "{text}: {error}");
        }
    }
}
