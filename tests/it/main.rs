//! Integration tests, one binary.

mod analysis;
#[cfg(feature = "import")]
mod audit_example;
mod conntrack;
mod expiry;
mod export;
mod fields;
mod firewall_example;
#[cfg(feature = "import")]
#[path = "../../examples/formats/mod.rs"]
mod formats;
mod hits;
mod import;
mod layers;
mod linux;
mod no_alloc;
mod notes;
mod orders;
mod packet;
mod policy;
mod reassembly;
mod record;
mod rulesets;
#[cfg(feature = "import")]
mod scratch;
#[cfg(feature = "serde")]
mod serde;
mod sets;
#[cfg(feature = "serde")]
mod ssh_alert_example;
mod staged;
mod strategies;
mod text;
#[cfg(feature = "import")]
mod translate_example;
mod tree;
mod update;
