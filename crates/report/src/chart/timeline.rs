use rumormill_measure::{FaultReport, Span, Variant};

use super::{
    Chart, Size, VARIANTS_MAX,
    bytes::cause_colour,
    colour,
    frame::{Axis, Frame, bytes, count, percent, seconds, time},
    scale::Scale,
    svg::{Anchor, text_width},
};
use crate::{
    Record,
    figures::{Written, causes},
};

/// More marks than this cannot be told apart.
const MARKS_MAX: usize = 200;

/// One variant's course, in as many spans as a picture can show.
struct Course<'a> {
    place: usize,
    variant: &'a Variant,
    spans: &'a [Span],
}

/// What of a span one panel shows.
struct Panel {
    title: &'static str,
    caption: &'static str,
    name: &'static str,
    value: fn(&Span) -> f64,
    label: fn(f64) -> String,
    /// On what scale, from the smallest that is not 0 and the largest value.
    scale: fn(f64, f64) -> Scale,
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "Wire bytes over time",
        caption: "Sent by a live node in a second. Shaded: the measured phase. Numbers: faults, listed below.",
        name: "bytes per node and second",
        value: |span| span.wire_bytes_per_second / span.nodes_up.max(1) as f64,
        label: bytes,
        scale: |smallest, largest| match largest / smallest > 30.0 {
            true => Scale::Log(smallest * 0.8, largest * 1.25),
            false => Scale::up_to(largest),
        },
    },
    Panel {
        title: "Live nodes over time",
        caption: "Nodes that are up. The axis need not begin at 0.",
        name: "nodes",
        value: |span| span.nodes_up as f64,
        label: count,
        scale: Scale::around,
    },
    Panel {
        title: "What nodes know over time",
        caption: "Pairs of a live node and a member that it takes for alive, by the square of the live nodes: 100 % where \
                  all know all, above it while dead members are still taken for alive. The axis need not begin at 0.",
        name: "known pairs",
        value: |span| span.known_pairs as f64 / (span.nodes_up.max(1) as f64).powi(2),
        label: percent,
        scale: Scale::around,
    },
    Panel {
        title: "How late nodes were woken over time",
        caption: "Scheduler lag, 99th percentile: what this machine adds to each time measured.",
        name: "lag, p99",
        value: |span| span.lag_p99_us as f64 / 1e6,
        label: time,
        scale: |_, largest| Scale::up_to(largest),
    },
];

/// The courses of all variants: bytes, live nodes, what they know, and lag where there was any.
pub(crate) fn timelines(variants: &[Variant], records: &[Record]) -> Vec<Chart> {
    let courses = variants.iter().zip(records).take(VARIANTS_MAX).enumerate();
    let courses: Vec<_> = courses
        .map(|(place, (variant, record))| Course { place, variant, spans: &record.spans })
        .filter(|course| course.spans.len() > 1)
        .collect();
    let values = |panel: &Panel| -> Vec<f64> {
        courses.iter().flat_map(|course| course.spans.iter().map(panel.value)).collect()
    };
    let shown = PANELS.iter().map(|panel| (panel, values(panel)));
    shown
        .filter(|(_, values)| values.iter().any(|&value| value > 0.0))
        .map(|(panel, values)| panel_chart(panel, &values, &courses))
        .collect()
}

fn panel_chart(panel: &Panel, values: &[f64], courses: &[Course<'_>]) -> Chart {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let smallest = values.iter().copied().filter(|&value| value > 0.0).fold(f64::INFINITY, f64::min);
    let scale = (panel.scale)(smallest, largest);
    let chart = Chart {
        kind: "timeline",
        title: panel.title.to_owned(),
        caption: panel.caption.to_owned(),
        legend: courses.iter().map(|course| (colour(course.place), course.variant.name.clone())).collect(),
        ..Chart::default()
    };
    chart.drawn(|size| {
        let y = Axis { scale, label: panel.label, name: panel.name };
        let mut frame = framed(size, &y, courses);
        for course in courses {
            let spans = thinned(course.spans, size.points_max());
            let points = spans.iter().map(|span| (span.time_seconds, (panel.value)(span)));
            frame.path(&format!("line {}", colour(course.place)), points);
        }
        frame.svg.finish(&format!("time series: {}", panel.title))
    })
}

/// The bytes of each variant by cause, as stacked areas.
pub(crate) fn causes_over_time(variants: &[Variant], records: &[Record]) -> Vec<Chart> {
    let written: Vec<_> = variants.iter().take(VARIANTS_MAX).map(Written::of).collect();
    let causes: Vec<_> = causes(&written).into_iter().take(7).map(|cause| cause.label).collect();
    let courses = variants.iter().zip(records).take(VARIANTS_MAX).enumerate();
    courses
        .map(|(place, (variant, record))| Course { place, variant, spans: &record.spans })
        .filter(|course| course.spans.len() > 1)
        .map(|course| stacked(&course, &causes))
        .collect()
}

fn stacked(course: &Course<'_>, causes: &[String]) -> Chart {
    let mut legend: Vec<_> =
        (0..).zip(causes).map(|(place, cause)| (cause_colour(place), cause.clone())).collect();
    legend.push((cause_colour(usize::MAX), "all others".to_owned()));
    let chart = Chart {
        kind: "causes-over-time",
        title: format!("{}: bytes by cause over time", course.variant.name),
        caption: "Sent by a live node in a second, on top of each other.".to_owned(),
        legend,
        ..Chart::default()
    };
    chart.drawn(|size| {
        let spans = thinned(course.spans, size.points_max() / 2);
        let per_node = |span: &Span, bytes: f64| bytes.max(0.0) / span.nodes_up.max(1) as f64;
        // Layers from the bottom: where each ends at each time.
        let mut edges = vec![vec![0.0; spans.len()]];
        for cause in causes.iter().map(Some).chain([None]) {
            let below = edges.last().cloned().unwrap_or_default();
            let edge = spans.iter().zip(&below).map(|(span, below)| {
                let bytes = span.by_cause_bytes_per_second.iter().filter(|(name, _)| match cause {
                    Some(cause) => name == cause,
                    None => !causes.contains(name),
                });
                below + per_node(span, bytes.map(|(_, bytes)| bytes.max(0.0)).sum())
            });
            let edge = edge.collect();
            edges.push(edge);
        }
        let largest = edges.last().into_iter().flatten().copied().fold(0.0, f64::max);
        let y = Axis { scale: Scale::up_to(largest), label: bytes, name: "bytes per node and second" };
        let mut frame = framed(size, &y, std::slice::from_ref(course));
        for (layer, pair) in edges.windows(2).enumerate() {
            let along = |edge: &[f64], frame: &Frame| -> Vec<_> {
                spans.iter().zip(edge).map(|(span, &value)| frame.at((span.time_seconds, value))).collect()
            };
            let (top, bottom) = (along(&pair[1], &frame), along(&pair[0], &frame));
            let title = causes.get(layer).map_or("all others", String::as_str);
            if pair[1] != pair[0] {
                frame.svg.area(&format!("fill {}", cause_colour(layer)), &top, &bottom, title);
            }
        }
        frame.svg.finish(&format!("stacked areas: bytes of {} by cause over time", course.variant.name))
    })
}

/// A frame over the time of all courses, with the phases and faults of the first: all have them in common.
fn framed(size: Size, y: &Axis<'_>, courses: &[Course<'_>]) -> Frame {
    let times = || courses.iter().flat_map(|course| course.spans.iter().map(|span| span.time_seconds));
    let (first, last) = (times().fold(f64::INFINITY, f64::min), times().fold(f64::NEG_INFINITY, f64::max));
    let scale = Scale::Linear(first, if last > first { last } else { first + 1.0 });
    let x = Axis { scale, label: seconds, name: "since measuring began" };
    let mut frame = Frame::new(size, &x, y);
    if let Some(course) = courses.first() {
        phases(&mut frame, course, first, last);
        faults(&mut frame, &course.variant.faults, last);
    }
    frame
}

fn phases(frame: &mut Frame, course: &Course<'_>, first: f64, last: f64) {
    let (top, bottom) = (frame.top(), frame.bottom());
    let measured = course.variant.measured_seconds;
    if measured > 0.0 {
        let (from, to) = (frame.x(0.0), frame.x(measured.min(last)));
        frame.svg.rect("phase", (from, top), (to - from, bottom - top), "the measured phase");
    }
    // Up to the end of the measured phase a phase ends at its last sample.
    let mut ends: Vec<(&str, f64)> = Vec::new();
    for span in course.spans {
        match ends.last_mut() {
            Some((name, end)) if *name == span.phase => *end = span.time_seconds,
            _ => ends.push((&span.phase, span.time_seconds)),
        }
    }
    let mut begun = first;
    for (name, end) in ends {
        let end = match name {
            "warm-up" => 0.0,
            "measure" => measured,
            _ => end,
        };
        let (from, to) = (frame.x(begun), frame.x(end));
        if to - from > text_width(name) + 6.0 {
            frame.svg.text("phase-name", Anchor::Middle, (f64::midpoint(from, to), bottom - 5.0), name);
        }
        begun = end;
    }
}

/// Where faults began, and how long they lasted; numbered where there is room.
fn faults(frame: &mut Frame, faults: &[FaultReport], last: f64) {
    let (top, bottom) = (frame.top(), frame.bottom());
    // Faults that begin at about the same time have one label.
    let mut labels: Vec<(f64, usize, usize)> = Vec::new();
    for (place, fault) in (1..).zip(faults.iter().take(MARKS_MAX)) {
        let begun = fault.at_us as f64 / 1e6;
        let from = frame.x(begun);
        if let Some(until) = fault.until_us {
            let to = frame.x((until as f64 / 1e6).min(last));
            frame.svg.rect("fault-time", (from, top), (to - from, bottom - top), &fault.kind);
        }
        frame.svg.line("fault", (from, top), (from, bottom));
        match labels.last_mut() {
            Some((at, _, end)) if from - *at < text_width("00") => *end = place,
            _ => labels.push((from, place, place)),
        }
    }
    let mut free = f64::NEG_INFINITY;
    for (at, first, end) in labels {
        let label = if first == end { first.to_string() } else { format!("{first}–{end}") };
        if at - text_width(&label) / 2.0 > free {
            frame.svg.text("fault-number", Anchor::Middle, (at, top - 4.0), &label);
            free = at + text_width(&label) / 2.0 + 4.0;
        }
    }
}

/// At most so many spans: neighbours are put together, rates by their mean, the rest as it was at the end of them.
fn thinned(spans: &[Span], most: usize) -> Vec<Span> {
    let each = spans.len().div_ceil(most.max(2)).max(1);
    let mut began = spans.first().map_or(0.0, |span| span.run_seconds);
    spans
        .chunks(each)
        .filter_map(|chunk| {
            let mut thin = chunk.last()?.clone();
            let whole = thin.run_seconds - began;
            if chunk.len() > 1 && whole > 0.0 {
                thin.wire_bytes_per_second = 0.0;
                thin.by_cause_bytes_per_second.clear();
                thin.lag_p99_us = chunk.iter().map(|span| span.lag_p99_us).max()?;
                for span in chunk {
                    let share = (span.run_seconds - began) / whole;
                    began = span.run_seconds;
                    thin.wire_bytes_per_second += span.wire_bytes_per_second * share;
                    for (cause, rate) in &span.by_cause_bytes_per_second {
                        match thin.by_cause_bytes_per_second.iter_mut().find(|(name, _)| name == cause) {
                            Some((_, sum)) => *sum += rate * share,
                            None => thin.by_cause_bytes_per_second.push((cause.clone(), rate * share)),
                        }
                    }
                }
            }
            began = thin.run_seconds;
            Some(thin)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_what_was_sent() {
        let span = |second: u32| Span {
            time_seconds: f64::from(second),
            run_seconds: f64::from(second),
            wire_bytes_per_second: f64::from(second % 7),
            by_cause_bytes_per_second: vec![("probe".to_owned(), f64::from(second % 7))],
            ..Span::default()
        };
        let spans: Vec<_> = (1..=1_000).map(span).collect();
        let total = |spans: &[Span]| {
            let mut began = 1.0;
            let mut sum = 0.0;
            for span in spans {
                sum += (span.run_seconds - began) * span.wire_bytes_per_second;
                began = span.run_seconds;
                let causes: f64 = span.by_cause_bytes_per_second.iter().map(|(_, rate)| rate).sum();
                assert!((causes - span.wire_bytes_per_second).abs() < 1e-9);
            }
            sum
        };
        let thin = thinned(&spans, 100);
        assert!(thin.len() == 100 && (total(&thin) - total(&spans)).abs() < 1e-6 * total(&spans));
        assert_eq!(thinned(&spans[..50], 100), spans[..50]);
    }
}
