//! The machine under the experiment: what it is, what it allows and what the experiment costs it. Read in full on
//! Linux; elsewhere what cannot be read is nothing or 0.

mod descriptors;
mod environment;
mod load;
mod proc;
mod resources;

pub(crate) use descriptors::descriptor_limit;
pub use descriptors::raise_descriptor_limit;
pub use environment::environment;
pub(crate) use load::Gauge;
pub use load::Load;
pub use resources::Resources;
