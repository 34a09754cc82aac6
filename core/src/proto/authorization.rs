//! `Authorization`: Basic (RFC 7617) and Bearer (RFC 6750 §2.1).

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use moonsail_sdk::secret::Secret;
use zeroize::Zeroizing;

/// Longest password or token in bytes; longer ones are refused before anything is hashed
/// (`threats` §4).
pub const MAX_SECRET_BYTES: usize = 4096;
/// Longest login name in bytes.
const MAX_LOGIN_BYTES: usize = 1024;
/// Longest field value: both of the above in base64, with room for the scheme.
const MAX_VALUE_BYTES: usize = (MAX_SECRET_BYTES + MAX_LOGIN_BYTES + 1) * 4 / 3 + 64;

/// Some clients leave out the padding; what is decoded is the same.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a client presents. The secrets print as `***`.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Login name and password or app password.
    Basic {
        /// Login name as typed; may be an alias or an e-mail address.
        login: String,
        /// Password or app password; may contain `:` and may be empty.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
}

/// Why an `Authorization` field holds no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Another scheme (Digest, Negotiate): answer as if there were none, 401.
    #[error("the authentication scheme is not known")]
    UnknownScheme,
    /// Broken: 400.
    #[error("the Authorization field is malformed")]
    Malformed,
    /// Over [`MAX_SECRET_BYTES`]: 400.
    #[error("the password is too long")]
    TooLong,
}

impl Credentials {
    /// Reads the field's value. Text that is not UTF-8 is read as Latin-1, which old clients send.
    ///
    /// # Errors
    /// [`AuthorizationError`].
    pub fn parse(value: &[u8]) -> Result<Self, AuthorizationError> {
        use AuthorizationError::{Malformed, TooLong, UnknownScheme};
        let value = value.trim_ascii();
        if value.len() > MAX_VALUE_BYTES {
            return Err(TooLong);
        }
        let end = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            let pair = Zeroizing::new(LENIENT.decode(rest).map_err(|_| Malformed)?);
            let colon = pair.iter().position(|b| *b == b':').ok_or(Malformed)?;
            let (login, password) = (decode(&pair[..colon]), decode(&pair[colon + 1..]));
            if login.len() > MAX_LOGIN_BYTES || password.len() > MAX_SECRET_BYTES {
                return Err(TooLong);
            }
            // RFC 7617 §2: neither part may hold control characters.
            if login.contains(char::is_control) || password.contains('\0') {
                return Err(Malformed);
            }
            Ok(Self::Basic { login, password: Secret::new(password) })
        } else if scheme.eq_ignore_ascii_case(b"bearer") {
            let token = std::str::from_utf8(rest).map_err(|_| Malformed)?;
            if token.len() > MAX_SECRET_BYTES {
                return Err(TooLong);
            }
            if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(Malformed);
            }
            Ok(Self::Bearer(Secret::new(token)))
        } else {
            Err(UnknownScheme)
        }
    }
}

/// UTF-8 if it is, else Latin-1, where each byte is the character of its number.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &[u8]) -> Result<String, AuthorizationError> {
        Credentials::parse(value).map(|credentials| match credentials {
            Credentials::Basic { login, password } => format!("{login} {}", password.reveal()),
            Credentials::Bearer(token) => format!("bearer {}", token.reveal()),
        })
    }

    #[test]
    fn credentials_follow_rfc7617_and_rfc6750() {
        use AuthorizationError::{Malformed, TooLong, UnknownScheme};
        for (value, expected, source) in [
            ("Basic YWxpY2U6QWwxY2UtcGFzc3cwcmQ=", Ok("alice Al1ce-passw0rd"), "the traces"),
            ("bAsIc  YWxpY2U6cHc6OjE=", Ok("alice pw::1"), "RFC 7617 §2: colons, any case"),
            ("Basic YWxpY2U6QWwxY2UtcGFzc3cwcmQ", Ok("alice Al1ce-passw0rd"), "no padding"),
            ("Basic dGVzdDoxMjPCow==", Ok("test 123£"), "RFC 7617 §2.1: UTF-8"),
            ("Basic dGVzdDoxMjOj", Ok("test 123£"), "Latin-1"),
            ("Basic YWxpY2U6", Ok("alice "), "an empty password is for auth to refuse"),
            ("Bearer mF_9.B5f-4.1JqM", Ok("bearer mF_9.B5f-4.1JqM"), "RFC 6750 §2.1"),
            ("Basic YWxpY2U=", Err(Malformed), "no colon"),
            ("Basic ???", Err(Malformed), "no base64"),
            ("Basic", Err(Malformed), "nothing"),
            ("Basic YQo6Yg==", Err(Malformed), "RFC 7617 §2: control character"),
            ("Bearer", Err(Malformed), "nothing"),
            ("Bearer a b", Err(Malformed), "blank in the token"),
            ("Digest username=\"a\"", Err(UnknownScheme), "another scheme"),
            ("", Err(UnknownScheme), "empty"),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(shown(value.as_bytes()), expected, "{value} ({source})");
        }
        let basic = |password: &str| {
            format!("Basic {}", LENIENT.encode(format!("alice:{password}"))).into_bytes()
        };
        assert!(shown(&basic(&"p".repeat(MAX_SECRET_BYTES))).is_ok());
        assert_eq!(shown(&basic(&"p".repeat(MAX_SECRET_BYTES + 1))), Err(TooLong)); // threats §4
        assert_eq!(shown(&basic(&"p".repeat(1 << 20))), Err(TooLong));
    }

    #[test]
    fn credentials_print_without_their_secret() {
        let credentials = Credentials::parse(b"Basic YWxpY2U6QWwxY2UtcGFzc3cwcmQ=").expect("good");
        assert!(!format!("{credentials:?}").contains("passw0rd"));
    }
}
