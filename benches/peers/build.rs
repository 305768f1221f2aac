//! Compiles the C part if DPDK is there; the program says so if it is not.

use std::path::PathBuf;

const FILES: [&str; 2] = ["src/rte_acl.c", "src/connections/rte_hash.c"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(dpdk)");
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    match find() {
        Some((dpdk, libraries)) => compile(&dpdk, &libraries),
        // A file that never exists: looks again each time, as DPDK may be there by then.
        None => println!("cargo::rerun-if-changed=no-dpdk"),
    }
}

/// DPDK and the folder of its static libraries. The AVX-512 algorithms came with version 20.11.
fn find() -> Option<(pkg_config::Library, PathBuf)> {
    // What pkg-config would link is every library of DPDK.
    let mut wanted = pkg_config::Config::new();
    let dpdk = wanted.atleast_version("20.11").statik(true).cargo_metadata(false).probe("libdpdk");
    let libraries = PathBuf::from(pkg_config::get_variable("libdpdk", "libdir").ok()?);
    dpdk.ok().filter(|_| libraries.join("librte_acl.a").exists()).map(|dpdk| (dpdk, libraries))
}

fn compile(dpdk: &pkg_config::Library, libraries: &std::path::Path) {
    let mut build = cc::Build::new();
    build.files(FILES).includes(&dpdk.include_paths).opt_level(3);
    build.flag("-include").flag("rte_config.h");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        build.flag("-march=corei7");
    }
    build.compile("portcullis_peers");
    println!("cargo::rustc-link-search=native={}", libraries.display());
    // Statically, or the allocations could not be redirected.
    for library in
        ["rte_acl", "rte_hash", "rte_rcu", "rte_ring", "rte_eal", "rte_telemetry", "rte_kvargs"]
    {
        println!("cargo::rustc-link-lib=static={library}");
    }
    // What this build of DPDK needs of the system.
    let system = ["bsd", "fdt", "numa"].map(String::from);
    for library in system.iter().filter(|library| dpdk.libs.contains(library)) {
        println!("cargo::rustc-link-lib={library}");
    }
    for function in ["rte_zmalloc_socket", "rte_free"] {
        println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
    }
    println!("cargo::rustc-cfg=dpdk");
}
