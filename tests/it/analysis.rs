//! Answers about rules, compared with the definition and with brute force.

mod explain;
