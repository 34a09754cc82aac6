//! Telling one browser from another before anybody has logged in: a random id in a cookie, to which
//! forms and flows are bound.

use http::header::SET_COOKIE;

use super::refusal::Refusal;
use crate::auth::{Auth, find_cookie, same, set_cookie};
use crate::ids::random_token;
use crate::proto::form::Fields;
use crate::wire::{Reply, Request};

/// Letters of a browser's id: 256 bits.
const ID_LETTERS: usize = 43;

/// A browser.
pub(super) struct Browser {
    id: String,
    is_new: bool,
}

impl Browser {
    /// The browser that sent `request`; a new one if it has no id yet.
    pub(super) fn of(request: &Request) -> Self {
        let known = find_cookie(&request.headers, "browser", &request.base_url)
            .filter(|id| id.len() == ID_LETTERS && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        match known {
            Some(id) => Self { id: id.to_owned(), is_new: false },
            None => Self { id: random_token(ID_LETTERS), is_new: true },
        }
    }

    /// Lets the browser keep a new id.
    pub(super) fn keep(&self, reply: Reply, request: &Request) -> Reply {
        if !self.is_new {
            return reply;
        }
        with_cookie(reply, &set_cookie("browser", &self.id, &request.base_url, None))
    }

    /// What the login form has to send back: only this browser's page knows it.
    pub(super) fn form_token(&self, auth: &Auth) -> String {
        auth.sign("login-form", &[&self.id])
    }

    /// Whether a login form came from a page that this browser was shown.
    pub(super) fn owns_form(&self, auth: &Auth, token: &str) -> bool {
        !self.is_new && auth.is_signed(token, "login-form", &[&self.id])
    }

    /// Proof that this browser opened the flow `name`, for the flow's cookie.
    pub(super) fn flow_proof(&self, auth: &Auth, name: &str) -> String {
        auth.sign("flow-opened", &[&self.id, name])
    }

    /// Checks [`Browser::flow_proof`].
    pub(super) fn opened_flow(&self, auth: &Auth, name: &str, proof: &str) -> bool {
        !self.is_new && auth.is_signed(proof, "flow-opened", &[&self.id, name])
    }

    /// The state token of the page that grants the flow `name` in the session with `csrf`.
    pub(super) fn state(&self, auth: &Auth, name: &str, csrf: &str) -> String {
        auth.sign("flow-state", &[&self.id, name, csrf])
    }

    /// Refuses a grant that does not come from the page which this browser got for this flow and
    /// this session: [`Browser::state`] and the session's token must come back (`threats` §4).
    pub(super) fn require_own_page(
        &self,
        auth: &Auth,
        name: &str,
        csrf: &str,
        fields: &Fields,
    ) -> Result<(), Refusal> {
        let state = fields.get("stateToken").unwrap_or_default();
        let is_state = auth.is_signed(state, "flow-state", &[&self.id, name, csrf]);
        let is_token = fields.get("requesttoken").is_some_and(|sent| same(sent, csrf));
        if is_state && is_token { Ok(()) } else { Err(Refusal::stale_form()) }
    }
}

/// Adds a `Set-Cookie` field beside others.
pub(super) fn with_cookie(mut reply: Reply, cookie: &str) -> Reply {
    if let Ok(value) = cookie.parse() {
        reply.headers.append(SET_COOKIE, value);
    }
    reply
}
