//! The targets by name. Each keeps its inputs in `corpus/<name>/`.

mod bodies;
mod checksum;
mod chunk_names;
mod conditions;
mod destination;
mod forms;
mod path;
mod range;
mod times;
mod tree;
mod uploads;
mod who;
mod xml;

/// From bytes to a panic, if a promise is broken.
type Target = fn(&[u8]);

/// All targets.
pub const TARGETS: [(&str, Target); 13] = [
    ("path", path::target),
    ("xml", xml::target),
    ("bodies", bodies::target),
    ("conditions", conditions::target),
    ("destination", destination::target),
    ("range", range::target),
    ("times", times::target),
    ("checksum", checksum::target),
    ("forms", forms::target),
    ("who", who::target),
    ("chunk_names", chunk_names::target),
    ("uploads", uploads::target),
    ("tree", tree::target),
];

/// The input as text. What is not UTF-8 is no header field and no path for us; the targets whose
/// parsers take bytes give them the bytes as well.
fn text(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}

/// Cuts the first `N` bytes off, zeros where there are none: numbers beside a text.
fn cut<const N: usize>(input: &[u8]) -> ([u8; N], &[u8]) {
    match input.split_first_chunk::<N>() {
        Some((head, rest)) => (*head, rest),
        None => ([0; N], input),
    }
}
