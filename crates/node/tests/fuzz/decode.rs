use rumormill_node::{Body, Compression, Message, Names};
use rumormill_protocol::{MAX_MESSAGE_BYTES, Wire};

/// Any bytes are refused or read. What was read can be said again, takes the bytes that it is said to take, and reads
/// back as the same.
pub(crate) fn decode(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    for names in [Names::Full, Names::Roster(100)] {
        // A node names by index in a digest what it sorted itself.
        if names != Names::Full && matches!(message.body, Body::Digest(_)) {
            continue;
        }
        for compression in [Compression::None, Compression::Zstd { level: 1 }] {
            let message = Message { names, compression, body: message.body.clone() };
            let mut again = Vec::new();
            let sizes = message.encode(&mut again);
            assert_eq!(sizes.compressed, again.len());
            assert_eq!(sizes.payload, message.sizes().payload);
            // Names in full may make it longer than any message may be.
            if sizes.payload <= MAX_MESSAGE_BYTES {
                assert_eq!(Message::decode(&again).map(|message| message.body), Ok(message.body));
            }
        }
    }
}
