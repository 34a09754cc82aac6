//! `Depth` (RFC 4918 §10.2).

use super::error::HeaderError;

/// How far below a collection a method reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The resource alone.
    Zero,
    /// The resource and its members.
    One,
    /// The resource and everything below.
    Infinity,
}

impl Depth {
    /// Reads the field; `None` if it is absent, which each method reads in its own way.
    ///
    /// # Errors
    /// [`HeaderError`] for anything but `0`, `1` and `infinity`.
    pub fn parse(value: Option<&str>) -> Result<Option<Self>, HeaderError> {
        let Some(value) = value else { return Ok(None) };
        match value.trim() {
            "0" => Ok(Some(Self::Zero)),
            "1" => Ok(Some(Self::One)),
            word if word.eq_ignore_ascii_case("infinity") => Ok(Some(Self::Infinity)),
            _ => Err(HeaderError::new("Depth", "not 0, 1 or infinity")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_follows_rfc4918() {
        for (value, expected, source) in [
            (None, Ok(None), "§9.1: each method has its own default"),
            (Some("0"), Ok(Some(Depth::Zero)), "§10.2"),
            (Some(" 1 "), Ok(Some(Depth::One)), "RFC 9110 §5.5: blanks around a value"),
            (Some("Infinity"), Ok(Some(Depth::Infinity)), "§10.2: any case"),
            (Some("2"), Err(()), "§10.2: 0, 1 or infinity"),
            (Some("1,noroot"), Err(()), "an extension of others"),
            (Some(""), Err(()), "§10.2"),
        ] {
            assert_eq!(Depth::parse(value).map_err(drop), expected, "{value:?} ({source})");
        }
    }
}
