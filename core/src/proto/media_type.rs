//! Media types: of files by their name, and of requests by `Content-Type` (RFC 9110 §8.3).

/// What a file is that nobody knows.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// Media type of a file by its name's extension, without parameters: the server does not know the
/// charset of users' texts, so it claims none.
pub fn media_type_of(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or(OCTET_STREAM)
}

/// `type/subtype` of a `Content-Type` value, in lower case and without parameters; `None` if there
/// is none.
pub fn parse_essence(value: &str) -> Option<String> {
    let essence = value.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let token = |text: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !text.is_empty() && text.bytes().all(good)
    };
    (token(kind) && token(subtype)).then(|| essence.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_type_of_their_extension() {
        for (name, expected, source) in [
            ("b.txt", "text/plain", "no charset: we do not know it"),
            ("A.JPG", "image/jpeg", "any case"),
            ("a.tar.gz", "application/gzip", "the last extension"),
            ("page.html", "text/html", "RFC 2854"),
            ("README", OCTET_STREAM, "no extension"),
            (".txt", OCTET_STREAM, "a hidden file has no extension"),
            ("x.unheard-of", OCTET_STREAM, "unknown"),
            ("", OCTET_STREAM, "no name"),
        ] {
            assert_eq!(media_type_of(name), expected, "{name:?} ({source})");
        }
    }

    #[test]
    fn parameters_do_not_count() {
        for (value, expected, source) in [
            ("text/xml; charset=utf-8", Some("text/xml"), "desktop, clients.md §2.2"),
            ("Application/JSON", Some("application/json"), "RFC 9110 §8.3.1: any case"),
            (" application/xml ;x", Some("application/xml"), "RFC 9110 §5.5"),
            (
                "application/x-sabredav-partialupdate",
                Some("application/x-sabredav-partialupdate"),
                "§41",
            ),
            ("text", None, "no subtype"),
            ("text/", None, "no subtype"),
            ("te xt/plain", None, "no token"),
            ("", None, "empty"),
        ] {
            assert_eq!(parse_essence(value).as_deref(), expected, "{value:?} ({source})");
        }
    }
}
