//! The blocks of code of a page, and what their first lines say of them.

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of its fence, from 1; its text begins in the next.
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// Its lines, each ended.
    pub(super) text: String,
}

/// What becomes of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    File(String),
    Append(String),
    Output,
    Example,
}

/// All blocks of a page in order.
///
/// # Errors
/// The line of a block that cannot be understood, and why.
pub(super) fn parse(page: &str) -> Result<Vec<Block>, (usize, String)> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some((fence, info)) = opening(line) else { continue };
        let kind = kind(info).map_err(|error| (number, error))?;
        if kind == Kind::Output {
            let before = blocks.iter().rev().find(|block| block.kind != Kind::Example);
            if before.is_none_or(|block| block.kind != Kind::Run) {
                return Err((number, "an output, and no `sh` block just before it".to_owned()));
            }
        }
        let mut text = String::new();
        loop {
            let Some((line, _)) = lines.next() else {
                return Err((number, "the block has no end".to_owned()));
            };
            if line.trim() == fence {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        blocks.push(Block { line: number, kind, text });
    }
    Ok(blocks)
}

/// The backticks that open a block, and what follows them.
fn opening(line: &str) -> Option<(&str, &str)> {
    let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
    let (fence, info) = line.split_at(ticks);
    (ticks >= 3 && !info.contains('`')).then_some((fence, info))
}

fn kind(info: &str) -> Result<Kind, String> {
    let words: Vec<&str> = info.split_whitespace().collect();
    let kind = match words[..] {
        ["sh"] => Kind::Run,
        [_, "output"] => Kind::Output,
        [_, "example"] => Kind::Example,
        [_, word] => match word.split_once('=') {
            Some(("file", name)) => Kind::File(below(name)?),
            Some(("append", name)) => Kind::Append(below(name)?),
            _ => return Err(format!("`{word}` says nothing about a block")),
        },
        _ => {
            return Err(format!(
                "`{}`: say file=NAME, append=NAME, output or example",
                info.trim()
            ));
        }
    };
    Ok(kind)
}

/// A name that stays in the folder of the walk.
fn below(name: &str) -> Result<String, String> {
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    match name.split('/').all(good) {
        true => Ok(name.to_owned()),
        false => Err(format!("`{name}` is not below the guide's folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines() {
        let page = "# T\n\n```sh\necho 1\n\n```\ntext ```sh``` `x`\n````md file=a/b.md\n```\nin\n```\n````\n\
                    ```sh\nx\n```\n```text output\n…\n```\n```toml append=a\n```\n```ini example\n[x]\n```\n";
        let found: Vec<_> =
            parse(page).unwrap().into_iter().map(|b| (b.line, b.kind, b.text)).collect();
        let expected = [
            (3, Kind::Run, "echo 1\n\n"),
            (8, Kind::File("a/b.md".into()), "```\nin\n```\n"),
            (13, Kind::Run, "x\n"),
            (16, Kind::Output, "…\n"),
            (19, Kind::Append("a".into()), ""),
            (21, Kind::Example, "[x]\n"),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(line, kind, text)| (line, kind, text.to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_its_line() {
        for (page, line, words) in [
            ("\n```toml\n```\n", 2, "say file=NAME"),
            ("```\n```\n", 1, "say file=NAME"),
            ("```sh\n```\n```toml flie=x\n```\n", 3, "`flie=x`"),
            ("```sh background\n```\n", 1, "`background`"),
            ("```sh\n", 1, "no end"),
            ("````sh\n```\n", 1, "no end"),
            ("```text output\n```\n", 1, "no `sh` block"),
            ("```sh\n```\n```c file=a\n```\n```text output\n```\n", 5, "no `sh` block"),
            ("```c file=../a\n```\n", 1, "below"),
            ("```c file=/a\n```\n", 1, "below"),
            ("```c file=\n```\n", 1, "below"),
        ] {
            let (found, error) = parse(page).err().unwrap_or_default();
            assert_eq!(found, line, "{page}: {error}");
            assert!(error.contains(words), "{page}: {error}");
        }
    }
}
