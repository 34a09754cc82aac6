//! `Overwrite` (RFC 4918 §10.6).

use super::error::HeaderError;

/// Whether COPY and MOVE may replace what is at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Replace it. The default.
    #[default]
    Allow,
    /// Answer 412 if something is there.
    Forbid,
}

impl Overwrite {
    /// Reads the field; absent is [`Overwrite::Allow`].
    ///
    /// # Errors
    /// [`HeaderError`] for anything but `T`, `F`, `true` and `false`, in any case.
    pub fn parse(value: Option<&str>) -> Result<Self, HeaderError> {
        let Some(value) = value else { return Ok(Self::Allow) };
        // COMPAT(ios): sends `true` with PUT (clients.md §12).
        match value.trim().to_ascii_lowercase().as_str() {
            "t" | "true" => Ok(Self::Allow),
            "f" | "false" => Ok(Self::Forbid),
            _ => Err(HeaderError::new("Overwrite", "not T or F")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overwrite_follows_rfc4918() {
        for (value, expected, source) in [
            (None, Ok(Overwrite::Allow), "§10.6: absent is T"),
            (Some("T"), Ok(Overwrite::Allow), "§10.6"),
            (Some("F"), Ok(Overwrite::Forbid), "§10.6"),
            (Some("f"), Ok(Overwrite::Forbid), "any case"),
            (Some("true"), Ok(Overwrite::Allow), "iOS, clients.md §12"),
            (Some("false"), Ok(Overwrite::Forbid), "iOS"),
            (Some("maybe"), Err(()), "dav-copy-move: 400"),
            (Some(""), Err(()), "§10.6"),
        ] {
            assert_eq!(Overwrite::parse(value).map_err(drop), expected, "{value:?} ({source})");
        }
    }
}
