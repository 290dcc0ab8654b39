use rumormill_measure::{RunResult, Variant, units};

use super::{
    VARIANTS_MAX,
    bytes::{BAR, ROW, words},
    colour, convergence,
    frame::bytes,
    scale::Scale,
    svg::{Anchor, Svg, extent},
};
use crate::{
    Record,
    comparison::world,
    html::{CHARTS, COLOURS},
};

/// The least of a side of the picture; both lie next to each other.
const SIDE: (f64, f64) = (340.0, 220.0);
const MARGIN: f64 = 24.0;
const GAP: f64 = 40.0;
/// Above the sides, where the titles stand.
const HEAD: f64 = 72.0;
/// Below the bars, where their axis is named.
const FOOT: f64 = 22.0;

/// Where it is seen alone there is no page around it.
const ALONE: &str = "text { font-family: system-ui, -apple-system, \"Segoe UI\", Roboto, Arial, \"DejaVu Sans\", sans-serif; }\n\
                     .card { fill: var(--card); }\n";

/// A run as one picture, an SVG file that is read in the light and in the dark: what each variant pays, and how fast it tells
/// all. Nothing where there is no such thing to see.
pub fn picture(result: &RunResult, records: &[Record]) -> Option<String> {
    let paid = Paid::of(&result.variants)?;
    let measured: Vec<_> = records.iter().map(|record| Record { theory: None, ..record.clone() }).collect();
    let told = convergence(&result.variants, &measured)?;
    let (width, height) = (2.0 * (MARGIN + SIDE.0) + GAP, HEAD + paid.height() + MARGIN);
    let mut svg = Svg::new(width, height);
    svg.rect("card", (0.0, 0.0), (width, height), "");
    let right = MARGIN + SIDE.0 + GAP;
    svg.text("label", Anchor::Start, (MARGIN, MARGIN + 8.0), &heading(result));
    for (left, title, side) in [
        (MARGIN, "Wire bytes per node and second, by factors of ten", &paid.drawn()),
        (right, &told.title, &told.narrow),
    ] {
        svg.text("name", Anchor::Start, (left, HEAD - 14.0), title);
        svg.place((left, HEAD), side);
    }
    let style = [COLOURS, CHARTS, ALONE].concat();
    Some(svg.finish_alone(&words_of(result), &style))
}

fn heading(result: &RunResult) -> String {
    let nodes = result.variants.first().map_or(0, |variant| variant.nodes);
    let mut facts = vec![format!("{} nodes", units::count(nodes)), world(result)];
    if !result.verdict.status.is_valid() {
        facts.push(format!("not valid but {}", result.verdict.status));
    }
    format!("{}: {}", result.scenario, facts.join(", "))
}

/// What variants send, by factors: side by side on an even scale the cheap ones would not show.
struct Paid<'a> {
    variants: &'a [Variant],
    scale: Scale,
}

impl<'a> Paid<'a> {
    fn of(variants: &'a [Variant]) -> Option<Self> {
        let variants = &variants[..variants.len().min(VARIANTS_MAX)];
        let all = || variants.iter().map(mean).filter(|&bytes| bytes > 0.0);
        let (least, most) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
        let power = |power: f64| 10.0_f64.powf(power);
        // No bar is nothing, and none is all.
        let scale = Scale::Log(power((least / 2.0).log10().floor()), power(most.log10().ceil()));
        Some(Self { variants, scale })
    }

    /// Many need more room than a curve does.
    fn height(&self) -> f64 {
        SIDE.1.max(ROW * self.variants.len() as f64 + FOOT)
    }

    fn drawn(&self) -> String {
        let (width, bottom) = (SIDE.0, self.height() - FOOT);
        let mut svg = Svg::new(width, self.height());
        let mut end = f64::NEG_INFINITY;
        for tick in self.scale.ticks(6) {
            let (x, label) = (self.scale.place(tick) * width, bytes(tick));
            svg.line("grid", (x, 0.0), (x, bottom));
            let (left, right) = extent(Anchor::Middle, x, &label);
            // Labels at a side are moved in, and none touches another.
            let (left, right) =
                (left.max(0.0).min(width - (right - left)), right.min(width).max(right - left));
            if left > end {
                svg.text("tick", Anchor::Middle, (x, bottom + 15.0), &label);
                end = right;
            }
        }
        let row = bottom / self.variants.len() as f64;
        for (place, variant) in self.variants.iter().enumerate() {
            let top = row * place as f64;
            words(&mut svg, top, &variant.name, &units::bytes_per_second(mean(variant)));
            let bar = (self.scale.place(mean(variant)) * width).max(1.0);
            svg.rect(&format!("fill {}", colour(place)), (0.0, top + 20.0), (bar, BAR), &variant.name);
        }
        svg.finish("bars: wire bytes per node and second of each variant, by factors of ten")
    }
}

/// The same in words, for those who cannot see it.
fn words_of(result: &RunResult) -> String {
    let of = |figure: &dyn Fn(&Variant) -> String| {
        let variants = result.variants.iter().take(VARIANTS_MAX);
        variants.map(|variant| format!("{} {}", variant.name, figure(variant))).collect::<Vec<_>>().join(", ")
    };
    format!(
        "{}. Wire bytes per node and second: {}. Until half of the writes had reached all nodes: {}.",
        heading(result),
        of(&|variant| units::bytes(mean(variant))),
        of(&|variant| units::duration_us(variant.convergence.t100_us.p50)),
    )
}

fn mean(variant: &Variant) -> f64 {
    variant.bandwidth.wire_bytes_per_node_per_second.mean
}
