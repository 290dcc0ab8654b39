use crate::text::paragraph;

/// What the table's words mean.
pub(crate) fn terms() -> String {
    let terms = [
        (
            "wire",
            "bytes sent, each counted once at its sender, with QUIC, UDP and IP headers; measured phase only",
        ),
        ("pairs", "a time for each write and live node: from when it was due until that node had it"),
        ("t50", "a time for each write: until 50 % (t99: 99 %, t100: all) of the live nodes had it"),
        ("first, all", "a time for each failure: until the first live node, or all of them, thought so"),
        ("lag", "how late nodes were woken for what they had planned; it is part of every time above"),
    ];
    let lines = terms.map(|(term, meaning)| paragraph(&format!("  {term:<12}"), meaning));
    "Terms\n".to_owned() + &lines.concat()
}
