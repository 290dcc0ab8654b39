use rumormill_measure::units;

use super::{
    Size,
    scale::Scale,
    svg::{Anchor, Svg, extent, text_width},
};

/// Above the plot, where the name of the upright axis stands.
const TOP: f64 = 30.0;
/// Below it, for labels and the name of the other axis.
const BOTTOM: f64 = 40.0;
const RIGHT: f64 = 10.0;
/// Between two labels.
const GAP: f64 = 10.0;

/// A plot with its axes, in which lines are drawn.
pub(super) struct Frame {
    pub(super) svg: Svg,
    x: Scale,
    y: Scale,
    left: f64,
    height: f64,
}

/// An axis: its scale, how its values are written, and its name.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    pub(super) label: fn(f64) -> String,
    pub(super) name: &'a str,
}

impl Frame {
    pub(super) fn new(size: Size, x: &Axis<'_>, y: &Axis<'_>) -> Self {
        let (width, height) = (size.width(), size.height());
        let upright: Vec<_> = y.scale.ticks(5).into_iter().map(|tick| (tick, (y.label)(tick))).collect();
        let left = upright.iter().map(|(_, label)| text_width(label)).fold(18.0, f64::max) + 8.0;
        let mut frame = Self { svg: Svg::new(width, height), x: x.scale, y: y.scale, left, height };
        frame.svg.text("name", Anchor::Start, (0.0, 12.0), y.name);
        frame.svg.text("name", Anchor::End, (width, height - 4.0), x.name);
        for (tick, label) in upright {
            let at = frame.y(tick);
            frame.svg.line("grid", (left, at), (width - RIGHT, at));
            frame.svg.text("tick", Anchor::End, (left - 6.0, at + 4.0), &label);
        }
        frame.along(x, size);
        frame
    }

    /// Labels that would touch the one before are left out.
    fn along(&mut self, axis: &Axis<'_>, size: Size) {
        let about = if size == Size::Wide { 7 } else { 4 };
        let mut end = f64::NEG_INFINITY;
        for tick in axis.scale.ticks(about) {
            let (x, label) = (self.x(tick), (axis.label)(tick));
            self.svg.line("grid", (x, TOP), (x, self.bottom()));
            let (left, right) = extent(Anchor::Middle, x, &label);
            let moved = (right - self.svg.width()).max(0.0);
            if left - moved >= end + GAP {
                self.svg.text("tick", Anchor::Middle, (x, self.bottom() + 15.0), &label);
                end = right - moved;
            }
        }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (self.svg.width() - RIGHT - self.left)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * (self.bottom() - TOP)
    }

    pub(super) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x(x), self.y(y))
    }

    pub(super) const fn top(&self) -> f64 {
        TOP
    }

    pub(super) const fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    pub(super) fn path(&mut self, class: &str, values: impl IntoIterator<Item = (f64, f64)>) {
        let points: Vec<_> = values.into_iter().map(|value| self.at(value)).collect();
        self.svg.path(class, &points);
    }
}

/// A figure as axes have it: without zeros that say nothing.
fn short(text: &str) -> String {
    let Some((number, unit)) = text.split_once(' ') else { return text.to_owned() };
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number} {unit}")
}

pub(super) fn bytes(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { short(&units::bytes(value)) }
}

/// Seconds as a time.
pub(super) fn time(seconds: f64) -> String {
    if seconds == 0.0 { "0".to_owned() } else { short(&units::duration_us((seconds * 1e6).round() as u64)) }
}

/// Seconds alone.
pub(super) fn seconds(seconds: f64) -> String {
    format!("{} s", plain(seconds))
}

pub(super) fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

pub(super) fn count(value: f64) -> String {
    if value.fract() == 0.0 { units::count(value as u64) } else { String::new() }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    // So many nines as the longest axis of percentiles has.
    let text = format!("{:.5}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        assert_eq!([bytes(10_000.0), bytes(0.0), bytes(2_500.0)], ["10 kB", "0", "2.5 kB"]);
        assert_eq!([time(0.02), time(10.0), time(0.0)], ["20 ms", "10 s", "0"]);
        assert_eq!(
            [percent(0.999), percent(0.5), percent(0.999_999), percent(0.0)],
            ["99.9 %", "50 %", "99.9999 %", "0 %"]
        );
        assert_eq!([seconds(-5.0), plain(-0.0), count(0.5)], ["-5 s", "0", ""]);
    }
}
