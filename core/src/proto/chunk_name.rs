//! What the name of a chunk says about its place (clients.md §13, §42).

/// The name of a chunk in a transfer's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkName {
    /// A number: desktop `%05d` from 1 (older `%08d` from 0), Android `%06d` from 1, iOS from 1.
    Number(u64),
    /// Offsets in the file, rclone's `start15-end15`.
    Range {
        /// First byte.
        start: u64,
        /// Last byte, included.
        end: u64,
    },
    /// Anything else; its place is that of its name among the others.
    Other,
}

impl ChunkName {
    /// Reads a decoded name. Every name says something; there is no error.
    pub fn parse(name: &str) -> Self {
        if let Some(number) = number(name) {
            return Self::Number(number);
        }
        match name.split_once('-').map(|(start, end)| (number(start), number(end))) {
            Some((Some(start), Some(end))) if start <= end => Self::Range { start, end },
            _ => Self::Other,
        }
    }
}

/// At most 19 digits and nothing else.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Puts chunks in the order of the file: by number if all names are numbers, by start if all are
/// ranges, else by name. Equal places keep the order of their names.
pub fn sort_chunks<T>(chunks: &mut [T], name: impl Fn(&T) -> &str) {
    let names = || chunks.iter().map(|chunk| ChunkName::parse(name(chunk)));
    let numbers = names().all(|name| matches!(name, ChunkName::Number(_)));
    let ranges = names().all(|name| matches!(name, ChunkName::Range { .. }));
    let place = |text: &str| match ChunkName::parse(text) {
        ChunkName::Number(number) if numbers => number,
        ChunkName::Range { start, .. } if ranges => start,
        _ => 0, // the names alone decide
    };
    chunks.sort_by(|a, b| {
        let (a, b) = (name(a), name(b));
        place(a).cmp(&place(b)).then_with(|| a.cmp(b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_place() {
        let range = |start, end| ChunkName::Range { start, end };
        for (name, expected, source) in [
            ("00001", ChunkName::Number(1), "desktop"),
            ("00000000", ChunkName::Number(0), "older desktop"),
            ("000012", ChunkName::Number(12), "Android"),
            ("7", ChunkName::Number(7), "iOS"),
            ("000000000000000-000000010485759", range(0, 10_485_759), "rclone, §42"),
            ("5-4", ChunkName::Other, "backwards"),
            ("1-", ChunkName::Other, "no end"),
            ("1-2-3", ChunkName::Other, "no number"),
            (".file", ChunkName::Other, "§13: the assembled file"),
            ("+1", ChunkName::Other, "no number"),
            ("99999999999999999999", ChunkName::Other, "over 19 digits"),
            ("", ChunkName::Other, "empty"),
        ] {
            assert_eq!(ChunkName::parse(name), expected, "{name:?} ({source})");
        }
    }

    #[test]
    fn chunks_are_sorted_by_number_else_by_name() {
        for (names, expected, source) in [
            (vec!["10", "9", "1"], vec!["1", "9", "10"], "§13: all numeric"),
            (vec!["002", "1", "01"], vec!["01", "1", "002"], "§13: padding does not count"),
            (vec!["10", "9", "a"], vec!["10", "9", "a"], "§13: else by name"),
            (vec!["20-29", "3-19", "0-2"], vec!["0-2", "3-19", "20-29"], "§42"),
            (vec![], vec![], "none"),
        ] {
            let mut sorted = names.clone();
            sort_chunks(&mut sorted, |name| name);
            assert_eq!(sorted, expected, "{names:?} ({source})");
        }
    }
}
