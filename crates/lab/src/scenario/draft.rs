use humantime::{format_duration, parse_duration};
use toml::{Table, Value};

use super::{
    Scenario, ScenarioError, epidemic, fault,
    key::Key,
    lines,
    matrix::{self, Axis},
    node_preset, preset, rules,
};

/// A scenario in the making: layers over the defaults, each checked key by key as it is laid on, so that an error
/// belongs to the layer that caused it.
#[derive(Clone, Debug)]
pub struct Draft {
    table: Table,
    /// What is there when nothing is asked for.
    usual: Table,
    /// What was laid over it.
    asked: Table,
    /// What is to be varied.
    pub(super) axes: Vec<Axis>,
}

impl Default for Draft {
    /// The defaults: nothing is written and nothing breaks.
    fn default() -> Self {
        let mut draft =
            Self { table: Table::new(), usual: Table::new(), asked: Table::new(), axes: Vec::new() };
        draft.overlay(preset::DEFAULTS).expect("the defaults are within their bounds");
        draft.be_usual();
        draft
    }
}

impl Draft {
    /// A preset, to be changed further or not.
    ///
    /// # Errors
    /// When there is no such preset.
    pub fn preset(name: &str) -> Result<Self, ScenarioError> {
        let mut draft = Self::default();
        draft.lay_preset(name)?;
        Ok(draft)
    }

    /// Lays a preset over what is there.
    ///
    /// # Errors
    /// When there is no such preset.
    pub fn lay_preset(&mut self, name: &str) -> Result<(), ScenarioError> {
        self.overlay(preset::overlay(name)?)
    }

    /// Lays a scenario file over what is there: its keys replace, the others stay. Faults are one list, replaced
    /// as a whole.
    ///
    /// # Errors
    /// When the text is not TOML, or a key is unknown or its value not what the key takes.
    pub fn overlay(&mut self, text: &str) -> Result<(), ScenarioError> {
        let layer: Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        self.lay(layer).map_err(|error| lines::located(text, error))
    }

    fn lay(&mut self, mut layer: Table) -> Result<(), ScenarioError> {
        if let Some(matrix) = layer.remove("matrix") {
            matrix::lay(&mut self.axes, matrix)?;
        }
        merge("", &mut self.table, layer.clone())?;
        merge("", &mut self.asked, layer)
    }

    /// What is there is what nobody asked for.
    fn be_usual(&mut self) {
        self.usual = self.table.clone();
        self.asked = Table::new();
    }

    /// Lays one setting over what is there: `node.fanout=4`. The value is TOML; what is not TOML is a text, so
    /// that `node.protocol_period=500ms` needs no quotes.
    ///
    /// # Errors
    /// When it is no setting, or the key is unknown or its value not what the key takes.
    pub fn set(&mut self, setting: &str) -> Result<(), ScenarioError> {
        let not_a_setting = || ScenarioError::NotASetting(setting.escape_debug().to_string());
        let (path, text) = setting.split_once('=').ok_or_else(not_a_setting)?;
        let (path, text) = (path.trim(), text.trim());
        if path.split('.').any(str::is_empty) {
            return Err(not_a_setting());
        }
        let value = text.parse().unwrap_or_else(|_| Value::String(text.to_owned()));
        self.lay_value(path, value)
    }

    /// Lays one value over what is there, at a dotted path.
    pub(super) fn lay_value(&mut self, path: &str, value: Value) -> Result<(), ScenarioError> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let inner = rest.map_or(value.clone(), |rest| {
            rest.rsplit('.')
                .fold(value, |inner, key| Value::Table(Table::from_iter([(key.to_owned(), inner)])))
        });
        self.lay(Table::from_iter([(first.to_owned(), inner)]))
    }

    /// Changes a default, as by [`Self::set`]: what has no use for the key does not take it for asked for. To be called
    /// before anything is laid over the defaults.
    ///
    /// # Errors
    /// As of [`Self::set`].
    pub fn set_usual(&mut self, setting: &str) -> Result<(), ScenarioError> {
        self.set(setting)?;
        self.be_usual();
        Ok(())
    }

    /// The scenario, if all of it goes together: one run of it, without its matrix.
    ///
    /// # Errors
    /// When two settings contradict each other.
    pub fn finish(mut self) -> Result<Scenario, ScenarioError> {
        self.take_repetitions();
        epidemic::complete(&mut self.table, &self.usual)?;
        self.complete_node();
        self.fit_probe_timeout();
        let scenario: Scenario = self.table.try_into().expect("each key was checked when it was laid on");
        rules::check(&scenario)?;
        Ok(scenario)
    }
}

impl Draft {
    /// How often a cluster is to be run, taken out of the scenario. An epidemic's repetitions are its own.
    pub(super) fn take_repetitions(&mut self) -> u64 {
        if self.table.contains_key("spread") || self.axes.iter().any(Axis::makes_epidemics) {
            return 1;
        }
        let repetitions = self.table.remove("repetitions").and_then(|value| value.as_integer());
        repetitions.map_or(1, i64::unsigned_abs)
    }

    /// The keys of `[node]` that were asked for.
    pub(super) fn asked_of_node(&self) -> Vec<String> {
        let asked = self.asked.get("node").and_then(Value::as_table);
        asked.map(|asked| asked.keys().cloned().collect()).unwrap_or_default()
    }

    /// Where nothing else was asked for, `[node]` has the values of its preset.
    fn complete_node(&mut self) {
        let Some(Value::Table(node)) = self.table.get_mut("node") else { return };
        let Some(Value::String(preset)) = node.get("preset") else { return };
        let asked = self.asked.get("node").and_then(Value::as_table);
        for (key, value) in node_preset::values(preset) {
            if asked.is_none_or(|asked| !asked.contains_key(&key)) {
                node.insert(key, value);
            }
        }
    }

    /// A time-out that nobody asked for gives way to a period that is not longer: half of it, as of the usual ones.
    fn fit_probe_timeout(&mut self) {
        let Some(Value::Table(node)) = self.table.get_mut("node") else { return };
        let asked = self.asked.get("node").and_then(Value::as_table);
        if asked.is_some_and(|asked| asked.contains_key("probe_timeout")) {
            return;
        }
        let [period, timeout] = ["protocol_period", "probe_timeout"]
            .map(|key| node.get(key).and_then(Value::as_str).and_then(|text| parse_duration(text).ok()));
        if let Some(period) = period.filter(|period| timeout.is_some_and(|timeout| timeout >= *period)) {
            node.insert("probe_timeout".to_owned(), format_duration(period / 2).to_string().into());
        }
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ScenarioError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    ScenarioError::Syntax { line, problem: error.message().replace('\n', ", ") }
}

fn merge(prefix: &str, base: &mut Table, layer: Table) -> Result<(), ScenarioError> {
    for (name, value) in layer {
        let path = join(prefix, &name);
        let value = if let Some(key) = Key::find(&path) {
            accept(key, path, value)?
        } else if path == "fault" {
            faults(value)?
        } else if Key::of_table(&path).next().is_some() {
            let Value::Table(layer) = value else {
                return Err(unfit(path, &value, "a table"));
            };
            let inner = base.entry(name).or_insert_with(|| Value::Table(Table::new()));
            merge(&path, inner.as_table_mut().expect("only a table is laid where a table belongs"), layer)?;
            continue;
        } else {
            return Err(unknown(path, &value));
        };
        base.insert(name, value);
    }
    Ok(())
}

fn faults(value: Value) -> Result<Value, ScenarioError> {
    const WANTED: &str = "a list of tables such as [{at = \"5s\", kind = \"crash\", nodes = 1}]";
    let Value::Array(list) = value else {
        return Err(unfit("fault".to_owned(), &value, WANTED));
    };
    let one = |value| match value {
        Value::Table(layer) => one_fault(layer).map(Value::Table),
        other => Err(unfit("fault".to_owned(), &other, WANTED)),
    };
    list.into_iter().map(one).collect::<Result<_, _>>().map(Value::Array)
}

pub(super) fn one_fault(layer: Table) -> Result<Table, ScenarioError> {
    let mut fault = Table::new();
    merge("fault", &mut fault, layer)?;
    fault::complete(fault)
}

/// A name that is not bare stays quoted, so that `"node.fanout"` is not taken for a path.
pub(super) fn join(prefix: &str, name: &str) -> String {
    let bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let name = if bare && !name.is_empty() { name.to_owned() } else { format!("{name:?}") };
    if prefix.is_empty() { name } else { format!("{prefix}.{name}") }
}

pub(super) fn accept(key: &Key, path: String, value: Value) -> Result<Value, ScenarioError> {
    key.wanted.accept(value).map_err(|value| unfit(path, &value, &key.wanted.to_string()))
}

pub(super) fn unfit(key: String, value: &Value, wanted: &str) -> ScenarioError {
    const SHOWN_CHARS: usize = 60;
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string().replace('\n', " "),
    };
    let found = match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    ScenarioError::Unfit { key, found, wanted: wanted.to_owned() }
}

/// Names the innermost key of an unknown path, as far as there is only one.
fn unknown(path: String, value: &Value) -> ScenarioError {
    match value.as_table().map(|table| (table.len(), table.iter().next())) {
        Some((1, Some((name, inner)))) => unknown(join(&path, name), inner),
        _ => ScenarioError::UnknownKey { nearest: Key::nearest(&path), key: path },
    }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
