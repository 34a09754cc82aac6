//! `moon.path`: the texts of paths. Nothing here touches a file.

use mlua::{Lua, Result, Table};

use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::site::Site;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.path",
    doc: "Paths as events have them: decoded, from the root of a user's files, `/Photos/a.jpg`. Only texts; \
          nothing is looked up.",
    items: &[
        ItemDoc {
            name: "clean",
            signature: "(path: string) -> (string?, string?)",
            doc: "The path with one slash before each segment and none at its end; `/` for the root. nil and why \
                  if it has `..`, a control character or no UTF-8.",
            grant: "",
        },
        ItemDoc {
            name: "join",
            signature: "(...string) -> (string?, string?)",
            doc: "The pieces behind one another, cleaned.",
            grant: "",
        },
        ItemDoc {
            name: "name",
            signature: "(path: string) -> string",
            doc: "The last segment; empty for the root.",
            grant: "",
        },
        ItemDoc {
            name: "parent",
            signature: "(path: string) -> string?",
            doc: "The folder that it is in; nil for the root.",
            grant: "",
        },
        ItemDoc {
            name: "stem",
            signature: "(path: string) -> string",
            doc: "The name without its ending: `a.tar` of `a.tar.gz`, `.profile` of `.profile`.",
            grant: "",
        },
        ItemDoc {
            name: "extension",
            signature: "(path: string) -> string",
            doc: "The ending in lower case without the dot: `gz` of `A.TAR.GZ`, empty for `.profile`.",
            grant: "",
        },
        ItemDoc {
            name: "segments",
            signature: "(path: string) -> { string }",
            doc: "The names on the way, from the root.",
            grant: "",
        },
        ItemDoc {
            name: "inside",
            signature: "(path: string, folder: string) -> boolean",
            doc: "Whether a path is a folder or below it, by whole segments: `/ab` is not inside `/a`.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("clean", |lua, _, mut args| {
            let path = args.take("path").text()?;
            cleaned(lua, &path)
        })?
        .function("join", |lua, _, mut args| {
            let mut pieces = vec![args.take("1").text()?];
            while let Some(piece) = args.take(&(pieces.len() + 1).to_string()).or_none() {
                pieces.push(piece.text()?);
            }
            cleaned(lua, &pieces.join("/"))
        })?
        .function("name", |_, _, mut args| Ok(name(&args.take("path").text()?).to_owned()))?
        .function("parent", |_, _, mut args| {
            let path = args.take("path").text()?;
            let mut segments: Vec<&str> = segments(&path).collect();
            Ok(segments.pop().map(|_| format!("/{}", segments.join("/"))))
        })?
        .function("stem", |_, _, mut args| {
            Ok(split(name(&args.take("path").text()?)).0.to_owned())
        })?
        .function("extension", |_, _, mut args| {
            Ok(split(name(&args.take("path").text()?)).1.to_lowercase())
        })?
        .function("segments", |_, _, mut args| {
            Ok(segments(&args.take("path").text()?).map(str::to_owned).collect::<Vec<_>>())
        })?
        .function("inside", |_, _, mut args| {
            let (path, folder) = (args.take("path").text()?, args.take("folder").text()?);
            let mut way = segments(&path);
            Ok(!path.split('/').any(|it| it == "..")
                && segments(&folder).all(|it| way.next() == Some(it)))
        })?
        .table())
}

fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|it| !it.is_empty() && *it != ".")
}

fn name(path: &str) -> &str {
    segments(path).next_back().unwrap_or_default()
}

/// A name before and after its last dot, which is not its first letter.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (name, ""),
    }
}

fn cleaned(lua: &Lua, path: &str) -> Result<(Option<String>, Option<String>)> {
    if path.chars().any(char::is_control) {
        return failed(lua, "the path has a control character");
    }
    let way: Vec<&str> = segments(path).collect();
    match way.contains(&"..") {
        true => failed(lua, "the path has .. in it"),
        false => Ok((Some(format!("/{}", way.join("/"))), None)),
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn paths_are_taken_apart() {
        Bench::new(&[])
            .check(
                "moon.path",
                &[
                    ("return path.clean('a//b/./c/')", "/a/b/c, nil"),
                    ("return path.clean('/')", "/, nil"),
                    ("return path.clean('/a/../b')", "nil, the path has .. in it"),
                    ("return path.clean('/a/..b')", "/a/..b, nil"),
                    ("return path.clean('/a\\0')", "nil, the path has a control character"),
                    ("return path.join('a', '/b', 'c/')", "/a/b/c, nil"),
                    ("return (path.join('/a', '../b'))", "nil"),
                    ("path.join('a', 5)", "moon.path.join: parameter '2' must be a string, got number"),
                    ("return path.name('/a/b.txt'), path.name('/a/'), path.name('/')", "b.txt, a, "),
                    ("return path.parent('/a/b'), path.parent('/a'), path.parent('/')", "/a, /, nil"),
                    ("return path.stem('/x/a.tar.gz'), path.stem('.profile'), path.stem('a')", "a.tar, .profile, a"),
                    ("return path.extension('/x.y/A.TAR.GZ'), path.extension('.profile'), path.extension('/x.y/a')", "gz, , "),
                    ("return table.concat(path.segments('/a/b/'), ' '), #path.segments('/')", "a b, 0"),
                    ("return path.inside('/a/b', '/a'), path.inside('/ab', '/a'), path.inside('/a', '/a/'), path.inside('/x', '/')", "true, false, true, true"),
                    ("return path.inside('/a/../b', '/a')", "false"),
                    ("path.clean('\\255')", "parameter 'path' is not UTF-8"),
                ],
            )
            .await;
    }
}
