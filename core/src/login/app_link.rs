//! The link that ends flow v1: `nc://login/server:URL&user:NAME&password:APPPASSWORD`.
//!
//! Server `core/Controller/ClientFlowLoginController.php`: the URL stands as it is, the other two are
//! encoded as in a form. Android splits at `&` and decodes each value like a form; iOS turns `+` into
//! a blank and decodes percent escapes. So a blank is `+`, and everything else that could be taken
//! for a separator is escaped.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What PHP's `urlencode` leaves alone besides letters and digits, and the blank.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b' ');

/// The link.
pub(super) fn app_link(server: &str, user: &str, password: &str) -> String {
    format!("nc://login/server:{server}&user:{}&password:{}", encode(user), encode(password))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_survive_odd_names() {
        for (user, encoded) in [
            ("alice", "alice"),
            ("a.b-c_d@example.org", "a.b-c_d%40example.org"),
            ("a+b", "a%2Bb"),
            ("a:b&c%d", "a%3Ab%26c%25d"),
            ("Jörg M", "J%C3%B6rg+M"),
        ] {
            assert_eq!(
                app_link("https://c.test:8443/nc", user, "x-Y9"),
                format!("nc://login/server:https://c.test:8443/nc&user:{encoded}&password:x-Y9")
            );
        }
    }
}
