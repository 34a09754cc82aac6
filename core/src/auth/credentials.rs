//! What a request brings to say who it is: an `Authorization` field or a cookie of ours.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use super::AuthError;
use crate::proto::authorization::{AuthorizationError, Credentials};
use crate::proto::cookie::find_cookie;

/// The credentials in the `Authorization` field; `None` if there is no field.
///
/// # Errors
/// [`AuthError::BadCredentials`] for another scheme: the client gets its challenge.
/// [`AuthError::Malformed`], also for two fields; [`AuthError::TooLong`].
pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Credentials>, AuthError> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(AuthError::Malformed);
    }
    match Credentials::parse(field.as_bytes()) {
        Ok(credentials) => Ok(Some(credentials)),
        Err(AuthorizationError::UnknownScheme) => Err(AuthError::BadCredentials),
        Err(AuthorizationError::Malformed) => Err(AuthError::Malformed),
        Err(AuthorizationError::TooLong) => Err(AuthError::TooLong),
    }
}

/// The value of cookie `name`. HTTP/2 may split the field (RFC 9113 §8.2.3).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields.find_map(|field| find_cookie(field, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_cause() {
        for (fields, expected) in [
            (&[][..], Ok(false)),
            (&["Basic YWxpY2U6cHc="], Ok(true)),
            (&["Bearer abc"], Ok(true)),
            (&["Digest username=\"x\""], Err(AuthError::BadCredentials)),
            (&["Basic ***"], Err(AuthError::Malformed)),
            (&["Basic YWxpY2U6cHc=", "Basic YWxpY2U6cHc="], Err(AuthError::Malformed)),
            (&[&"x".repeat(9000)], Err(AuthError::TooLong)),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(AUTHORIZATION, field.parse().expect("a field value"));
            }
            assert_eq!(of(&headers).map(|found| found.is_some()), expected, "{fields:?}");
        }
    }

    #[test]
    fn cookies_are_found_in_split_fields() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; moonsail_session=xyz".parse().expect("a value"));
        headers.append(COOKIE, "b=2".parse().expect("a value"));
        assert_eq!(cookie(&headers, "moonsail_session"), Some("xyz"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
