//! Rules compiled here, used elsewhere: writes the image of a rule set for a program that has no
//! allocator, and reads it back.
//!
//! `cargo run --release --example image` compiles `examples/data/gateway.rules` and says whether
//! `examples/data/gateway.image` is up to date; with `-- --write` it writes that file.
//! `tests/no_std/src/bin/image.rs` is a program that embeds it.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use portcullis::{Config, FlowKey, Protocol, RuleSet, StatelessMatcher};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let rules: RuleSet = fs::read_to_string(data.join("gateway.rules"))?.parse()?;
    let image = StatelessMatcher::compile(&rules, &Config::new())?.to_bytes();

    let file = data.join("gateway.image");
    if env::args().any(|argument| argument == "--write") {
        fs::write(&file, &image)?;
    }
    let matcher = StatelessMatcher::from_bytes(&image)?;
    for (protocol, to) in [(Protocol::TCP, "192.0.2.1:443"), (Protocol::UDP, "192.0.2.1:53")] {
        let key = FlowKey::new(protocol, "10.1.0.7:40000".parse()?, to.parse()?)?;
        let decision = matcher.classify_key(&key);
        let rule = decision.rule.map_or("default".to_string(), |rule| rule.to_string());
        println!("{protocol} to {to}: {} by {rule}", decision.action);
    }
    let current = fs::read(&file).is_ok_and(|stored| stored == image);
    println!("{} bytes, {}", image.len(), if current { "as stored" } else { "not as stored" });
    Ok(if current { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
