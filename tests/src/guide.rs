//! Guides that are executed: a page of `docs/` is walked from an empty folder to its end, by its own
//! blocks of code and nothing else.
//!
//! The word after three backticks is the language; what follows it says what becomes of the block:
//!
//! | block                  | what is done                                                        |
//! |------------------------|---------------------------------------------------------------------|
//! | `sh`                   | runs in a shell that lives as long as the walk, and must succeed     |
//! | `toml file=server.toml` | is written to that file, below the folder of the walk               |
//! | `toml append=server.toml` | is put at the end of that file                                   |
//! | `text output`          | is what the block before it printed; `…` is any text, alone any lines |
//! | `toml example`         | nothing: it shows something that is not part of the walk             |
//!
//! Any other block is a fault of the page, so that nobody forgets to say it. A step that fails names
//! page and line. What a test has to have otherwise (ports, where something was built) it says by
//! [`Guide::with`], which wants the words to be there.

mod blocks;
mod expect;
mod ports;
mod shell;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use self::blocks::{Block, Kind};
pub use self::ports::ports;
use self::shell::Shell;

/// A page that can be walked.
pub struct Guide {
    page: String,
    blocks: Vec<Block>,
}

impl Guide {
    /// Reads a page of the repository: `docs/extend/homes-on-s3.md`.
    ///
    /// # Errors
    /// When it cannot be read or has a block that is none of the table above.
    pub fn read(page: &str) -> Result<Self> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(page);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Self::parse(page, &text)
    }

    fn parse(page: &str, text: &str) -> Result<Self> {
        let blocks = blocks::parse(text).map_err(|(line, text)| fault(page, line, text))?;
        Ok(Self { page: page.to_owned(), blocks })
    }

    /// The same with other words: each pair is what stands in blocks of the page, and what the walk
    /// needs there.
    ///
    /// # Errors
    /// When the words stand in no block that is executed: then the page has changed.
    pub fn with(mut self, words: &[(&str, &str)]) -> Result<Self> {
        for (from, to) in words {
            ensure!(!to.contains('\n'), "{to:?} would move the lines of {}", self.page);
            let mut found = false;
            for block in &mut self.blocks {
                found |= block.kind != Kind::Example && block.text.contains(from);
                block.text = block.text.replace(from, to);
            }
            ensure!(found, "{}: no block has {from:?}, which the test replaces", self.page);
        }
        Ok(self)
    }

    /// Walks in a new folder below `parent`, with more environment. What the page has started runs
    /// until the walk is dropped.
    ///
    /// # Errors
    /// At the first step that fails, with page and line.
    pub fn walk(&self, parent: &Path, environment: &[(&str, &str)]) -> Result<Walk> {
        let stem = Path::new(&self.page).file_stem().context("a page without a name")?;
        let folder = parent.join(stem);
        fs::create_dir(&folder)?;
        let shell = Shell::start(&folder, environment)?;
        let mut walk = Walk { shell, folder, outputs: 0 };
        let mut printed = None;
        for block in &self.blocks {
            let done = walk.step(&self.page, block, &mut printed);
            done.map_err(|(line, error)| {
                fault(&self.page, line, format!("{error:#}\n{}", walk.logs()))
            })?;
        }
        Ok(walk)
    }
}

/// How a page is run: what it has started still runs.
pub struct Walk {
    shell: Shell,
    folder: PathBuf,
    outputs: usize,
}

impl Walk {
    /// The folder that was empty.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many outputs of the page were compared.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// One block; an error with its line.
    fn step(
        &mut self,
        page: &str,
        block: &Block,
        printed: &mut Option<String>,
    ) -> Result<(), (usize, anyhow::Error)> {
        let here = |error| (block.line, error);
        match &block.kind {
            Kind::Example => {}
            Kind::File(name) => {
                write(&self.folder.join(name), &block.text, Existing::Replaced).map_err(here)?;
            }
            Kind::Append(name) => {
                write(&self.folder.join(name), &block.text, Existing::Kept).map_err(here)?;
            }
            Kind::Run => {
                *printed = Some(self.shell.run(page, block.line, &block.text)?);
            }
            Kind::Output => {
                let printed = printed.as_deref().unwrap_or_default();
                expect::same(&block.text, printed).map_err(here)?;
                self.outputs += 1;
            }
        }
        Ok(())
    }

    /// What the programs of the page have logged, for whoever has to find out why.
    fn logs(&self) -> String {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let logs =
            files.map(|file| file.path()).filter(|file| file.extension() == Some("log".as_ref()));
        let mut text = String::new();
        for log in logs {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(30).collect();
            text.push_str(&format!("\n-- the end of {}:\n", log.display()));
            text.extend(last.iter().rev().flat_map(|line| [line, "\n"]));
        }
        text
    }
}

/// What a block does to a file that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Replaced,
    Kept,
}

fn write(path: &Path, text: &str, existing: Existing) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file without a folder")?)?;
    if existing == Existing::Kept && !path.is_file() {
        bail!("{} is not there yet: what should this be put at the end of?", path.display());
    }
    let mut options = fs::OpenOptions::new();
    match existing {
        Existing::Replaced => options.write(true).create(true).truncate(true),
        Existing::Kept => options.append(true),
    };
    options.open(path)?.write_all(text.as_bytes())?;
    Ok(())
}

fn fault(page: &str, line: usize, text: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{page}:{line}: {text}")
}

#[cfg(test)]
mod tests;
