//! Reads a dialogue file.

use anyhow::{Context, Result, bail, ensure};

/// A parsed file.
#[derive(Debug, Default)]
pub struct Dialogue {
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Whether the file wants a server that no other file uses.
    pub own_server: bool,
    /// Quotas of users, as `user add --quota` takes them.
    pub quotas: Vec<(String, String)>,
}

/// One step of a dialogue.
#[derive(Debug)]
pub enum Step {
    /// `@as NAME`: Basic with the app password.
    As(String),
    /// `@password NAME`: Basic with the account password.
    Password(String),
    /// `@wrong NAME`: Basic with a password that is not the user's.
    Wrong(String),
    /// `@anonymous`.
    Anonymous,
    /// `@tls`.
    Tls,
    /// A request and what must come back. Boxed: the others are small.
    Exchange(Box<Exchange>),
}

/// A request, with its variables not yet filled in, and its expected answer.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The line of the file where it starts; 0 for set-up.
    pub line: usize,
    /// How many times it is played after the first.
    pub again: usize,
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
    /// The body, if there are body lines.
    pub body: String,
    /// What must come back.
    pub expected: Expected,
}

/// The expected answer.
#[derive(Debug, Default)]
pub struct Expected {
    /// `201`, `201|204`, `4xx`.
    pub status: String,
    /// Fields that must be there, with their pattern.
    pub fields: Vec<(String, String)>,
    /// Fields that must not be there.
    pub absent: Vec<String>,
    /// The pattern of the body; `None` if it does not matter.
    pub body: Option<String>,
}

impl Dialogue {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// Names the line that is not understood.
    pub fn parse(text: &str) -> Result<Self> {
        let mut dialogue = Self::default();
        ensure!(
            text.starts_with('#'),
            "line 1: a case starts with a comment that names its source"
        );
        let mut again = 0;
        let mut lines = text.lines().enumerate().peekable();
        while let Some((at, line)) = lines.next() {
            let number = at + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(times) = line.strip_prefix("@times ") {
                let times: usize =
                    times.trim().parse().with_context(|| format!("line {number}"))?;
                again = times.saturating_sub(1);
                continue;
            }
            if let Some(directive) = line.strip_prefix('@') {
                dialogue.directive(directive).with_context(|| format!("line {number}: {line}"))?;
                continue;
            }
            let first = line.strip_prefix("> ").with_context(|| {
                format!("line {number}: expected `>`, `@` or `#`, found {line:?}")
            })?;
            let mut request = vec![first];
            let mut answer = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('>')) {
                request.push(unmarked(line));
            }
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('<')) {
                answer.push(unmarked(line));
            }
            let exchange = exchange(&request, &answer).with_context(|| format!("line {number}"))?;
            dialogue.steps.push(Step::Exchange(Box::new(Exchange {
                line: number,
                again,
                ..exchange
            })));
            again = 0;
        }
        ensure!(
            dialogue.steps.iter().any(|step| matches!(step, Step::Exchange(_))),
            "a case without an exchange checks nothing"
        );
        Ok(dialogue)
    }

    fn directive(&mut self, text: &str) -> Result<()> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match word {
            "as" => self.steps.push(Step::As(rest.to_owned())),
            "password" => self.steps.push(Step::Password(rest.to_owned())),
            "wrong" => self.steps.push(Step::Wrong(rest.to_owned())),
            "anonymous" => self.steps.push(Step::Anonymous),
            "tls" => self.steps.push(Step::Tls),
            "own-server" => self.own_server = true,
            "quota" => {
                let (user, size) = rest.split_once(' ').context("@quota USER SIZE")?;
                self.quotas.push((user.to_owned(), size.to_owned()));
            }
            "file" => {
                let (path, content) = rest.split_once(' ').unwrap_or((rest, ""));
                self.set_up("PUT", path, content);
            }
            "folder" => self.set_up("MKCOL", rest, ""),
            _ => bail!("unknown directive @{word}"),
        }
        Ok(())
    }

    /// Set-up is an exchange too: one that fails must be seen.
    fn set_up(&mut self, method: &str, path: &str, body: &str) {
        let expected = Expected { status: "201".to_owned(), ..Expected::default() };
        self.steps.push(Step::Exchange(Box::new(Exchange {
            method: method.to_owned(),
            target: format!("/remote.php/dav/files/{{{{alice}}}}{path}"),
            body: body.to_owned(),
            expected,
            ..Exchange::default()
        })));
    }
}

/// The text behind `> ` or `< `.
fn unmarked(line: &str) -> &str {
    line.get(2..).unwrap_or("")
}

fn exchange(request: &[&str], answer: &[&str]) -> Result<Exchange> {
    let (method, target) = request[0].split_once(' ').context("expected METHOD TARGET")?;
    let (fields, body) = split(&request[1..])?;
    ensure!(!answer.is_empty(), "a request without an answer");
    let status = answer[0].trim().to_owned();
    ensure!(status.split('|').all(|part| part.len() == 3), "expected a status, found {status:?}");
    let mut expected = Expected { status, ..Expected::default() };
    let (answer_fields, answer_body) = split(&answer[1..])?;
    for (name, value) in answer_fields {
        match name.strip_prefix('!') {
            Some(name) => expected.absent.push(name.to_owned()),
            None => expected.fields.push((name, value)),
        }
    }
    expected.body = answer_body.map(|lines| joined(&lines));
    Ok(Exchange {
        line: 0,
        again: 0,
        method: method.to_owned(),
        target: target.to_owned(),
        fields,
        body: body.unwrap_or_default().join("\n"),
        expected,
    })
}

type Fields = Vec<(String, String)>;

/// Fields, then the body: behind an empty line, or from the first line that is no field.
fn split<'a>(lines: &[&'a str]) -> Result<(Fields, Option<Vec<&'a str>>)> {
    let mut fields = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() {
            return Ok((fields, Some(lines[at + 1..].to_vec())));
        }
        let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '!'));
        match name_end {
            Some(end) if end > 0 && line[end..].starts_with(':') => {
                fields.push((line[..end].to_owned(), line[end + 1..].trim().to_owned()));
            }
            None if line.starts_with('!') => fields.push(((*line).to_owned(), String::new())),
            _ => return Ok((fields, Some(lines[at..].to_vec()))),
        }
    }
    Ok((fields, None))
}

/// Joins the lines of an expected body: an indented line continues the one before.
fn joined(lines: &[&str]) -> String {
    let mut body = String::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 && line.starts_with(' ') {
            body.push_str(line.trim_start());
        } else {
            if at > 0 {
                body.push('\n');
            }
            body.push_str(line);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Exchange {
        match Dialogue::parse(text).unwrap().steps.pop() {
            Some(Step::Exchange(exchange)) => *exchange,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_exchange_has_request_and_answer() {
        let it = first(
            "# s\n> PUT /a b\n> X-A: 1\n>\n> one\n> two\n< 201|204\n< !Gone\n< E: \"[ETAG]\"\n",
        );
        assert_eq!((it.method.as_str(), it.target.as_str()), ("PUT", "/a b"));
        assert_eq!(it.fields, [("X-A".to_owned(), "1".to_owned())]);
        assert_eq!(it.body, "one\ntwo");
        assert_eq!(it.expected.status, "201|204");
        assert_eq!(it.expected.absent, ["Gone"]);
        assert_eq!(it.expected.fields, [("E".to_owned(), "\"[ETAG]\"".to_owned())]);
        assert_eq!(it.expected.body, None);
    }

    #[test]
    fn bodies_begin_at_the_first_line_that_is_no_field() {
        let it = first("# s\n> PUT /a\n> hello\n< 409\n< A: b\n< <d:error\n<   x=\"1\">\n< next\n");
        assert_eq!(it.body, "hello");
        assert_eq!(it.expected.body.as_deref(), Some("<d:errorx=\"1\">\nnext"));
        let empty = first("# s\n> GET /a\n< 200\n< A: b\n<\n");
        assert_eq!(empty.expected.body.as_deref(), Some(""));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "> GET /\n< 200\n",
            "# s\n",
            "# s\nGET /\n",
            "# s\n> GET /\n",
            "# s\n> GET /\n< ok\n",
            "# s\n@whatever\n> GET /\n< 200\n",
        ] {
            assert!(Dialogue::parse(text).is_err(), "{text:?}");
        }
    }
}
