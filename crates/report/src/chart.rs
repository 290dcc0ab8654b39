//! Charts as inline SVG: lines, bars and axes, placed here and coloured by the page's style sheet.
//!
//! Each chart is drawn twice, for wide pages and for phones: text keeps its size that way, where one picture would be scaled
//! with it. Variants beyond the first [`VARIANTS_MAX`] are in the tables only.

mod bytes;
mod convergence;
mod detection;
mod frame;
mod percentiles;
mod picture;
mod rounds;
mod scale;
mod svg;
mod timeline;

pub(crate) use bytes::{by_cause, by_layer, totals};
pub(crate) use convergence::convergence;
pub(crate) use detection::detection;
pub(crate) use percentiles::percentiles;
pub use picture::picture;
pub(crate) use rounds::rounds;
pub(crate) use svg::escape;
pub(crate) use timeline::{causes_over_time, timelines};

/// So many variants are drawn, as many as there are colours.
pub(crate) const VARIANTS_MAX: usize = 8;

/// A chart with its words: what the page puts into one figure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// What scripts call it.
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) caption: String,
    /// A colour's class, and what it stands for.
    pub(crate) legend: Vec<(String, String)>,
    /// For wide pages.
    pub(crate) wide: String,
    /// For phones.
    pub(crate) narrow: String,
}

/// How large a chart is drawn, in pixels of a page that is not zoomed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Wide,
    Narrow,
}

impl Size {
    pub(crate) const fn width(self) -> f64 {
        match self {
            Self::Wide => 520.0,
            Self::Narrow => 340.0,
        }
    }

    pub(crate) const fn height(self) -> f64 {
        match self {
            Self::Wide => 270.0,
            Self::Narrow => 220.0,
        }
    }

    /// More points than this on one line cannot be told apart.
    pub(crate) const fn points_max(self) -> usize {
        match self {
            Self::Wide => 240,
            Self::Narrow => 140,
        }
    }
}

impl Chart {
    fn drawn(mut self, draw: impl Fn(Size) -> String) -> Self {
        self.wide = draw(Size::Wide);
        self.narrow = draw(Size::Narrow);
        self
    }
}

/// The class of the colour of a variant by its place.
pub(crate) fn colour(place: usize) -> String {
    format!("s{}", place % VARIANTS_MAX)
}
