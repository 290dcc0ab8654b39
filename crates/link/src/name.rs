use rumormill_protocol::{NodeId, WIRE_ID_BYTES};

const SUFFIX: &str = ".rumormill";

/// The name that a node's certificate bears and that others dial: the 32 hexadecimal digits of its identity.
pub fn server_name(node: NodeId) -> String {
    format!("{:032x}{SUFFIX}", u128::from_be_bytes(node.to_wire()))
}

/// The node that bears this name, if any does.
pub fn node_named(name: &str) -> Option<NodeId> {
    let digits = name.strip_suffix(SUFFIX)?;
    let canonical =
        digits.len() == 2 * WIRE_ID_BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !canonical {
        return None;
    }
    let identity = u128::from_str_radix(digits, 16).ok()?;
    NodeId::from_wire(identity.to_be_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_names_its_node_and_others_none() {
        for number in (0..1_000).chain([u32::MAX]) {
            let name = server_name(NodeId(number));
            assert_eq!(node_named(&name), Some(NodeId(number)));
            assert_eq!(node_named(&name[1..]), None);
            assert_eq!(node_named(&format!("{name}.")), None);
        }
        assert_eq!(node_named("localhost"), None);
        assert_eq!(node_named("+0000000000000000000000000000000.rumormill"), None);
    }
}
