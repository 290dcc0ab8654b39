//! What people look at: the comparison table on the terminal, and the files beside a result, one exporter a file. Pure: texts
//! come out, nothing is written.
//!
//! Read [`comparison`] for the terminal, [`exports`] for the files; [`kept`] reads back what they need.

mod bars;
mod chart;
mod comparison;
mod csv;
mod curve;
mod diff;
mod differences;
mod distribution;
mod epidemic;
mod exports;
mod figures;
mod files;
mod hgrm;
mod hlog;
mod html;
mod markdown;
mod matrix;
mod notes;
mod prometheus;
mod ratio;
mod record;
mod rows;
mod schema;
mod series;
mod table;
mod terms;
mod text;

pub use chart::picture;
pub use comparison::comparison;
pub use diff::diff;
pub use exports::{Export, Kept, exports, kept};
pub use matrix::{Outline, matrix};
pub use prometheus::Exposition;
pub use record::{Record, Theory};
pub use schema::result_schema;
