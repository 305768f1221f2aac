//! Fragments put together: cases, attacks, what Linux does, and a naive model.

mod attacks;
mod cases;
mod limits;
mod linux;
mod matcher;
pub(crate) mod model;
mod properties;
pub(crate) mod sent;
