//! Dialogues: exchanges written down as they are on the wire, in `spec/cases/<area>/<what>.http`.
//!
//! ```text
//! # RFC 4918 §9.7.1: PUT below a missing parent.
//! > PUT /remote.php/dav/files/{{alice}}/no/such/a.txt
//! > hello
//! < 409
//! < Content-Type: application/xml; charset=utf-8
//! < …<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">…
//! ```
//!
//! `#` is a comment; the first one names the source. `>` lines are a request: method and target,
//! fields, and after an empty `>` (or at the first line that is no field) the body, its lines joined
//! by a line feed. `<` lines are what must come back: the status (`201|204` where both are right,
//! `4xx` for any of a class), fields that must match, `!Name` for one that must be absent, and the
//! body to the byte. Two more marks: a body line that starts with blanks continues the line before
//! without a break, so that XML and JSON can be read; no body lines means that the body does not
//! matter, a single empty `<` after the fields that there must be none.
//!
//! In expectations `[NAME]` stands for a volatile value ([`pattern::Filter`] has the list),
//! `[NAME:x]` also keeps it as `{{x}}`, and `…` stands for anything. In requests and expectations
//! `{{alice}}` and `{{bob}}` are the users of this file (nobody else has them), `{{base}}` is
//! `http://127.0.0.1:PORT`, `{{authority}}` the part after the slashes, `{{a*250}}` two hundred and
//! fifty times `a`, `{{alice.password}}` and `{{alice.token}}` their secrets.
//!
//! Lines starting with `@` change who asks and how: `@as alice` (app password, the default),
//! `@password alice`, `@wrong alice` (a wrong password), `@anonymous`, `@tls` (from here on over
//! HTTPS), `@own-server` (for files that fill throttles, which the shared server counts for all),
//! (a `server.toml` beside a file gives it a server of its own, too, with that configuration),
//! `@quota alice BYTES`, `@times N` (the next exchange N times), `@file /a.txt text` and `@folder /a`
//! (set-up by PUT and MKCOL as whoever asks). `{{cr}}` is a carriage return.

mod parse;
pub mod pattern;
mod run;

pub use parse::{Dialogue, Exchange, Expected, Step};
pub use run::{World, run};

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A case with a slip in it would only be found where a server runs.
    #[test]
    fn all_cases_can_be_read() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/cases")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // A folder of cases may bring the configuration that they are run with.
                if path.extension().is_none_or(|it| it != "http") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let parsed = super::Dialogue::parse(&text);
                assert!(parsed.is_ok(), "{}: {:#}", path.display(), parsed.unwrap_err());
                count += 1;
            }
        }
        assert!(count >= 60, "only {count} cases were found");
    }
}
