//! What a request brings to say who it is: an `Authorization` field or the session cookie.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use moonsail_sdk::secret::Secret;

use super::AuthError;

/// Longest field that is decoded, in bytes: a password of 4 KiB in base64 with a login and room.
const MAX_FIELD_BYTES: usize = 8192;

/// Credentials as they came.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// Nothing.
    None,
    /// RFC 7617.
    Basic {
        /// Before the first colon.
        login: String,
        /// After it.
        password: Secret,
    },
    /// RFC 6750: an app password.
    Bearer(Secret),
    /// Neither of the two: asked for again, as with a wrong password.
    Unknown,
}

impl Credentials {
    /// Reads the `Authorization` field. An empty Basic login and password (`curl -u :`) count as wrong
    /// credentials, not as none: the client gets its challenge.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] for Basic that is not base64 or has no colon, or for two fields;
    /// [`AuthError::TooLong`].
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, AuthError> {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let Some(field) = fields.next() else { return Ok(Self::None) };
        if fields.next().is_some() {
            return Err(AuthError::Malformed);
        }
        if field.len() > MAX_FIELD_BYTES {
            return Err(AuthError::TooLong);
        }
        let field = field.to_str().map_err(|_| AuthError::Malformed)?.trim();
        let (scheme, value) = field.split_once(' ').unwrap_or((field, ""));
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let (login, password) = decode_basic(value).ok_or(AuthError::Malformed)?;
            Ok(Self::Basic { login, password })
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Self::Bearer(Secret::new(value)))
        } else {
            Ok(Self::Unknown)
        }
    }
}

fn decode_basic(value: &str) -> Option<(String, Secret)> {
    let bytes = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).ok()?;
    // We announce charset="UTF-8"; old clients send Latin-1 all the same, where each byte is a character.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let (login, password) = text.split_once(':')?;
    Some((login.to_owned(), Secret::new(password)))
}

/// The value of cookie `name`; the first one if it came twice.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &[u8]) -> Result<Credentials, AuthError> {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_bytes(field).expect("a field value");
        headers.insert(AUTHORIZATION, value);
        Credentials::parse(&headers)
    }

    #[test]
    fn basic_follows_rfc7617() {
        for (field, expected) in [
            ("Basic YWxpY2U6QWwxY2UtcGFzc3cwcmQ=", Some(("alice", "Al1ce-passw0rd"))),
            ("basic  YWxpY2U6QWwxY2UtcGFzc3cwcmQ=", Some(("alice", "Al1ce-passw0rd"))),
            ("Basic YWxpY2U6YTpiOmM", Some(("alice", "a:b:c"))),
            ("Basic w7xuaTrDtg==", Some(("üni", "ö"))),
            ("Basic /G5pOvY=", Some(("üni", "ö"))),
            ("Basic Og==", Some(("", ""))),
            ("Basic YWxpY2U=", None),
            ("Basic ***", None),
            ("Basic", None),
        ] {
            match (read(field.as_bytes()), expected) {
                (Ok(Credentials::Basic { login, password }), Some(expected)) => {
                    assert_eq!((login.as_str(), password.reveal()), expected, "{field}");
                }
                (Err(AuthError::Malformed), None) => {}
                (got, _) => panic!("{field}: {got:?}"),
            }
        }
    }

    #[test]
    fn other_fields_are_told_apart() {
        assert!(matches!(read(b"Bearer abc"), Ok(Credentials::Bearer(_))));
        assert!(matches!(read(b"Digest username=\"x\""), Ok(Credentials::Unknown)));
        assert!(matches!(read(b"Basic \xff"), Err(AuthError::Malformed)));
        assert!(matches!(read(&[b'x'; 9000]), Err(AuthError::TooLong)));
        assert!(matches!(Credentials::parse(&HeaderMap::new()), Ok(Credentials::None)));
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; moonsail_session=xyz".parse().expect("a value"));
        headers.append(COOKIE, "b=2".parse().expect("a value"));
        assert_eq!(cookie(&headers, "moonsail_session"), Some("xyz"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
