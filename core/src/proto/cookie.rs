//! `Cookie` (RFC 6265 §5.4): finding one by its name.

/// The value of the first cookie called exactly `name`, without quotes around it.
pub fn find_cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        (key.trim() == name).then_some(unquoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_exact_name() {
        for (header, expected, source) in [
            ("s=1", Some("1"), "RFC 6265 §5.4"),
            ("a=2; s=1; b=3", Some("1"), "§5.4"),
            ("a=2;s=1==", Some("1=="), "§4.1.1: `=` in a value"),
            ("s=\"1\"", Some("1"), "§4.1.1: quotes"),
            ("s=1; s=2", Some("1"), "§5.4: the longer path comes first"),
            ("S=1", None, "§5.3: names have a case"),
            ("xs=1", None, "another name"),
            ("s", None, "no value"),
            ("", None, "empty"),
        ] {
            assert_eq!(find_cookie(header, "s"), expected, "{header:?} ({source})");
        }
    }
}
