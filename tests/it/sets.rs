//! Named sets: what they hold, how they are changed, and rules that name them.

mod contents;
mod rules;
