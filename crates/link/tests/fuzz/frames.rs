use bytes::Bytes;
use rumormill_link::{FrameReader, Oversized, frame};
use rumormill_protocol::MAX_MESSAGE_BYTES;

/// However a stream is cut, the same messages come out of it, or the same refusal; and those that came out make the
/// same stream again.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    let (whole, refused) = read(stream, stream.len());
    assert_eq!(read(stream, 1 + usize::from(cut)), (whole.clone(), refused));
    assert!(whole.iter().all(|message| message.len() <= MAX_MESSAGE_BYTES));
    let framed: Vec<u8> = whole.iter().flat_map(|message| frame(message)).collect();
    assert_eq!(read(&framed, framed.len().max(1)), (whole, None));
}

/// The messages of a stream that comes in chunks of this length, up to the end or the refusal.
fn read(stream: &[u8], chunk: usize) -> (Vec<Bytes>, Option<Oversized>) {
    let mut reader = FrameReader::default();
    let mut messages = Vec::new();
    for chunk in stream.chunks(chunk.max(1)) {
        let mut chunk = Bytes::copy_from_slice(chunk);
        loop {
            match reader.read(&mut chunk) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(refused) => return (messages, Some(refused)),
            }
        }
    }
    (messages, None)
}
