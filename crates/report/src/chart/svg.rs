use std::fmt::Write;

/// What a text takes at the size of labels, by the character.
const CHARACTER_PX: f64 = 7.4;

/// A picture. Nothing but numbers and escaped texts goes into it.
#[derive(Clone, Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) const fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(super) const fn width(&self) -> f64 {
        self.width
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ([x1, y1], [x2, y2]) = ([from.0, from.1].map(px), [to.0, to.1].map(px));
        self.put(&format!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        let ([x, y], [width, height]) = ([at.0, at.1].map(px), [size.0.max(0.0), size.1.max(0.0)].map(px));
        let title =
            if title.is_empty() { String::new() } else { format!("<title>{}</title>", escape(title)) };
        self.put(&format!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}">{title}</rect>"#
        ));
    }

    /// A line through points.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        if let Some(path) = path(points) {
            self.put(&format!(r#"<path class="{class}" d="{path}"/>"#));
        }
    }

    /// What lies between two lines that go the same way.
    pub(super) fn area(&mut self, class: &str, top: &[(f64, f64)], bottom: &[(f64, f64)], title: &str) {
        let around: Vec<_> = top.iter().chain(bottom.iter().rev()).copied().collect();
        if let Some(path) = path(&around) {
            let title = escape(title);
            self.put(&format!(r#"<path class="{class}" d="{path}Z"><title>{title}</title></path>"#));
        }
    }

    /// A point that stands for a figure of a result.
    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), title: &str, data: &str) {
        let ([x, y], title) = ([at.0, at.1].map(px), escape(title));
        self.put(&format!(
            r#"<circle class="{class}" cx="{x}" cy="{y}" r="3" {data}><title>{title}</title></circle>"#
        ));
    }

    /// A label; one that would be cut at a side is moved in.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), text: &str) {
        let (left, right) = extent(anchor, at.0, text);
        let x = px(at.0 - left.min(0.0) - (right - self.width).max(0.0));
        let (anchor, y, text) = (anchor.name(), px(at.1), escape(text));
        self.put(&format!(r#"<text class="{class}" text-anchor="{anchor}" x="{x}" y="{y}">{text}</text>"#));
    }

    /// Another picture in this one.
    pub(super) fn place(&mut self, at: (f64, f64), picture: &str) {
        let [x, y] = [at.0, at.1].map(px);
        self.put(&format!(r#"<g transform="translate({x} {y})">{picture}</g>"#));
    }

    /// The whole of it as a file of its own, with its style sheet.
    pub(super) fn finish_alone(mut self, label: &str, style: &str) -> String {
        self.body.insert_str(0, &format!("<style>\n{style}</style>\n"));
        self.finish(label).replacen("<svg ", r#"<svg xmlns="http://www.w3.org/2000/svg" "#, 1) + "\n"
    }

    /// The whole of it; the label is for those who cannot see it.
    pub(super) fn finish(self, label: &str) -> String {
        let (width, height, label) = (px(self.width), px(self.height), escape(label));
        format!(
            r#"<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{label}">{}</svg>"#,
            self.body
        )
    }

    fn put(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// What a label takes of a line, about.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER_PX
}

/// From where to where a label goes.
pub(super) fn extent(anchor: Anchor, x: f64, text: &str) -> (f64, f64) {
    let width = text_width(text);
    match anchor {
        Anchor::Start => (x, x + width),
        Anchor::Middle => (x - width / 2.0, x + width / 2.0),
        Anchor::End => (x - width, x),
    }
}

/// A text as it stands between tags and in quoted attributes; what is no character of XML is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn path(points: &[(f64, f64)]) -> Option<String> {
    let mut path = String::new();
    for (place, point) in points.iter().enumerate() {
        let [x, y] = [point.0, point.1].map(px);
        write!(path, "{}{x},{y}", if place == 0 { 'M' } else { 'L' }).expect("a string takes it");
    }
    (points.len() > 1).then_some(path)
}

/// To a tenth of a pixel; what is no number stands at 0.
fn px(value: f64) -> String {
    let text = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_text() {
        assert_eq!(escape(r#"</script>"'&"#), "&lt;/script&gt;&quot;&#39;&amp;");
        let mut svg = Svg::new(10.0, 10.0);
        svg.rect("a", (0.0, 0.0), (1.0, 1.0), "<b>\u{0}");
        let text = svg.finish("\"><img>");
        assert!(!text.contains("<b>") && !text.contains("<img>") && !text.contains('\u{0}'), "{text}");
    }

    #[test]
    fn a_label_at_the_side_is_moved_in() {
        let mut svg = Svg::new(100.0, 10.0);
        svg.text("a", Anchor::Middle, (0.0, 5.0), "0123456789");
        svg.text("a", Anchor::Middle, (100.0, 5.0), "0123456789");
        let text = svg.finish("");
        assert!(text.contains(r#"x="37" y="5""#) && text.contains(r#"x="63" y="5""#), "{text}");
    }

    #[test]
    fn numbers_are_short_and_finite() {
        assert_eq!([1.0, 1.26, f64::NAN, f64::INFINITY].map(px), ["1", "1.3", "0", "0"]);
    }
}
