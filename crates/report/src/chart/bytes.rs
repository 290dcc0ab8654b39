use rumormill_measure::{Variant, units};

use super::{
    Chart, Size, VARIANTS_MAX, colour,
    svg::{Anchor, Svg, text_width},
};
use crate::figures::{Written, causes};

/// A bar and the line of words above it.
pub(super) const ROW: f64 = 42.0;
pub(super) const BAR: f64 = 14.0;
/// How much wider names are than other labels.
const BOLD: f64 = 1.25;
/// Colours of causes; what has none of its own shares the last.
const CAUSES: usize = 8;

/// What each variant sends, on one scale.
pub(crate) fn totals(variants: &[Variant]) -> Option<Chart> {
    let drawn = &variants[..variants.len().min(VARIANTS_MAX)];
    let mean = |variant: &Variant| variant.bandwidth.wire_bytes_per_node_per_second.mean;
    let largest = drawn.iter().map(mean).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let chart = Chart {
        kind: "totals",
        title: "Wire bytes per node and second".into(),
        caption: "Mean over nodes, each byte counted once, at its sender, in the measured phase.".into(),
        ..Chart::default()
    };
    Some(chart.drawn(|size| {
        let mut svg = Svg::new(size.width(), ROW * drawn.len() as f64);
        for (place, variant) in drawn.iter().enumerate() {
            let (top, value) = (ROW * place as f64, mean(variant));
            words(&mut svg, top, &variant.name, &units::bytes_per_second(value));
            let width = (size.width() * value / largest).max(1.0);
            let title = format!("{}: {}", variant.name, units::bytes_per_second(value));
            svg.rect(&format!("fill {}", colour(place)), (0.0, top + 20.0), (width, BAR), &title);
        }
        svg.finish("bars: wire bytes per node and second of each variant")
    }))
}

/// The same bytes at each layer, each variant on its own scale.
pub(crate) fn by_layer(variants: &[Variant]) -> Option<Chart> {
    let drawn: Vec<_> = variants.iter().take(VARIANTS_MAX).collect();
    if drawn.iter().all(|variant| variant.bandwidth.layers_bytes_per_node_per_second.wire <= 0.0) {
        return None;
    }
    let chart = Chart {
        kind: "layers",
        title: "Bytes by layer".into(),
        caption: "Encoded messages, after compression, in UDP payloads, and with UDP and IP headers. Each variant on a \
                  scale of its own."
            .into(),
        ..Chart::default()
    };
    Some(chart.drawn(|size| layers(size, &drawn)))
}

fn layers(size: Size, drawn: &[&Variant]) -> String {
    const LINE: f64 = 17.0;
    let group = 26.0 + 4.0 * LINE;
    let mut svg = Svg::new(size.width(), group * drawn.len() as f64);
    let named = text_width("compressed") + 8.0;
    let room = size.width() - named - text_width("000 MB/s ") - 8.0;
    for (place, variant) in drawn.iter().enumerate() {
        let top = group * place as f64;
        svg.text("label", Anchor::Start, (0.0, top + 13.0), &cut(&variant.name, size.width()));
        let layers = &variant.bandwidth.layers_bytes_per_node_per_second;
        let all = [
            ("payload", layers.payload),
            ("compressed", layers.compressed),
            ("QUIC", layers.quic),
            ("wire", layers.wire),
        ];
        let largest = all.iter().map(|(_, bytes)| *bytes).fold(f64::MIN_POSITIVE, f64::max);
        for (line, (layer, bytes)) in all.into_iter().enumerate() {
            let (top, width) = (top + 18.0 + LINE * line as f64, (room * bytes / largest).max(1.0));
            svg.text("tick", Anchor::End, (named - 8.0, top + 11.0), layer);
            svg.rect(&format!("fill {}", colour(place)), (named, top + 2.0), (width, LINE - 6.0), "");
            svg.text(
                "tick",
                Anchor::Start,
                (named + width + 6.0, top + 11.0),
                &units::bytes_per_second(bytes),
            );
        }
    }
    svg.finish("bars: bytes per node and second of each variant at four layers")
}

/// The same bytes by cause: how each variant's are made up.
pub(crate) fn by_cause(variants: &[Variant]) -> Option<Chart> {
    let written: Vec<_> = variants.iter().take(VARIANTS_MAX).map(Written::of).collect();
    let causes: Vec<_> = causes(&written).into_iter().take(CAUSES - 1).collect();
    if causes.is_empty() {
        return None;
    }
    let mut legend: Vec<_> =
        (0..).zip(&causes).map(|(place, cause)| (cause_colour(place), cause.label.clone())).collect();
    legend.push((cause_colour(CAUSES - 1), "all others".to_owned()));
    let chart = Chart {
        kind: "causes",
        title: "What the bytes are sent for".into(),
        caption:
            "Shares of each variant's wire bytes. quic-* and ip-udp-headers are what the transport adds."
                .into(),
        legend,
        ..Chart::default()
    };
    Some(chart.drawn(|size| {
        let mut svg = Svg::new(size.width(), ROW * written.len() as f64);
        for (place, variant) in written.iter().enumerate() {
            let top = ROW * place as f64;
            let total = variant.at("bandwidth.layers_bytes_per_node_per_second.wire").unwrap_or(0.0);
            words(&mut svg, top, &variant.name, &units::bytes_per_second(total));
            let shares =
                causes.iter().map(|cause| (cause.label.as_str(), variant.at(&cause.path).unwrap_or(0.0)));
            let mut parts: Vec<_> = shares.map(|(label, bytes)| (label, bytes.max(0.0) / total)).collect();
            let rest = 1.0 - parts.iter().map(|(_, share)| share).sum::<f64>();
            parts.push(("all others", rest.max(0.0)));
            let mut left = 0.0;
            for (cause, (label, share)) in
                parts.into_iter().enumerate().filter(|(_, (_, share))| *share > 0.0)
            {
                let width = (size.width() * share).min(size.width() - left);
                let title = format!("{}: {label} {}", variant.name, units::percent(share));
                svg.rect(&format!("fill {}", cause_colour(cause)), (left, top + 20.0), (width, BAR), &title);
                left += width;
            }
        }
        svg.finish("stacked bars: shares of each variant's bytes by cause")
    }))
}

/// The class of the colour of a cause by its place.
pub(super) fn cause_colour(place: usize) -> String {
    format!("c{}", place.min(CAUSES - 1))
}

/// A name, and a figure at the other side.
pub(super) fn words(svg: &mut Svg, top: f64, name: &str, figure: &str) {
    let room = svg.width() - text_width(figure) * BOLD - 12.0;
    svg.text("label", Anchor::Start, (0.0, top + 14.0), &cut(name, room));
    svg.text("label", Anchor::End, (svg.width(), top + 14.0), figure);
}

/// A name that fits.
pub(super) fn cut(name: &str, room: f64) -> String {
    let room = room / BOLD;
    if text_width(name) <= room {
        return name.to_owned();
    }
    let fits = (room / text_width("m")) as usize;
    name.chars().take(fits.saturating_sub(1)).chain(['…']).collect()
}
