//! `Lock-Token` (RFC 4918 §10.5): a token between angle brackets.

use super::error::HeaderError;

/// Reads the field of an UNLOCK: the token without its brackets.
///
/// # Errors
/// [`HeaderError`] if it is not one URI between `<` and `>`.
pub fn parse_lock_token(value: &str) -> Result<&str, HeaderError> {
    value
        .trim()
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .filter(|token| !token.is_empty())
        .filter(|token| !token.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>')))
        .ok_or(HeaderError::new("Lock-Token", "not a URI between angle brackets"))
}

/// The field of a LOCK's answer.
pub fn write_lock_token(token: &str) -> String {
    format!("<{token}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_tokens_stand_between_brackets() {
        for (value, expected, source) in [
            ("<opaquelocktoken:x>", Some("opaquelocktoken:x"), "dav-lock-423"),
            (" <urn:uuid:a> ", Some("urn:uuid:a"), "RFC 4918 §10.5"),
            ("urn:uuid:a", None, "§10.5: Coded-URL"),
            ("<>", None, "empty"),
            ("<a> <b>", None, "two"),
            ("<a b>", None, "no URI"),
            ("", None, "empty"),
        ] {
            assert_eq!(parse_lock_token(value).ok(), expected, "{value:?} ({source})");
        }
        assert_eq!(write_lock_token("urn:uuid:a"), "<urn:uuid:a>");
    }
}
