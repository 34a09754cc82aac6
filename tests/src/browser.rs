//! As much of a browser as a login page needs: cookies, redirects, forms. No script is run.

use anyhow::{Context, Result, bail, ensure};

use crate::http::{self, Endpoint, Request, Response};

/// Keeps cookies and the page it is on.
pub struct Browser {
    endpoint: Endpoint,
    cookies: Vec<(String, String)>,
    /// Fields that go with every request, as an app's web view sends them.
    pub fields: Vec<(String, String)>,
    /// Path and query of the page.
    pub place: String,
    /// The page.
    pub page: String,
    /// Its status.
    pub status: u16,
    /// Where a redirect led that no browser can follow (`nc://…`).
    pub app_link: Option<String>,
}

/// A form of a page.
#[derive(Debug, Clone)]
pub struct Form {
    action: String,
    post: bool,
    /// Names and values, as they stand in the page.
    pub inputs: Vec<(String, String)>,
}

impl Form {
    /// Whether it has an input of this name.
    pub fn has(&self, name: &str) -> bool {
        self.inputs.iter().any(|(have, _)| have == name)
    }

    /// Fills an input in.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn fill(&mut self, name: &str, value: &str) -> Result<()> {
        let input = self.inputs.iter_mut().find(|(have, _)| have == name);
        input.with_context(|| format!("the form has no input {name}"))?.1 = value.to_owned();
        Ok(())
    }
}

impl Browser {
    /// A browser without cookies, on no page.
    pub fn new(endpoint: Endpoint) -> Self {
        let (place, page) = (String::new(), String::new());
        let (cookies, fields) = (Vec::new(), Vec::new());
        Self { endpoint, cookies, fields, place, page, status: 0, app_link: None }
    }

    /// Opens an address and follows redirects.
    ///
    /// # Errors
    /// When there is no answer, or the redirects lead elsewhere or nowhere.
    pub fn open(&mut self, address: &str) -> Result<()> {
        let target = self.target(address)?;
        self.go(Request::new("GET", &target))
    }

    /// Submits a form and follows redirects.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub fn submit(&mut self, form: &Form) -> Result<()> {
        let pairs: Vec<_> =
            form.inputs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        let fields = pairs.join("&");
        let target =
            self.target(if form.action.is_empty() { &self.place } else { &form.action })?;
        if !form.post {
            let path = target.split('?').next().unwrap_or_default();
            return self.go(Request::new("GET", &format!("{path}?{fields}")));
        }
        let request = Request::new("POST", &target)
            .field("Content-Type", "application/x-www-form-urlencoded")
            .field("Origin", &self.endpoint.base())
            .body(fields);
        self.go(request)
    }

    /// The forms of the page.
    pub fn forms(&self) -> Vec<Form> {
        let lower = self.page.to_ascii_lowercase();
        let mut forms = Vec::new();
        let mut from = 0;
        while let Some(start) = lower[from..].find("<form").map(|at| at + from) {
            let end = lower[start..].find("</form").map_or(lower.len(), |at| at + start);
            let body = &self.page[start..end];
            let tag = body.split('>').next().unwrap_or_default();
            let inputs = tags(body, &["<input", "<button"])
                .filter_map(|tag| {
                    Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
                })
                .collect();
            forms.push(Form {
                action: attribute(tag, "action").unwrap_or_default(),
                post: attribute(tag, "method").is_some_and(|m| m.eq_ignore_ascii_case("post")),
                inputs,
            });
            from = end;
        }
        forms
    }

    /// The first form that `wanted` accepts.
    ///
    /// # Errors
    /// When there is none; the text has the page.
    pub fn require_form(&self, wanted: impl Fn(&Form) -> bool) -> Result<Form> {
        let form = self.forms().into_iter().find(|form| wanted(form));
        form.with_context(|| {
            format!("no such form on {} ({}):\n{}", self.place, self.status, self.page)
        })
    }

    fn target(&self, address: &str) -> Result<String> {
        let base = self.endpoint.base();
        let target = address.strip_prefix(&base).unwrap_or(address);
        if target.starts_with('/') {
            return Ok(target.to_owned());
        }
        ensure!(!target.contains(':'), "{address} leads away from {base}");
        let folder = self.place.split('?').next().and_then(|path| path.rsplit_once('/'));
        Ok(format!("{}/{target}", folder.map_or("", |(folder, _)| folder)))
    }

    fn go(&mut self, mut request: Request) -> Result<()> {
        for _ in 0..10 {
            self.place.clone_from(&request.target);
            let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let mut sent = request.clone().field("Accept", "text/html,*/*;q=0.8");
            for (name, value) in &self.fields {
                sent = sent.field(name, value);
            }
            if !cookies.is_empty() {
                sent = sent.field("Cookie", &cookies.join("; "));
            }
            let response = http::exchange(&self.endpoint, &sent)?;
            self.keep_cookies(&response);
            self.status = response.status;
            self.page = response.text();
            let Some(location) =
                response.find_field("location").filter(|_| response.status / 100 == 3)
            else {
                return Ok(());
            };
            if location.starts_with("nc:") {
                self.app_link = Some(location.to_owned());
                return Ok(());
            }
            request = Request::new("GET", &self.target(location)?);
        }
        bail!("more than ten redirects, the last to {}", request.target)
    }

    fn keep_cookies(&mut self, response: &Response) {
        for cookie in response.fields("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.retain(|(have, _)| have != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

fn tags<'a>(text: &'a str, starts: &'a [&str]) -> impl Iterator<Item = &'a str> {
    text.match_indices('<').map(|(at, _)| &text[at..]).filter_map(move |rest| {
        let wanted =
            |start: &&str| rest.get(..start.len()).is_some_and(|r| r.eq_ignore_ascii_case(start));
        starts.iter().find(|start| wanted(start))?;
        rest.split('>').next()
    })
}

/// The value of an attribute: quoted, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\"")).or_else(|| tag.find(&format!("\n{name}=\"")))?;
    let value = tag[start + name.len() + 3..].split('"').next()?;
    let plain = value.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"");
    Some(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// Encodes for a form.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_with_their_inputs() {
        let mut browser = Browser::new(Endpoint { port: 1, ca: None });
        browser.page = "<p><FORM class=\"a\" action=\"/go?a=1&amp;b=2\" method=\"POST\">\
                        <input type=\"hidden\" name=\"t\" value=\"x&quot;y\"><input name=\"user\">\
                        <button name=\"b\" value=\"1\">ok</button></FORM><form></form>"
            .to_owned();
        let forms = browser.forms();
        assert_eq!(forms.len(), 2);
        assert_eq!((forms[0].action.as_str(), forms[0].post), ("/go?a=1&b=2", true));
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(forms[0].inputs, [pair("t", "x\"y"), pair("user", ""), pair("b", "1")]);
        assert_eq!(encode("a b&ü"), "a%20b%26%C3%BC");
    }
}
