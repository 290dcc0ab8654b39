use crate::text::{WIDTH, width};

/// Between two columns.
const GAP: usize = 2;

/// Figures in rows, one column a variant.
pub(crate) struct Table {
    columns: Vec<String>,
    lines: Vec<Line>,
}

enum Line {
    Heading(&'static str),
    Row { label: String, cells: Vec<String> },
}

impl Table {
    /// A table with these columns and no rows.
    pub(crate) const fn new(columns: Vec<String>) -> Self {
        Self { columns, lines: Vec::new() }
    }

    /// Begins a section.
    pub(crate) fn heading(&mut self, heading: &'static str) {
        self.lines.push(Line::Heading(heading));
    }

    /// Appends a row with a cell for each column.
    pub(crate) fn row(&mut self, label: String, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        self.lines.push(Line::Row { label, cells });
    }

    /// The table as text. Columns that do not fit beside the others follow below, with the labels again.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<_> = (0..self.columns.len()).map(|column| self.column_width(column)).collect();
        let label_width = self.lines.iter().map(|line| width(line.label())).max().unwrap_or(0);
        let mut blocks = Vec::new();
        let mut first = 0;
        while first < widths.len() {
            let mut end = first;
            let mut total = label_width;
            while end < widths.len() && (end == first || total + GAP + widths[end] <= WIDTH) {
                total += GAP + widths[end];
                end += 1;
            }
            blocks.push(self.block(label_width, &widths[first..end], first));
            first = end;
        }
        blocks.join("\n")
    }

    fn column_width(&self, column: usize) -> usize {
        let cells = self.lines.iter().filter_map(|line| match line {
            Line::Heading(_) => None,
            Line::Row { cells, .. } => Some(width(&cells[column])),
        });
        cells.chain([width(&self.columns[column])]).max().unwrap_or(0)
    }

    /// The columns from `first` on that have these widths.
    fn block(&self, label_width: usize, widths: &[usize], first: usize) -> String {
        let aligned = |label: &str, cells: &[String]| {
            let mut line = format!("{label:<label_width$}");
            for (cell, &width) in cells[first..].iter().zip(widths) {
                line += &format!("{:GAP$}{cell:>width$}", "");
            }
            line + "\n"
        };
        let mut block = aligned("", &self.columns);
        for line in &self.lines {
            block += &match line {
                Line::Heading(heading) => format!("{heading}\n"),
                Line::Row { label, cells } => aligned(label, cells),
            };
        }
        block
    }
}

impl Line {
    fn label(&self) -> &str {
        match self {
            Self::Heading(_) => "",
            Self::Row { label, .. } => label,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: usize, cell: &str) -> Table {
        let mut table = Table::new((0..columns).map(|column| format!("v{column}")).collect());
        table.heading("Section");
        table.row("  label".to_owned(), vec![cell.to_owned(); columns]);
        table
    }

    #[test]
    fn cells_stand_below_each_other_to_the_right() {
        let mut table = table(2, "1.00 µs");
        table.row("  other label".to_owned(), vec!["2".to_owned(), "33".to_owned()]);
        let expected = "                    v0       v1\nSection\n  label        1.00 µs  1.00 µs\n  other label  \
                        \u{20}     2       33\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn columns_that_do_not_fit_follow_below() {
        let rendered = table(5, &"x".repeat(40)).render();
        assert!(rendered.lines().all(|line| width(line) <= WIDTH));
        assert_eq!(rendered.matches("Section").count(), 3);
        for column in 0..5 {
            assert_eq!(rendered.matches(&format!("v{column}")).count(), 1);
        }
    }
}
