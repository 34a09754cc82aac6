//! The header for authors in C is what the sources say, and compilers of C and C++ see the same
//! layout as Rust's.
//!
//! `MOONSAIL_WRITE_HEADER=1 cargo test -p moonsail-sdk --test header` writes `include/moonsail_plugin.h` and
//! `tests/header/layout.rs` again.

#[path = "header/layout.rs"]
mod layout;
#[path = "header/sources.rs"]
mod sources;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cbindgen::{Builder, Config, ExportConfig, Language, Style};
use sources::{Sources, c_name};

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-c"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file of the repository with what it should be, or writes it.
fn same(path: &str, wanted: &str) {
    let path = here(path);
    if std::env::var_os("MOONSAIL_WRITE_HEADER").is_some() {
        std::fs::write(&path, wanted).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(line) = (1..).zip(found.lines().zip(wanted.lines())).find(|(_, (a, b))| a != b) {
        panic!("{} is not what the sources say, at line {line:?}", path.display());
    }
    assert_eq!(found.len(), wanted.len(), "{} is not what the sources say", path.display());
}

fn preamble(sources: &Sources) -> String {
    let mut text = "/* The border between Moonsail and its plugins.\n *\n".to_owned();
    text.push_str(" * Made from the types of moonsail-sdk (tests/header.rs): do not edit.\n *\n");
    text.push_str(" * Rules\n *\n");
    text.push_str(sources.rules.trim_end());
    text.push_str("\n */\n\n#ifndef MOONSAIL_PLUGIN_H\n#define MOONSAIL_PLUGIN_H\n\n");
    text.push_str("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n");
    text.push_str("#include <stdlib.h>\n#include <string.h>\n");
    for (name, value, doc) in &sources.ids {
        write!(text, "\n/* {doc} */\n#define MOONSAIL_{name} {value}\n").expect("a text");
    }
    text
}

/// Rust's ways to name things in documentation, as C has them.
fn in_words_of_c(text: &str, sources: &Sources) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // [`Name`] and [`Name`](where).
    while let Some(at) = rest.find("[`") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = after.find("`]") else { break };
        let name = &after[2..end];
        write!(out, "`{}`", name.replace("::", ".").replace("crate.", "moonsail_sdk::"))
            .expect("a text");
        rest = &after[end + 2..];
        if let Some(link) = rest.strip_prefix('(') {
            rest = link.split_once(')').map_or(link, |(_, rest)| rest);
        }
    }
    out.push_str(rest);
    for found in &sources.structs {
        let (rust, c) = (&found.name, c_name(&found.name));
        out = out.replace(&format!("`{rust}`"), &format!("`{c}`"));
        out = out.replace(&format!("`{rust}."), &format!("`{c}."));
    }
    for name in sources.constants.iter().chain(sources.ids.iter().map(|(name, ..)| name)) {
        out = out.replace(&format!("`{name}`"), &format!("`MOONSAIL_{name}`"));
    }
    for family in ["CODE_", "FLAG_", "FIELD_", "ON_ERROR_", "NODE_", "ACCESS_", "PREVIEW_"] {
        out = out.replace(&format!("`{family}`"), &format!("`MOONSAIL_{family}`"));
    }
    out
}

fn header(sources: &Sources) -> String {
    let structs = sources.structs.iter().map(|found| found.name.clone());
    let rename = structs.clone().map(|name| (name.clone(), c_name(&name)));
    let constants = sources.constants.iter().map(|name| (name.clone(), format!("MOONSAIL_{name}")));
    let export = ExportConfig {
        include: structs.chain(sources.constants.iter().cloned()).collect(),
        rename: rename.chain(constants).collect::<HashMap<_, _>>(),
        ..ExportConfig::default()
    };
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        no_includes: true,
        usize_is_size_t: true,
        header: Some(preamble(sources)),
        trailer: Some(std::fs::read_to_string(here("src/abi/tail.h")).expect("its end")),
        export,
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for file in sources.files.iter().filter(|file| !file.ends_with("mod.rs")) {
        builder = builder.with_src(file);
    }
    let mut text = Vec::new();
    builder.generate().expect("bindings").write(&mut text);
    let text = in_words_of_c(&String::from_utf8(text).expect("text"), sources);
    // `this` is a word of C++, which cbindgen sees in fields alone.
    text.replace("void *this_;", "void *self;").replace("(void *this", "(void *self")
}

fn layouts(sources: &Sources) -> String {
    let mut text =
        "//! Written by `header.rs` from the sources: all fields of all structs.\n\n".to_owned();
    text.push_str("use moonsail_sdk::abi::*;\n\n");
    text.push_str("pub(crate) struct Layout {\n    pub(crate) name: &'static str,\n");
    text.push_str(
        "    pub(crate) size: usize,\n    pub(crate) fields: Vec<(&'static str, usize)>,\n}\n\n",
    );
    text.push_str(
        "macro_rules! of {\n    ($name:ident: $($field:ident)*) => {\n        Layout {\n",
    );
    text.push_str("            name: stringify!($name),\n            size: size_of::<$name>(),\n");
    text.push_str("            fields: vec![$((stringify!($field), std::mem::offset_of!($name, $field))),*],\n");
    text.push_str("        }\n    };\n}\n\n#[rustfmt::skip]\npub(crate) fn all() -> Vec<Layout> {\n    vec![\n");
    for found in &sources.structs {
        writeln!(text, "        of!({}: {}),", found.name, found.fields.join(" ")).expect("a text");
    }
    text.push_str("    ]\n}\n");
    text
}

#[test]
fn the_header_is_what_the_sources_say() {
    let sources = Sources::read();
    assert!(sources.structs.len() > 30, "they are found");
    let header = header(&sources);
    for found in &sources.structs {
        let name = c_name(&found.name);
        assert!(header.contains(&format!("}} {name};")), "{name} is missing");
    }
    for name in &sources.constants {
        assert!(header.contains(&format!("#define MOONSAIL_{name} ")), "{name} is missing");
    }
    same("include/moonsail_plugin.h", &header);
}

#[test]
fn the_list_of_layouts_is_whole() {
    same("tests/header/layout.rs", &layouts(&Sources::read()));
}

/// Rust's layout as a program that does not compile if C's is another. An array of -1 elements, since
/// C99 has no assertions.
fn assertions() -> String {
    let mut text = "#include \"moonsail_plugin.h\"\n".to_owned();
    let mut number = 0;
    let mut claim = |what: String, is: usize| {
        number += 1;
        writeln!(text, "typedef char claim_{number}[{what} == {is} ? 1 : -1];").expect("a text");
    };
    for layout in layout::all() {
        let name = c_name(layout.name);
        claim(format!("sizeof({name})"), layout.size);
        for (field, offset) in layout.fields {
            let field = if field == "this" { "self" } else { field };
            claim(format!("offsetof({name}, {field})"), offset);
        }
    }
    text
}

/// Whether a compiler takes a program; `None` if there is no such compiler.
fn compiles(compiler: &str, standard: &str, source: &Path) -> Option<Result<(), String>> {
    let object = source.with_extension(format!("{compiler}-{standard}.o"));
    let output = Command::new(compiler)
        .args(WARNINGS)
        .arg(format!("-std={standard}"))
        .arg("-I")
        .arg(here("include"))
        .arg("-o")
        .arg(object)
        .arg(source)
        .output()
        .ok()?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said()) })
}

#[test]
#[cfg(target_pointer_width = "64")]
fn compilers_of_c_and_cpp_see_the_layout_of_rust() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "typedef char claim[sizeof(moonsail_str) == 15 ? 1 : -1];\n";
    for (compiler, needed, ending, standards) in [
        ("gcc", true, "c", &["c99", "c11", "c17"][..]),
        ("g++", true, "cpp", &["c++17"][..]),
        ("clang", false, "c", &["c99", "c11", "c17"][..]),
        ("clang++", false, "cpp", &["c++17"][..]),
    ] {
        let source = folder.path().join(format!("layout.{ending}"));
        for standard in standards {
            std::fs::write(&source, assertions()).unwrap();
            let Some(result) = compiles(compiler, standard, &source) else {
                assert!(!needed, "{compiler} is missing: apt-get install build-essential");
                continue;
            };
            result.unwrap_or_else(|said| panic!("{compiler} {standard}: {said}"));
            // And the assertions bite.
            std::fs::write(&source, assertions() + wrong).unwrap();
            assert!(compiles(compiler, standard, &source).unwrap().is_err());
        }
    }
}
