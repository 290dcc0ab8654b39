use toml::{Table, Value};

/// What files from before there was this key did by leaving it out.
const SILENT: (&str, &str) = ("network.ip", "4");

/// The keys in which two scenario files differ, a line each: `node.fanout is 3 there and 4 here`. What they are called
/// does not matter, nor does the seed unless it is asked for.
pub fn unlike(old: &str, new: &str, with_seed: bool, places: [&str; 2]) -> Vec<String> {
    let [old, new] = [old, new].map(|text| {
        let mut keys = Vec::new();
        flatten("", &Value::Table(toml::from_str::<Table>(text).unwrap_or_default()), &mut keys);
        keys.retain(|(key, _)| key != "name" && (with_seed || key != "seed"));
        keys
    });
    let find = |keys: &[(String, String)], wanted: &str| {
        let silent = if wanted == SILENT.0 { SILENT.1 } else { "not set" };
        keys.iter().find(|(key, _)| key == wanted).map_or(silent.to_owned(), |(_, value)| value.clone())
    };
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter_map(|key| {
            let (one, two) = (find(&old, key), find(&new, key));
            (one != two).then(|| format!("{key} is {one} {} and {two} {}", places[0], places[1]))
        })
        .collect()
}

/// Every value with its path; faults are counted from 1.
fn flatten(path: &str, value: &Value, keys: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Table(table) => table.iter().for_each(|(name, value)| flatten(&below(name), value, keys)),
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (place, value) in list.iter().enumerate() {
                flatten(&format!("{path} {}", place + 1), value, keys);
            }
        }
        other => keys.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_is_a_line_and_names_and_seeds_are_none() {
        let old = "name = \"a\"\nseed = 1\n[node]\nfanout = 3\n[[fault]]\nat = \"1s\"\nkind = \"crash\"";
        let new = "name = \"b\"\nseed = 2\n[node]\nfanout = 4\npeers = \"sticky\"\n[[fault]]\nat = \"1s\"\nkind = \"leave\"";
        let lines = unlike(old, new, false, ["there", "here"]);
        assert_eq!(
            lines,
            [
                "fault 1.kind is \"crash\" there and \"leave\" here",
                "node.fanout is 3 there and 4 here",
                "node.peers is not set there and \"sticky\" here",
            ]
        );
        let of_ip = |ip: u8| format!("{old}\n[network]\nip = {ip}");
        assert_eq!(unlike(old, &of_ip(4), true, ["there", "here"]), [""; 0]);
        assert_eq!(unlike(old, &of_ip(6), true, ["there", "here"]), ["network.ip is 4 there and 6 here"]);
        assert_eq!(unlike(old, new, true, ["there", "here"]).len(), 4);
        assert_eq!(unlike(old, old, true, ["there", "here"]), [""; 0]);
    }
}
