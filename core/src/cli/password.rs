//! Where a new password comes from: the first line of standard input, or the terminal, typed twice
//! without being shown. Never an argument.

use std::io::{self, BufRead, IsTerminal};

use moonsail_sdk::secret::Secret;

use super::args::PasswordArgs;
use super::exit::{self, Exit};
use super::out;

/// Longest line that is read, in bytes; the longest password is shorter.
const MAX_LINE: u64 = 64 << 10;

/// The new password of `user`; why there is none is printed.
pub(super) fn read(from: PasswordArgs, user: &str) -> Result<Secret, Exit> {
    let password = match from.password_stdin {
        true => from_line(io::stdin().lock()),
        false => from_terminal(user),
    };
    password.map_err(|text| {
        out::error(text);
        Exit(exit::CONFIGURATION)
    })
}

/// The password of an account that there is: asked for once on a terminal, else the first line of
/// standard input.
pub(super) fn known(login: &str) -> Result<Secret, Exit> {
    let password = match io::stdin().is_terminal() {
        false => from_line(io::stdin().lock()),
        true => rpassword::prompt_password(format!("Password of {login}: "))
            .map(Secret::new)
            .map_err(|error| format!("the password cannot be asked for: {error}")),
    };
    password.map_err(|text| {
        out::error(text);
        Exit(exit::CONFIGURATION)
    })
}

fn from_line(input: impl BufRead) -> Result<Secret, String> {
    let mut line = String::new();
    let read = input.take(MAX_LINE).read_line(&mut line);
    read.map_err(|error| format!("no password on standard input: {error}"))?;
    let end = line.trim_end_matches('\n').trim_end_matches('\r').len();
    line.truncate(end);
    match line.is_empty() {
        true => Err("no password on standard input".to_owned()),
        false => Ok(Secret::new(line)),
    }
}

fn from_terminal(user: &str) -> Result<Secret, String> {
    if !io::stdin().is_terminal() {
        return Err("there is no terminal to ask for the password; pipe it in and give \
                    --password-stdin"
            .to_owned());
    }
    let ask = |prompt: String| match rpassword::prompt_password(prompt) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => Err(format!("the password cannot be asked for: {error}")),
    };
    let first = ask(format!("New password for {user}: "))?;
    let second = ask("The same again: ".to_owned())?;
    match first.reveal() == second.reveal() {
        true => Ok(first),
        false => Err("the two passwords differ; nothing was changed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_without_its_end() {
        for (input, expected) in [
            ("secret\n", Some("secret")),
            ("secret\r\nmore\n", Some("secret")),
            (" with blanks \n", Some(" with blanks ")),
            ("secret", Some("secret")),
            ("", None),
            ("\nsecret\n", None),
        ] {
            let read = from_line(input.as_bytes()).ok();
            assert_eq!(read.as_ref().map(Secret::reveal), expected, "{input:?}");
        }
    }
}
