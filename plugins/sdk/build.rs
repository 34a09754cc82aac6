//! Notes what the plugin was built with, for messages about plugins that do not fit.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.unwrap_or_else(|| "rustc".to_owned());
    let target = std::env::var("TARGET").unwrap_or_default();
    // Its short name: the hash and the date say nothing to an administrator.
    let short = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    println!("cargo::rustc-env=MOONSAIL_SDK_BUILD={short}, {target}");
    println!("cargo::rerun-if-changed=build.rs");
}
