//! The step from raw values to checked ones: ranges, choices, addresses, paths.
//!
//! A refused value is noted and replaced by a harmless one, so that one run tells all faults.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::errors::Problem;
use super::secret::{self, Exposure};

/// Notes what is wrong with the values of one configuration.
pub(crate) struct Checker<'a> {
    section: &'static str,
    base: Box<dyn Fn(&str) -> PathBuf + 'a>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// A checker that resolves relative paths of a key against `base(key)`.
    pub(crate) fn new(base: impl Fn(&str) -> PathBuf + 'a) -> Self {
        Self { section: "", base: Box::new(base), problems: Vec::new(), warnings: Vec::new() }
    }

    /// Names the section that the following keys are in.
    pub(crate) fn section(&mut self, name: &'static str) {
        self.section = name;
    }

    fn full(&self, key: &str) -> String {
        if self.section.is_empty() { key.to_owned() } else { format!("{}.{key}", self.section) }
    }

    /// The folder that a relative path in `key` starts from.
    pub(crate) fn base(&self, key: &str) -> PathBuf {
        (self.base)(&self.full(key))
    }

    /// Notes that `key` needs `expected` and has `found`.
    pub(crate) fn refuse(&mut self, key: &str, expected: impl Display, found: impl Display) {
        let text = format!("expected {expected}, found {found}");
        self.problems.push(Problem::new(self.full(key), text));
    }

    /// Notes something that works and should not stay.
    pub(crate) fn warn(&mut self, key: &str, text: String) {
        self.warnings.push(Problem::new(self.full(key), text));
    }

    /// A number in `range`; the end of the range that is nearer if it is not.
    pub(crate) fn number<T>(&mut self, key: &str, value: u64, range: RangeInclusive<T>) -> T
    where
        T: Copy + Display + TryFrom<u64> + PartialOrd,
    {
        let (least, most) = range.into_inner();
        match T::try_from(value) {
            Ok(number) if least <= number && number <= most => number,
            _ => {
                self.refuse(key, format_args!("a whole number from {least} to {most}"), value);
                least
            }
        }
    }

    /// A number of things or bytes.
    pub(crate) fn count(&mut self, key: &str, value: u64, range: RangeInclusive<usize>) -> usize {
        self.number(key, value, range)
    }

    /// A number of seconds.
    pub(crate) fn secs(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(key, value, range))
    }

    /// One of a few words.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &str, text: &str, choices: &[(&str, T)]) -> T {
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words = Self::choice(choices.iter().map(|(word, _)| *word), text);
        self.refuse(key, words, format_args!("{text:?}"));
        choices[0].1
    }

    /// `one of "a", "b"`, and which of them `text` was probably meant to be.
    pub(crate) fn choice<'w>(words: impl IntoIterator<Item = &'w str>, text: &str) -> String {
        let words: Vec<&str> = words.into_iter().collect();
        let list = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        match super::nearest::nearest(text, words) {
            Some(near) => format!("one of {list} (perhaps {near:?})"),
            None => format!("one of {list}"),
        }
    }

    /// `address:port`, or nothing for an empty text.
    pub(crate) fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        if text.is_empty() {
            return None;
        }
        let address = text.parse();
        if address.is_err() {
            self.refuse(
                key,
                "an address and a port as in \"0.0.0.0:8443\" or \"[::]:8443\", or \"\" for off",
                format_args!("{text:?}"),
            );
        }
        address.ok()
    }

    /// A path, made absolute; nothing for an empty text.
    pub(crate) fn path(&self, key: &str, text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| (self.base)(&self.full(key)).join(text))
    }

    /// The path of a file that must be there.
    pub(crate) fn readable_file(&mut self, key: &str, text: &str) -> PathBuf {
        let path = self.path(key, text).unwrap_or_default();
        if let Err(error) = std::fs::File::open(&path) {
            self.refuse(key, "a readable file", format_args!("{}: {error}", path.display()));
        }
        path
    }

    /// The path of a file that must be there, and that others must not be able to read.
    pub(crate) fn secret_file(&mut self, key: &str, text: &str) -> PathBuf {
        let before = self.problems.len();
        let path = self.readable_file(key, text);
        if self.problems.len() == before {
            self.hidden(key, &path);
        }
        path
    }

    /// Refuses a file that everybody can read, and warns of one that a group can read.
    pub(crate) fn hidden(&mut self, key: &str, path: &Path) {
        let shown = path.display();
        match secret::exposure(path) {
            Ok(Exposure::World) => self.refuse(
                key,
                format_args!("a file that others cannot read (chmod 600 {shown})"),
                format_args!("{shown}, which everybody on this machine can read"),
            ),
            Ok(Exposure::Group) => self.warn(
                key,
                format!("{shown} can be read by its group; chmod 600 {shown} unless that is meant"),
            ),
            Ok(Exposure::Owner) => {}
            Err(error) => self.refuse(key, "a readable file", format_args!("{shown}: {error}")),
        }
    }
}
