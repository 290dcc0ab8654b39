//! Plain text in columns of characters.

/// The widest line of a report.
pub(crate) const WIDTH: usize = 100;

/// Columns that a text takes. All that reports print is one column a character.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a text into lines of at most [`WIDTH`] columns; the first begins with `first`, the others are indented
/// to where it ends. A word longer than a line stands alone on one.
pub(crate) fn paragraph(first: &str, text: &str) -> String {
    let indent = " ".repeat(width(first));
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut words_in_line = 0;
    for word in text.split_whitespace() {
        if words_in_line > 0 && width(&line) + 1 + width(word) > WIDTH {
            lines += &(line + "\n");
            line = indent.clone();
            words_in_line = 0;
        }
        if words_in_line > 0 {
            line.push(' ');
        }
        line += word;
        words_in_line += 1;
    }
    lines + line.trim_end() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_keeps_its_words_and_its_width() {
        let text = "gossip µs ".repeat(60);
        let wrapped = paragraph("  note  ", &text);
        assert!(wrapped.lines().all(|line| width(line) <= WIDTH));
        assert!(
            wrapped
                .lines()
                .skip(1)
                .all(|line| line.starts_with("        g") || line.starts_with("        µ"))
        );
        let words: Vec<_> = wrapped.split_whitespace().skip(1).collect();
        assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_word_longer_than_a_line_is_kept_whole() {
        let word = "x".repeat(150);
        assert_eq!(paragraph("- ", &format!("a {word} b")), format!("- a\n  {word}\n  b\n"));
    }
}
