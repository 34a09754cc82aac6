//! Measures the built server beside others: `cargo run --release -p bench`. The README says how to
//! read what it prints.

mod contestant;
mod rounds;
mod table;
mod transfer;

use std::io::Write;

use anyhow::{Context, Result, bail};

use crate::contestant::Contestant;
use crate::rounds::Plan;
use crate::table::Table;

const USAGE: &str =
    "bench [ROW…] [--rounds N] [--mib N] [--durability full|batch|none] [--warm-up N]

  ROW             part of the name of a row, as in GET: only these
  --rounds N      rounds that count (default 9)
  --mib N         size of the large file in MiB (default 1024)
  --durability D  storage.durability of the server (default full)
  --warm-up N     rounds before, that do not count (default 1)

The data lies below TMPDIR. MOONSAIL_BIN measures a binary that is there already.
";

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    plan: Plan,
    bytes: u64,
    durability: String,
    /// Parts of the names of rows; none means all.
    wanted: Vec<String>,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let plan = Plan { rounds: 9, warm_up: 1 };
        let mut settings =
            Self { plan, bytes: 1 << 30, durability: "full".to_owned(), wanted: Vec::new() };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            if !name.starts_with("--") {
                settings.wanted.push(name);
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} wants a value\n{USAGE}"));
            match name.as_str() {
                "--rounds" => settings.plan.rounds = value?.parse::<usize>()?.max(1),
                "--warm-up" => settings.plan.warm_up = value?.parse()?,
                "--mib" => settings.bytes = value?.parse::<u64>()?.max(1) << 20,
                "--durability" => settings.durability = value?,
                other => bail!("{other} is nothing that the bench knows\n{USAGE}"),
            }
        }
        Ok(settings)
    }

    fn wants(&self, row: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| row.contains(part.as_str()))
    }
}

fn main() -> Result<()> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let contestants = [
        Contestant::built_in("built-in", &settings.durability)?,
        // The same once more: as far as it is from 1, nothing can be said of the others.
        Contestant::built_in("control", &settings.durability)?,
        Contestant::plugin(&settings.durability)?,
    ];
    let mut rows = transfer::rows(settings.bytes);
    rows.retain(|row| settings.wants(&row.name()));
    let measured = rounds::measure(&settings.plan, &contestants, &rows)?;
    let table = Table { contestants: &contestants, rows: &rows, measured: &measured };
    std::io::stdout().write_all(table.to_string().as_bytes())?;
    // What was written must also be right.
    contestants.into_iter().try_for_each(Contestant::finish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_or_refused() {
        let parse = |line: &str| Settings::parse(line.split_whitespace().map(str::to_owned));
        let settings = parse("GET --rounds 3 --mib 2 --durability none --warm-up 0").unwrap();
        let plan = Plan { rounds: 3, warm_up: 0 };
        let (durability, wanted) = ("none".to_owned(), vec!["GET".to_owned()]);
        assert_eq!(settings, Settings { plan, bytes: 2 << 20, durability, wanted });
        assert!(settings.wants("GET 1 GiB") && !settings.wants("PUT 1 GiB"));
        assert!(parse("").unwrap().wants("PUT 1 GiB"));
        for refused in ["--rounds", "--rounds x", "--help", "--put 1"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
