//! What the sources of `abi` define, read from their text: so that nothing is forgotten.

use std::path::{Path, PathBuf};

/// A struct and its fields, in order.
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<String>,
}

/// Types and constants of the border.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) structs: Vec<Struct>,
    /// Numbers.
    pub(crate) constants: Vec<String>,
    /// Texts, with their documentation.
    pub(crate) ids: Vec<(String, String, String)>,
    /// The rules, from the module's own documentation.
    pub(crate) rules: String,
}

impl Sources {
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/abi");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect();
        files.sort();
        let mut sources = Self::default();
        for file in &files {
            let text = std::fs::read_to_string(file).expect("a file of text");
            let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
            sources.scan(text);
            if file.ends_with("mod.rs") {
                let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
                let rules = lines.skip_while(|line| line.trim() != "# Rules").skip(2);
                sources.rules = rules.map(|line| format!(" *{line}\n")).collect();
            }
        }
        sources.files = files;
        sources
    }

    fn scan(&mut self, text: &str) {
        let (mut is_c, mut doc, mut open) = (false, Vec::new(), None::<Struct>);
        for line in text.lines() {
            if let Some(current) = &mut open {
                if line == "}" {
                    self.structs.extend(open.take());
                } else if let Some(field) = line.strip_prefix("    pub ") {
                    let name = field.split(':').next().unwrap_or_default();
                    current.fields.push(name.to_owned());
                }
                continue;
            }
            match line {
                "#[repr(C)]" => is_c = true,
                _ if line.starts_with("#[") => {}
                _ if line.starts_with("/// ") => doc.push(line[4..].to_owned()),
                _ => {
                    if let Some(rest) = line.strip_prefix("pub struct ").filter(|_| is_c) {
                        let name = rest.split(' ').next().unwrap_or_default().to_owned();
                        open = Some(Struct { name, fields: Vec::new() });
                    }
                    if let Some(rest) = line.strip_prefix("pub const ") {
                        let (name, rest) = rest.split_once(": ").expect("a constant has a type");
                        let (kind, value) = rest.split_once(" = ").expect("and a value");
                        let value = value.trim_end_matches(';').to_owned();
                        match kind {
                            "&str" => self.ids.push((name.to_owned(), value, doc.join(" "))),
                            _ if name.starts_with("fn ") => {}
                            _ => self.constants.push(name.to_owned()),
                        }
                    }
                    is_c = false;
                    doc.clear();
                }
            }
        }
    }
}

/// `HttpReplyHead` as `moonsail_http_reply_head`.
pub(crate) fn c_name(name: &str) -> String {
    let mut out = "moonsail".to_owned();
    for letter in name.chars() {
        if letter.is_uppercase() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
