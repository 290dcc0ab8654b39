//! Comma-separated values (RFC 4180): as much of it as our tables take.

/// A field as it stands in a line: quoted where it must be. One that a spreadsheet would take for a formula is made text.
pub(crate) fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The lines of a table as fields, the header first. Nothing may be longer than the header; what is shorter is left out.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\n', false) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            ('\r', false) => {}
            (c, _) => field.push(c),
        }
    }
    let columns = rows.first().map_or(0, Vec::len);
    rows.retain(|row| row.len() == columns);
    rows
}

/// A number, without digits that say nothing.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let fields = ["plain", "a,b", "say \"so\"", "two\nlines", "-1.5", ""];
        let line: Vec<_> = fields.map(field).into();
        let text = format!("1,2,3,4,5,6\r\n{}\r\n", line.join(","));
        assert_eq!(rows(&text)[1], fields);
    }

    #[test]
    fn a_formula_becomes_text() {
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("@now"), "'@now");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.5, 1234.5678, 0.0].map(number), ["1", "0.5", "1234.568", "0"]);
    }
}
