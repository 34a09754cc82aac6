//! How a page of ours looks and what a browser may do with it: the frame, the stylesheet, the fields.
//!
//! Rooms bring their own templates; this makes them whole. Everything works without script, so
//! none is allowed (`threats` §5). All text is escaped by the templates, whatever it is.

use std::sync::LazyLock;

use http::StatusCode;
use http::header::CONTENT_LENGTH;
use minijinja::{AutoEscape, Environment, Error, Output, State, Value, context, escape_formatter};
use sha2::{Digest, Sha256};

use crate::version::PRODUCT;
use crate::wire::{Reply, ReplyBody};

/// The one stylesheet.
pub const STYLESHEET: &str = include_str!("style.css");
/// The mark, also the icon of the tab.
pub const LOGO: &str = include_str!("moonsail.svg");

/// Path of the stylesheet, with a hash of its content: it may be cached for ever.
pub static STYLESHEET_PATH: LazyLock<String> = LazyLock::new(|| hashed("style", "css", STYLESHEET));
/// Path of the mark.
pub static LOGO_PATH: LazyLock<String> = LazyLock::new(|| hashed("moonsail", "svg", LOGO));

fn hashed(name: &str, extension: &str, content: &str) -> String {
    let hash = hex::encode(&Sha256::digest(content)[..8]);
    format!("/static/{name}-{hash}.{extension}")
}

/// Where the forms of a page may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormTargets {
    /// To this server.
    Own,
    /// To this server, whose answer may lead on to an app (`nc://login/…`): browsers apply
    /// `form-action` to redirects too.
    OwnAndApp,
}

/// The templates of a room.
pub struct Pages {
    templates: Environment<'static>,
    /// What this server is called.
    site: String,
    /// A line below the name; empty for none.
    slogan: String,
    /// Where the name leads; `None` for the start page.
    link: Option<String>,
}

impl Pages {
    /// Compiles `templates` (name, source).
    ///
    /// # Panics
    /// If one of them is not a template. They are part of the program, and each room's tests make
    /// its pages, so that this is found before anybody runs it.
    pub fn new(templates: &[(&'static str, &'static str)]) -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(format);
        let frame = ("frame", include_str!("frame.html"));
        for (name, source) in std::iter::once(&frame).chain(templates) {
            environment.add_template(name, source).expect("a template compiled in tests");
        }
        let (site, slogan, link) = (PRODUCT.to_owned(), String::new(), None);
        Self { templates: environment, site, slogan, link }
    }

    /// Pages of a server that its owner calls `site`, with a line below the name (perhaps empty) and
    /// an address to which it leads (`None` for the start page). [`PRODUCT`] alone unless told.
    pub fn call(&mut self, site: &str, slogan: &str, link: Option<&str>) {
        site.clone_into(&mut self.site);
        slogan.clone_into(&mut self.slogan);
        self.link = link.map(str::to_owned);
    }

    /// A page made of `template` with `values`, below `base_url`.
    pub fn reply(
        &self,
        status: StatusCode,
        base_url: &str,
        title: &str,
        template: &str,
        values: Value,
        forms: FormTargets,
    ) -> Reply {
        match self.render(base_url, title, template, values) {
            Ok(html) => {
                browser_fields(Reply::with_body(status, "text/html; charset=utf-8", html), forms)
            }
            Err(error) => {
                tracing::error!(template, %error, "page cannot be made");
                let text = "The page cannot be shown.\n";
                Reply::with_body(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain; charset=utf-8",
                    text,
                )
            }
        }
    }

    fn render(
        &self,
        base_url: &str,
        title: &str,
        template: &str,
        values: Value,
    ) -> Result<String, Error> {
        let base = base_path(base_url);
        let common =
            context! { base, host => host_of(base_url), site => &self.site, product => PRODUCT };
        let inner =
            self.templates.get_template(template)?.render(context! { ..values, ..common })?;
        self.templates.get_template("frame")?.render(context! {
            base,
            title,
            site => &self.site,
            slogan => &self.slogan,
            link => &self.link,
            stylesheet => STYLESHEET_PATH.as_str(),
            logo => LOGO_PATH.as_str(),
            // The inner template has escaped its texts; this is its HTML.
            inner => Value::from_safe_string(inner),
        })
    }
}

/// Writes a value into HTML, as text or as a quoted attribute. Like minijinja's own, except that `/`
/// stays: addresses in a page can be read, and found by those who search it.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else {
        return escape_formatter(out, state, value);
    };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    Ok(out.write_str(rest)?)
}

/// The fields of every page: nothing from elsewhere, no script, no frame, no store.
fn browser_fields(reply: Reply, forms: FormTargets) -> Reply {
    let targets = match forms {
        FormTargets::Own => "'self'",
        FormTargets::OwnAndApp => "'self' nc:",
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    reply
        .header("content-security-policy", policy)
        .header("cache-control", "no-store")
        .header("referrer-policy", "no-referrer")
        .header("x-content-type-options", "nosniff")
        .header("x-frame-options", "DENY")
        .header("x-robots-tag", "noindex, nofollow")
}

/// The path of a base URL, without trailing slash: empty, or `/nc`.
pub fn base_path(base_url: &str) -> &str {
    let host = base_url.find("://").map_or(0, |at| at + 3);
    base_url[host..].find('/').map_or("", |slash| base_url[host + slash..].trim_end_matches('/'))
}

/// Host and port of a base URL.
pub fn host_of(base_url: &str) -> &str {
    let host = base_url.find("://").map_or(0, |at| at + 3);
    base_url[host..].split('/').next().unwrap_or_default()
}

/// The answer to HEAD that belongs to an answer to GET: its fields without its body.
pub fn without_body(mut reply: Reply) -> Reply {
    if let ReplyBody::Full(bytes) = &reply.body {
        reply.headers.insert(CONTENT_LENGTH, bytes.len().into());
    }
    reply.body = ReplyBody::Full(bytes::Bytes::new());
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_have_a_host_and_perhaps_a_path() {
        for (url, path, host) in [
            ("https://a.test", "", "a.test"),
            ("https://a.test/", "", "a.test"),
            ("https://a.test:8443/nc", "/nc", "a.test:8443"),
            ("http://[::1]:80/x/y/", "/x/y", "[::1]:80"),
        ] {
            assert_eq!((base_path(url), host_of(url)), (path, host), "{url}");
        }
    }

    #[test]
    fn texts_are_escaped_and_script_is_forbidden() {
        let pages = Pages::new(&[("t", "<p>{{ text }}</p>")]);
        let values = context! { text => "<script>\"'&/é" };
        let reply =
            pages.reply(StatusCode::OK, "http://a.test", "T<", "t", values, FormTargets::OwnAndApp);
        let ReplyBody::Full(body) = &reply.body else { panic!("a whole body") };
        let body = String::from_utf8_lossy(body);
        assert!(body.contains("<p>&lt;script&gt;&quot;&#39;&amp;/é</p>"), "{body}");
        assert!(body.contains("<title>T&lt; – Moonsail</title>"), "{body}");
        let policy = reply.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("form-action 'self' nc:;"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn head_tells_the_length_of_get() {
        let reply = without_body(Reply::with_body(StatusCode::OK, "text/plain", "four"));
        assert_eq!(reply.headers[CONTENT_LENGTH], "4");
        assert!(matches!(reply.body, ReplyBody::Full(bytes) if bytes.is_empty()));
    }
}
