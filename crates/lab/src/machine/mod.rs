//! The machine under the experiment: what it is, what it allows and what the experiment costs it. Read in full on
//! Linux; elsewhere what cannot be read is nothing or 0.

mod descriptors;
mod environment;
mod load;
mod proc;

pub use descriptors::{descriptor_limit, raise_descriptor_limit};
pub use environment::environment;
pub use load::Load;
