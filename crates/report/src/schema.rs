use rumormill_measure::RunResult;
use schemars::generate::SchemaSettings;

/// The JSON Schema (draft 2020-12) of result.json, made from the types that write it: `docs/result.schema.json`. It admits
/// further keys, as readers of results should.
pub fn result_schema() -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RunResult>();
    schema.insert("title".into(), "A result of rumormill".into());
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain data");
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_the_documentation_is_that_of_the_code() {
        let documented = include_str!("../../../docs/result.schema.json");
        assert!(
            documented.replace('\r', "") == result_schema(),
            "docs/result.schema.json is out of date; remake it with: rumormill schema > docs/result.schema.json"
        );
    }
}
