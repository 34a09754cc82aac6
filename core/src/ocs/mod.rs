//! The OCS API: what the apps ask about the server and the account, and how administrators manage
//! users from afar.
//!
//! [`Ocs::handle`] answers everything below `/ocs/v1.php/` and `/ocs/v2.php/`. A request walks
//! through [`router`] (which route, what it needs), the checks in this file (meant as an API call,
//! logged in, allowed, body read), and one function of the file that is named after its resource.
//! `reply` writes what comes back; only it and `error` know status codes of HTTP.
//!
//! | Situation                             | v1 HTTP | v2 HTTP | `statuscode` | Source                     |
//! |---------------------------------------|---------|---------|--------------|----------------------------|
//! | no such route, with or without login  | 200     | 404     | 998          | ocs-error-envelopes [5-9]  |
//! | route known, method not               | 405     | 405     | no body      | [10]                       |
//! | neither `OCS-APIRequest` nor a Bearer | 412     | 412     | no envelope  | [22], auth-401-answers [11]|
//! | login missing                         | 401     | 401     | 997          | [1] to [4], no challenge   |
//! | login wrong                           | 401     | 401     | 997          | auth-401-answers [10], `WWW-Authenticate` |
//! | too many failures                     | 429     | 429     | 429          | `threats` §4               |
//! | directory or index unreachable        | 503     | 503     | 503          | `design` §7                |
//! | body too large, not readable          | 413 400 | 413 400 | 413, 400     | `threats` §6               |

mod app_password;
mod call;
mod capabilities;
mod error;
mod groups;
mod memberships;
mod navigation;
mod quota;
mod record;
mod reply;
mod router;
mod server;
mod settings;
mod user;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::Method;

use self::call::{Call, Target, fields_of};
use self::error::OcsError;
use self::reply::{Answer, Voice};
use self::router::{Action, Found, Needs, find_route};
use crate::auth::{Auth, Principal};
use crate::clock::Clock;
use crate::ext::capabilities::CapabilityChain;
use crate::hooks::Bus;
use crate::ids::Uid;
use crate::store::Store;
use crate::wire::{Reply, Request};

pub use capabilities::base as base_capabilities;
pub use settings::OcsSettings;

/// The room. One for the whole server.
pub struct Ocs {
    auth: Arc<Auth>,
    store: Arc<dyn Store>,
    settings: OcsSettings,
    capabilities: Arc<CapabilityChain>,
}

impl Ocs {
    /// A room over the people that `auth` knows and the homes in `store`.
    pub fn new(auth: Arc<Auth>, store: Arc<dyn Store>, settings: OcsSettings) -> Self {
        let nobody = CapabilityChain::new(Bus::default(), Clock::system());
        Self { auth, store, settings, capabilities: Arc::new(nobody) }
    }

    /// The same room, where extensions have a say about the capabilities.
    #[must_use]
    pub fn extended(self, capabilities: Arc<CapabilityChain>) -> Self {
        Self { capabilities, ..self }
    }

    /// Answers a request below `/ocs/`. A leading `/index.php` is taken too: pretty and plain URLs
    /// name the same route.
    pub async fn handle(&self, request: Request) -> Reply {
        let target = Target::parse(&request);
        let voice = Voice::new(target.version, target.format, &request);
        let mut user = None;
        let outcome = self.answer(&target, request, &mut user).await;
        reply::write(&voice, outcome, user.as_ref())
    }

    /// Checks, in the order in which they cost, then the resource. `user` is set as soon as it is
    /// known, for the access log.
    async fn answer(
        &self,
        target: &Target,
        request: Request,
        user: &mut Option<Uid>,
    ) -> Result<Answer, OcsError> {
        let Found { action, needs, subject } = find_route(&target.path, &request.method)?;
        if !request.is_api_call() {
            return Err(OcsError::CsrfFailed);
        }
        let principal = match needs {
            Needs::Nothing => None,
            Needs::LoginIfGiven => self.auth.authenticate(&request).await?,
            Needs::Login | Needs::WholeAccount | Needs::Admin => {
                let principal = self.auth.authenticate(&request).await?;
                Some(principal.ok_or(OcsError::NotLoggedIn)?)
            }
        };
        if let Some(principal) = &principal {
            *user = Some(principal.uid.clone());
            check_needs(needs, principal, &request.method)?;
        }
        let (request, fields) = fields_of(request, self.settings.max_body_bytes).await?;
        let call = Call { request, fields, subject, principal };
        self.act(action, &call).await
    }

    async fn act(&self, action: Action, call: &Call) -> Result<Answer, OcsError> {
        match action {
            Action::Capabilities => capabilities::read(self, call).await,
            Action::Config => Ok(server::config(self, call)),
            Action::CheckPerson => server::check_person(self, call).await,
            Action::WhatsNew => Ok(Answer::NoContent),
            Action::NavigationApps => Ok(navigation::apps(call)),
            Action::DirectEditing => Ok(navigation::direct_editing()),

            Action::ExchangePassword => app_password::exchange(self, call).await,
            Action::ExchangeOneTime => app_password::exchange_one_time(self, call).await,
            Action::RotateAppPassword => app_password::rotate(self, call).await,
            Action::RevokeAppPassword => app_password::revoke(self, call).await,

            Action::OwnRecord => user::own_record(self, call).await,
            Action::OwnFields => user::own_fields(self, call).await,
            Action::FieldsOfUser => user::fields_of_user(self, call).await,
            Action::ReadUser => user::read(self, call).await,
            Action::EditUser => user::edit(self, call).await,

            Action::ListUsers => users::list(self, call).await,
            Action::UserDetails => users::details(self, call).await,
            Action::CreateUser => users::create(self, call).await,
            Action::DeleteUser => users::delete(self, call).await,
            Action::EnableUser => users::set_enabled(self, call, true).await,
            Action::DisableUser => users::set_enabled(self, call, false).await,

            Action::GroupsOfUser => memberships::list(self, call).await,
            Action::JoinGroup => memberships::join(self, call).await,
            Action::LeaveGroup => memberships::leave(self, call).await,
            Action::SubAdminOf => memberships::sub_admin_of(self, call).await,

            Action::ListGroups => groups::list(self, call).await,
            Action::CreateGroup => groups::create(self, call).await,
            Action::MembersOfGroup => groups::members(self, call).await,
            Action::DeleteGroup => groups::delete(self, call).await,
        }
    }
}

/// Whether who is logged in may use a route at all. What one record allows is the resource's matter.
fn check_needs(needs: Needs, principal: &Principal, method: &Method) -> Result<(), OcsError> {
    if matches!(needs, Needs::Nothing | Needs::LoginIfGiven | Needs::Login) {
        return Ok(());
    }
    if needs == Needs::Admin && !principal.admin {
        return Err(OcsError::NotAdmin);
    }
    // An app password for one folder is for files; what is the account's is not in that folder.
    if principal.access.folder().is_some() {
        return Err(OcsError::Forbidden("This app password is for one folder only"));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !reads && !principal.may_write() {
        return Err(OcsError::Forbidden("This app password may only read"));
    }
    Ok(())
}
