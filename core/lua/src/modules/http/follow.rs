//! Sending, and following redirects: each hop is asked about as if the script had named it.

use std::time::{Duration, Instant};

use mlua::Result;
use url::Url;

use super::grant;
use crate::modules::args::Args;
use crate::services::{HttpAnswer, HttpRequest};
use crate::site::Site;

/// Fields that speak for somebody: they do not go to another origin.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The answer and where it came from; `Ok(Err)` if there was none. An address that is not granted is an
/// error of the script, but where a redirect leads is not its doing, so that is a failure.
pub(super) async fn send(
    site: &Site,
    args: &Args,
    mut request: HttpRequest,
    redirects: usize,
) -> Result<std::result::Result<(HttpAnswer, String), String>> {
    let mut url = match Url::parse(&request.url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(url) => return Err(args.error(format!("{}: is not for HTTP", url.scheme()))),
        Err(error) => return Err(args.error(format!("the URL cannot be read: {error}"))),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(args.error("the URL has a user or password; use basic"));
    }
    request.reach = grant::reach(&site.grants, &url).map_err(|missing| {
        site.not_granted(&format!("{} of {}", args.call(), origin(&url)), &missing)
    })?;
    let begun = Instant::now();
    let whole = request.timeout;
    for hop in 0..=redirects {
        url.set_fragment(None);
        request.url = url.as_str().to_owned();
        request.timeout = whole.saturating_sub(begun.elapsed());
        if request.timeout.is_zero() {
            return Ok(Err(late(whole)));
        }
        let sent =
            tokio::time::timeout(request.timeout, site.services.http.send(request.clone())).await;
        let answer = match sent {
            Err(_) => return Ok(Err(late(whole))),
            Ok(Err(problem)) => return Ok(Err(format!("{}: {problem}", origin(&url)))),
            Ok(Ok(answer)) => answer,
        };
        let Some(next) = target(&url, &answer).filter(|_| redirects > 0) else {
            return Ok(Ok((answer, url.into())));
        };
        if hop == redirects {
            return Ok(Err(format!("more than {redirects} redirects")));
        }
        let next = match next {
            Ok(next) if !matches!(next.scheme(), "http" | "https") => Err(()),
            next => next,
        };
        let next = match next {
            Ok(next) if url.scheme() == "https" && next.scheme() != "https" => {
                return Ok(Err(format!("redirected from https to {}", origin(&next))));
            }
            Ok(next) => next,
            Err(()) => {
                return Ok(Err(format!("{} redirects to what is no HTTP URL", origin(&url))));
            }
        };
        request.reach = match grant::reach(&site.grants, &next) {
            Ok(reach) => reach,
            Err(missing) => {
                let problem =
                    format!("redirected to {}, which needs \"{missing}\" in allow", origin(&next));
                return Ok(Err(problem));
            }
        };
        if next.origin() != url.origin() {
            request.headers.retain(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
        }
        // RFC 9110 §15.4: 303 is fetched; 301 and 302 of a POST are, too, as everybody does.
        let fetched = answer.status == 303
            || (matches!(answer.status, 301 | 302) && request.method == "POST");
        if fetched && request.method != "HEAD" {
            request.method = "GET".to_owned();
            request.body.clear();
            request.headers.retain(|(name, _)| !name.starts_with("content-"));
        }
        url = next;
    }
    Ok(Err(format!("more than {redirects} redirects")))
}

/// Where an answer redirects to.
fn target(url: &Url, answer: &HttpAnswer) -> Option<std::result::Result<Url, ()>> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let (_, value) = answer.headers.iter().find(|(name, _)| name == "location")?;
    let text = std::str::from_utf8(value).map_err(|_| ());
    let next = text.and_then(|text| url.join(text).map_err(|_| ()));
    Some(next.map(|mut next| {
        let _ = (next.set_username(""), next.set_password(None));
        next
    }))
}

/// A URL without what may be secret in it.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn late(whole: Duration) -> String {
    format!("no answer within {} s", whole.as_secs_f64())
}
