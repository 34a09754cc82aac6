//! `Timeout` of LOCK (RFC 4918 §10.7): a wish, never an order.

/// How long a client would like to keep its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// For ever.
    Infinite,
    /// This many seconds.
    Seconds(u32),
}

impl Timeout {
    /// The first wish in the list that we understand; `None` if the field is absent or holds none.
    /// There is no error: the server chooses the time anyway.
    pub fn parse(value: Option<&str>) -> Option<Self> {
        value?.split(',').take(16).find_map(|wish| {
            let wish = wish.trim();
            if wish.eq_ignore_ascii_case("infinite") {
                return Some(Self::Infinite);
            }
            let (unit, number) = wish.split_once('-')?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            (unit.eq_ignore_ascii_case("second") && digits)
                // §10.7: at most 2^32-1; a greater wish is the greatest.
                .then(|| Self::Seconds(number.parse().unwrap_or(u32::MAX)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_follows_rfc4918() {
        for (value, expected, source) in [
            (None, None, "§10.7"),
            (Some("Second-4100000000"), Some(Timeout::Seconds(4_100_000_000)), "§10.7"),
            (Some("Infinite, Second-4100000000"), Some(Timeout::Infinite), "§9.10.7: the first"),
            (Some("Extend-5, second-60"), Some(Timeout::Seconds(60)), "unknown ones are skipped"),
            (Some("Second-99999999999"), Some(Timeout::Seconds(u32::MAX)), "§10.7: 2^32-1"),
            (Some("Second--1"), None, "not a number"),
            (Some("Second-"), None, "not a number"),
            (Some(""), None, "empty"),
        ] {
            assert_eq!(Timeout::parse(value), expected, "{value:?} ({source})");
        }
    }
}
