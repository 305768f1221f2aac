//! Looking packets up in an image: no allocation, no panic, no index that could be out of bounds.
//!
//! A packet's [`words`] lead through the nodes of an [`image`] to a [`leaf`], where [`find`] takes
//! the first rule that matches and whose [`residual`] checks hold; [`follow`] goes on from a rule
//! that does more than decide.
#![cfg_attr(not(feature = "alloc"), allow(dead_code, reason = "some of it is for compiling"))]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub(in crate::tree) mod batch;
pub(in crate::tree) mod find;
pub(in crate::tree) mod follow;
pub(in crate::tree) mod image;
pub(in crate::tree) mod leaf;
pub(in crate::tree) mod question;
pub(in crate::tree) mod residual;
pub(in crate::tree) mod subject;
pub(in crate::tree) mod words;
