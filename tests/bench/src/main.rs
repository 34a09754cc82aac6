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

const USAGE: &str = "bench [--rounds N] [--mib N] [--durability full|batch|none] [--warm-up N]

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
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let plan = Plan { rounds: 9, warm_up: 1 };
        let mut settings = Self { plan, bytes: 1 << 30, durability: "full".to_owned() };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
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
}

fn main() -> Result<()> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let contestants =
        [Contestant::built_in(&settings.durability)?, Contestant::plugin(&settings.durability)?];
    let rows = transfer::rows(settings.bytes);
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
        let settings = parse("--rounds 3 --mib 2 --durability none --warm-up 0").unwrap();
        let plan = Plan { rounds: 3, warm_up: 0 };
        assert_eq!(settings, Settings { plan, bytes: 2 << 20, durability: "none".into() });
        for refused in ["--rounds", "--rounds x", "--help", "put"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
