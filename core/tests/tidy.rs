//! Rules of the house that neither compiler nor clippy checks (ARCHITECTURE.md, docs/style.md):
//! floors, module docs, length of files, where `unsafe` and printing may be, and that server.toml
//! and the configuration structs have the same keys.
//!
//! Each rule is a function from a file to its faults, and each has a test with a planted breach.

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Token, paths, test_modules, tokens};

/// Longest file, in lines outside of tests. A longer one holds two ideas: name the second.
const MAX_LINES: usize = 400;
/// Folders below the repository that may hold `unsafe`.
const UNSAFE_ALLOWED: [&str; 4] =
    ["core/lua/src/vm/", "core/src/ext/", "core/src/heap.rs", "plugins/sdk/src/abi/"];

/// Who may know whom on one floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    /// Modules of the floor may import each other.
    Friends,
    /// They must not: `app` hands each what it needs.
    Strangers,
}

/// The house from the ground up: a module imports from lower floors. The longest prefix decides,
/// so `store` is a port and `store::sqlite` a service.
const FLOORS: [(&str, Neighbours, &[&str]); 6] = [
    (
        "ground",
        Neighbours::Friends,
        &["proto", "config", "path", "etag", "clock", "heap", "ids", "names", "wire", "version"],
    ),
    ("ports", Neighbours::Friends, &["storage", "store", "hooks"]),
    (
        "services",
        Neighbours::Strangers,
        &[
            "auth",
            "tree",
            "content",
            "store::sqlite",
            "store::memory",
            "store::postgres",
            "sharing",
            "trash",
            "versions",
            "previews",
            "search",
            "feed",
            "ext",
            "pages",
        ],
    ),
    (
        "rooms",
        Neighbours::Strangers,
        &["dav", "ocs", "login", "web", "apps", "pictures", "push", "links", "outside"],
    ),
    ("door", Neighbours::Strangers, &["http", "net"]),
    ("roof", Neighbours::Friends, &["app", "cli", "main", "lib"]),
];

/// What the ground's codecs must not touch: they turn bytes into types and back, and nothing else.
const NOT_IN_PROTO: [&[&str]; 4] =
    [&["std", "fs"], &["crate", "clock"], &["SystemTime", "now"], &["tokio"]];

/// A file and what it is called.
struct File<'a> {
    /// Path below the repository.
    path: &'a str,
    text: &'a str,
    tokens: Vec<Token<'a>>,
}

impl<'a> File<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, tokens: tokens(text) }
    }

    /// The module below the crate: `dav::propfind` for `core/src/dav/propfind.rs`.
    fn module(&self) -> Vec<&'a str> {
        let inside = self.path.split_once("src/").map_or(self.path, |(_, inside)| inside);
        let stem = inside.strip_suffix(".rs").unwrap_or(inside);
        let mut module: Vec<&str> = stem.split('/').collect();
        if module.len() > 1 && module.last() == Some(&"mod") {
            module.pop();
        }
        module
    }

    /// Whether the whole file is tests: `tests.rs` and what lies in a folder `tests`.
    fn is_test(&self) -> bool {
        self.module().contains(&"tests")
    }

    /// The tokens outside of test modules.
    fn code(&self) -> impl Iterator<Item = (usize, &Token<'a>)> {
        let tests = test_modules(&self.tokens);
        let is_test = self.is_test();
        self.tokens.iter().enumerate().filter(move |(index, _)| {
            !is_test && !tests.iter().any(|(first, last)| (first..=last).contains(&index))
        })
    }

    fn fault(&self, line: usize, text: impl std::fmt::Display) -> String {
        format!("{}:{line}: {text}", self.path)
    }
}

/// The floor and room of a module: of the longest prefix in [`FLOORS`].
fn floor_of<'m>(module: &[impl AsRef<str>]) -> Option<(usize, &'m str)> {
    let begins = |room: &str| {
        let mut words = module.iter();
        room.split("::").all(|part| words.next().is_some_and(|word| word.as_ref() == part))
    };
    let rooms = FLOORS.iter().enumerate();
    rooms
        .flat_map(|(floor, (_, _, rooms))| rooms.iter().map(move |room| (floor, *room)))
        .filter(|(_, room)| begins(room))
        .max_by_key(|(_, room)| room.len())
}

/// Imports go down, never up, and not to a stranger on the same floor.
fn floors(file: &File<'_>) -> Vec<String> {
    let module = file.module();
    let Some((floor, room)) = floor_of(&module) else {
        return vec![file.fault(1, "this module has no floor; give it one in core/tests/tidy.rs")];
    };
    let mut faults = Vec::new();
    // `main.rs` and `lib.rs` are the crate itself, so `self::x` there is `crate::x`.
    let stands: &[&str] = if matches!(module[..], ["main" | "lib"]) { &[] } else { &module };
    for (path, line) in paths(&file.tokens, stands) {
        let Some((other_floor, other)) = floor_of(&path) else { continue };
        let (name, neighbours, _) = FLOORS[floor];
        let other_name = FLOORS[other_floor].0;
        if other == room || other_floor < floor {
            continue;
        }
        if other_floor > floor {
            let text = format!("{room} ({name}) imports {other} ({other_name}) above it");
            faults.push(file.fault(line, text));
        } else if neighbours == Neighbours::Strangers {
            let text = format!("{room} imports {other}, its neighbour on the floor \"{name}\"");
            faults.push(file.fault(line, text));
        }
    }
    faults
}

/// Every file says first what lives in it.
fn module_docs(file: &File<'_>) -> Vec<String> {
    let good = file.text.starts_with("//! ");
    if good { Vec::new() } else { vec![file.fault(1, "does not open with a module doc, //!")] }
}

/// Files stay short, tests not counted.
fn length(file: &File<'_>) -> Vec<String> {
    if file.is_test() {
        return Vec::new();
    }
    let tests = test_modules(&file.tokens);
    let line = |index: usize| file.tokens[index].line;
    let in_tests: usize = tests.iter().map(|(first, last)| line(*last) - line(*first) + 1).sum();
    let lines = file.text.lines().count() - in_tests;
    if lines <= MAX_LINES {
        return Vec::new();
    }
    vec![file.fault(lines, format_args!("{lines} lines outside of tests, at most {MAX_LINES}"))]
}

/// `unsafe` lives in a few folders.
fn no_unsafe(file: &File<'_>) -> Vec<String> {
    if UNSAFE_ALLOWED.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let found = file.tokens.iter().filter(|token| token.text == "unsafe");
    found.map(|t| file.fault(t.line, "unsafe outside of the folders for it")).collect()
}

/// Only `cli/out.rs` prints, and not by these macros: they panic when nobody reads.
fn no_print(file: &File<'_>) -> Vec<String> {
    let macros = ["print", "println", "eprint", "eprintln", "dbg"];
    let is_call = |index: usize| file.tokens.get(index + 1).is_some_and(|next| next.text == "!");
    file.code()
        .filter(|(index, token)| macros.contains(&token.text) && is_call(*index))
        .map(|(_, token)| file.fault(token.line, format_args!("{}! (use cli::out)", token.text)))
        .collect()
}

/// The environment is read by `config` alone. (Tests of the binary set it, and may read it.)
fn no_environment(file: &File<'_>) -> Vec<String> {
    if file.module()[0] == "config" {
        return Vec::new();
    }
    let after = |index: usize, by: usize| file.tokens.get(index + by).map_or("", |t| t.text);
    file.code()
        .filter(|(index, token)| {
            token.text == "env" && after(*index, 1) == "::" && after(*index, 2).starts_with("var")
        })
        .map(|(_, token)| file.fault(token.line, "reads the environment (config does that)"))
        .collect()
}

/// `proto` does no I/O and reads no clock.
fn pure_proto(file: &File<'_>) -> Vec<String> {
    if file.module()[0] != "proto" {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for path in NOT_IN_PROTO {
        let words: Vec<&str> = path.iter().flat_map(|word| ["::", *word]).skip(1).collect();
        let hits = file.tokens.windows(words.len() + 1).filter(|window| {
            window.iter().map(|t| t.text).zip(&words).all(|(a, b)| a == *b)
                && (words.len() > 1 || window[1].text == "::")
        });
        let fault = |window: &[Token<'_>]| {
            file.fault(window[0].line, format_args!("proto uses {}", path.join("::")))
        };
        faults.extend(hits.map(fault));
    }
    faults
}

/// Keys that `file` has and `keys` has not, and the other way round. A key may be commented out as
/// `# key = value`.
fn same_keys(file: &str, keys: &[String]) -> Vec<String> {
    let mut section = String::new();
    let mut written = Vec::new();
    for line in file.lines() {
        // A list of sections is shown in comments: it is empty by default.
        let bare = line.strip_prefix("# [[").map_or(line, |_| &line[2..]);
        let header = bare.strip_prefix("[[").or_else(|| bare.strip_prefix('['));
        if let Some(name) = header.and_then(|rest| rest.split(']').next()) {
            section = format!("{name}.");
        }
        let line = line.strip_prefix("# ").unwrap_or(line);
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            written.push(format!("{section}{name}"));
        }
    }
    let missing = keys.iter().filter(|key| !written.contains(key));
    let extra = written.iter().filter(|key| !keys.contains(key));
    let twice = written.iter().enumerate().filter(|(i, key)| written[..*i].contains(key));
    missing
        .map(|key| format!("server.toml does not document {key}"))
        .chain(extra.map(|key| format!("server.toml documents {key}, which no struct has")))
        .chain(twice.map(|(_, key)| format!("server.toml documents {key} twice")))
        .collect()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the repository")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).expect("a file of the repository")
}

/// All Rust files below a folder of the repository, as paths below the repository.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![repository().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Applies `rules` to every file of `folders` and fails with all faults.
#[track_caller]
fn check(folders: &[&str], rules: &[fn(&File<'_>) -> Vec<String>]) {
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| rust_files(folder)).collect();
    assert!(files.len() > folders.len(), "the files are found");
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a readable file");
        let below = path.strip_prefix(repository()).expect("below the repository");
        let below = below.to_str().expect("a path in UTF-8");
        let file = File::new(below, &text);
        faults.extend(rules.iter().flat_map(|rule| rule(&file)));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_core_is_tidy() {
    check(
        &["core/src"],
        &[floors, module_docs, length, no_unsafe, no_print, no_environment, pure_proto],
    );
}

#[test]
fn the_scripts_crate_is_tidy() {
    check(&["core/lua/src"], &[module_docs, length, no_unsafe, no_print]);
}

#[test]
fn the_plugins_are_tidy() {
    let mut folders = Vec::new();
    for above in ["plugins", "tests/plugins"] {
        for entry in fs::read_dir(repository().join(above)).expect("a folder of the repository") {
            let path = entry.expect("a readable folder").path();
            if path.join("Cargo.toml").exists() {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
                folders.push(format!("{above}/{name}/src"));
            }
        }
    }
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    check(&folders, &[module_docs, length, no_unsafe, no_print]);
}

#[test]
fn server_toml_has_the_keys_of_the_structs() {
    let file = read("server.toml");
    let keys: Vec<String> =
        moonsail::config::documented().into_iter().map(|(key, _)| key).collect();
    assert_eq!(same_keys(&file, &keys), Vec::<String>::new());
}

#[test]
fn planted_imports_up_and_sideways_are_found() {
    for (path, text, expected) in [
        ("core/src/dav/get.rs", "use crate::tree::Tree; use crate::path::DavPath;", None),
        ("core/src/dav/get.rs", "use super::props; use crate::dav::x;", None),
        ("core/src/dav/get.rs", "use crate::ocs::x;", Some("dav imports ocs, its neighbour")),
        ("core/src/dav/get.rs", "use crate::{path, ocs::x};", Some("neighbour")),
        ("core/src/dav/get.rs", "use super::super::ocs;", Some("neighbour")),
        ("core/src/dav/mod.rs", "fn f() { super::ocs::x() }", Some("neighbour")),
        ("core/src/dav/get.rs", "mod tests { use crate::web::x; }", Some("neighbour")),
        ("core/src/dav/get.rs", "use crate::http::x;", Some("(rooms) imports http (door) above")),
        ("core/src/dav/get.rs", "// use crate::ocs;\n/// [`crate::ocs`]\nfn f() {}", None),
        ("core/src/tree/mod.rs", "use crate::store::nodes::Node;", None),
        (
            "core/src/tree/mod.rs",
            "use crate::store::sqlite::Db;",
            Some("tree imports store::sqlite"),
        ),
        ("core/src/store/sqlite/db.rs", "use crate::store::nodes; use super::super::x;", None),
        ("core/src/store/nodes.rs", "use super::sqlite::Db;", Some("store (ports) imports")),
        ("core/src/store.rs", "use crate::storage::DiskOp; pub mod sqlite;", None),
        ("core/src/path.rs", "use crate::app::x;", Some("path (ground) imports app (roof)")),
        ("core/src/http/mod.rs", "use crate::net::x;", Some("neighbour")),
        ("core/src/app.rs", "use crate::{cli, http, dav, store::sqlite};", None),
        ("core/src/main.rs", "fn main() {}", None),
        ("core/src/sqlite.rs", "", Some("has no floor")),
    ] {
        let faults = floors(&File::new(path, text));
        match expected {
            None => assert_eq!(faults, Vec::<String>::new(), "{path}: {text}"),
            Some(part) => {
                assert!(
                    faults.len() == 1 && faults[0].contains(part),
                    "{path}: {text}: {faults:?}"
                );
            }
        }
    }
}

#[test]
fn planted_breaches_of_the_other_rules_are_found() {
    type Rule = fn(&File<'_>) -> Vec<String>;
    let long = "//! Doc.\n".to_owned() + &"fn f() {}\n".repeat(400);
    let tested =
        "//! Doc.\n#[cfg(test)]\nmod tests {\n".to_owned() + &"fn f() {}\n".repeat(400) + "}";
    let rows: [(Rule, &str, &str, usize); 18] = [
        (module_docs, "core/src/a.rs", "//! Doc.", 0),
        (module_docs, "core/src/a.rs", "use a;\n//! Doc.", 1),
        (length, "core/src/a.rs", &long, 1),
        (length, "core/src/a.rs", &tested, 0),
        (length, "core/src/a/tests.rs", &long, 0),
        (no_unsafe, "core/src/a.rs", "#![deny(unsafe_code)] // unsafe", 0),
        (no_unsafe, "core/src/a.rs", "mod tests { fn f() { unsafe { } } }", 1),
        (no_unsafe, "core/src/ext/a.rs", "fn f() { unsafe { } }", 0),
        (no_print, "core/src/a.rs", "fn f() { println!(\"x\") }", 1),
        (no_print, "core/src/a.rs", "fn f() { dbg!(1); eprint!(\"\") }", 2),
        (no_print, "core/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { println!() } }", 0),
        (no_environment, "core/src/a.rs", "fn f() { std::env::vars_os(); env!(\"A\"); }", 1),
        (no_environment, "core/src/config/a.rs", "fn f() { std::env::vars_os() }", 0),
        (pure_proto, "core/src/proto/a.rs", "use std::fs; use crate::clock::Clock;", 2),
        (pure_proto, "core/src/proto/a.rs", "fn f() { tokio::spawn(x) }", 1),
        (pure_proto, "core/src/proto/a.rs", "use std::fmt; // tokio::fs", 0),
        (pure_proto, "core/src/dav/a.rs", "use std::fs;", 0),
        (no_print, "core/src/a.rs", "//! println!", 0),
    ];
    for (rule, path, text, count) in rows {
        let faults = rule(&File::new(path, text));
        assert_eq!(faults.len(), count, "{path}: {text:.60}: {faults:?}");
    }
}

#[test]
fn planted_differences_of_keys_are_found() {
    let keys = ["a".to_owned(), "s.b".to_owned(), "s.t.c".to_owned()];
    for (file, expected) in [
        ("a = 1\n[s]\n# b = 2\n[s.t]\nc = 3\n", &[][..]),
        ("a = 1\n[s]\n[s.t]\nc = 3\n", &["does not document s.b"]),
        ("a = 1\nx = 1\n[s]\nb = 2\n[s.t]\nc = 3\n", &["documents x, which no struct has"]),
        ("a = 1\na = 1\n[s]\nb = 2\n[s.t]\nc = 3\n", &["documents a twice"]),
        ("# What a = b means\na = 1\n[s]\nb = 1\n[s.t]\nc = 3\n", &[]),
    ] {
        let faults = same_keys(file, &keys);
        assert_eq!(faults.len(), expected.len(), "{file}: {faults:?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.contains(part), "{file}: {fault}");
        }
    }
}
