//! Which of the known names a mistyped one was probably meant to be.

/// How alike two names must be, from 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.8;

/// The name in `known` that is most like `text`, if any is like it at all.
pub(crate) fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let text = text.to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&text, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_errors_find_the_name_and_nonsense_finds_none() {
        let known = ["listen", "listen_http", "public_url", "workers"];
        for (text, expected) in [
            ("lisen", Some("listen")),
            ("Listen", Some("listen")),
            ("listenhttp", Some("listen_http")),
            ("public-url", Some("public_url")),
            ("xyz", None),
        ] {
            assert_eq!(nearest(text, known), expected, "{text:?}");
        }
    }
}
