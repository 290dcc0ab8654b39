//! What people look at: the comparison table on the terminal. Pure: texts come out, nothing is written.

mod bars;
mod comparison;
mod differences;
mod epidemic;
mod notes;
mod ratio;
mod rows;
mod table;
mod terms;
mod text;

pub use comparison::comparison;
