//! `moonsail script types`: what editors need.

use std::path::Path;

use crate::cli::args::ScriptTypes;
use crate::cli::exit::{self, Exit};
use crate::cli::out;
use crate::ext::lua::stubs;

pub(super) fn run(types: &ScriptTypes) -> Result<(), Exit> {
    for file in stubs::all() {
        let Some(name) = file.path.strip_prefix("scripts/types/") else { continue };
        let path = types.dir.join(name);
        if let Err(error) = write(&path, &file.text) {
            out::error(format_args!("{}: {error}", path.display()));
            return Err(Exit(exit::FAILURE));
        }
        out::line(format_args!("Wrote {}", path.display()));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}
