//! Cargo.toml, Cargo.lock and docs/dependencies.md tell the same story.

use super::read;

/// One TLS stack, and nothing that no registry keeps. `cargo deny check` knows more; this needs no
/// tool.
fn bad_packages(lock: &str) -> Vec<String> {
    let banned = ["aws-lc-sys", "aws-lc-rs", "openssl-sys", "native-tls"];
    lock.lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(" = ")?;
            let value = value.trim_matches('"');
            let bad = (key == "name" && banned.contains(&value))
                || (key == "source" && value.starts_with("git+"));
            bad.then(|| format!("Cargo.lock: {value} (deny.toml)"))
        })
        .collect()
}

/// Crates of the workspace's table that `docs/dependencies.md` does not explain.
fn unexplained(manifest: &str, docs: &str) -> Vec<String> {
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let explained: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .collect();
    table
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .filter(|name| !name.starts_with("moonsail") && !explained.contains(name))
        .map(|name| format!("docs/dependencies.md does not explain {name}"))
        .collect()
}

#[test]
fn dependencies_are_explained_and_of_one_tls_stack() {
    assert_eq!(bad_packages(&read("Cargo.lock")), Vec::<String>::new());
    let faults = unexplained(&read("Cargo.toml"), &read("docs/dependencies.md"));
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn planted_dependencies_are_found() {
    let lock = "name = \"ring\"\nname = \"openssl-sys\"\nsource = \"git+https://a.org/b\"\n";
    assert_eq!(bad_packages(lock).len(), 2);
    let manifest = "[workspace.dependencies]\na = \"1\"\nb = { version = \"1\" }\nc = \"1\"\n\n[x]\nd = \"1\"\n";
    let docs = "| crate | need |\n| a, b | x |\n";
    assert_eq!(unexplained(manifest, docs), ["docs/dependencies.md does not explain c"]);
}
