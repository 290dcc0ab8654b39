//! How what the lab knows travels. Sizes matter: an event takes about 3 bytes, a node of a census 30.

mod actions;
mod census;
mod events;
mod inspections;

pub(crate) use actions::{Actions, ActionsForm};
pub(crate) use census::{CensusForm, CensusReader, CensusWriter};
pub(crate) use events::EventsForm;
pub(crate) use inspections::InspectionsForm;
