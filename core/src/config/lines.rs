//! In which line of a TOML file a key stands, for error messages.

/// The line of `key` (a dotted path), counted from 1; of the nearest section above it if the key
/// itself is not found, as in an inline table.
pub(crate) fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut wanted = key;
    loop {
        if let Some(index) = written(text).find(|(_, path)| path == wanted).map(|(line, _)| line) {
            return Some(index);
        }
        wanted = wanted.rsplit_once('.')?.0;
    }
}

/// The headers and keys of a file, as dotted paths with their lines. A line inside a multi-line
/// string can look like a key; that misplaces a message and nothing else.
fn written(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut section = String::new();
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            section = plain(line.trim_start_matches('[').split(']').next()?);
            return Some((index + 1, section.clone()));
        }
        let (name, _) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let name = plain(name);
        let path = if section.is_empty() { name } else { format!("{section}.{name}") };
        Some((index + 1, path))
    })
}

/// A dotted name without blanks and quotes.
fn plain(name: &str) -> String {
    let bare = |part: &str| part.trim().trim_matches(['"', '\'']).to_owned();
    name.split('.').map(bare).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn keys_are_found_in_their_section() {
        let text = "listen = 1\n# [server]\n[server]\n  # listen = 0\n  listen = 2\n\n[ auth . \"file\" ]\npath=''\n[tls]\nnames = []\na.b = 1\ninline = { x = 1 }\n[[plugin]]\n";
        for (key, line) in [
            ("listen", Some(1)),
            ("server", Some(3)),
            ("server.listen", Some(5)),
            ("auth.file.path", Some(8)),
            ("tls.names", Some(10)),
            ("tls.a.b", Some(11)),
            ("tls.inline.x", Some(12)),
            ("plugin", Some(13)),
            ("tls.absent", Some(9)),
            ("absent", None),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
    }
}
