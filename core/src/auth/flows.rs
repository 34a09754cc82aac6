//! Login flow v2: an app asks for a flow, its user grants it in a browser, the app fetches an app
//! password once.
//!
//! | State   | Poll                | Browser                        |
//! |---------|---------------------|--------------------------------|
//! | started | pending             | may open it                    |
//! | opened  | pending             | the opener may grant it        |
//! | granted | app password, once  | refused                        |
//! | over    | unknown             | refused                        |
//!
//! A flow lives 20 minutes (server `core/Db/LoginFlowV2Mapper.php`: 1200 s). Its two tokens are
//! independent; the app password is made when it is fetched, so none exists for a flow
//! that nobody asks about again.

use std::net::IpAddr;

use moonsail_sdk::secret::Secret;

use super::tokens::{NewToken, generate, shown_name};
use super::{Auth, AuthError, By, Principal, audit, throttle};
use crate::hooks::EventId;
use crate::ids::random_token;
use crate::store::accounts::LoginFlow;
use crate::store::{self, StoreError};
use crate::wire::Request;

/// Letters of a poll or login token, as the apps know them.
const TOKEN_LETTERS: usize = 128;

/// A flow that was just started.
#[derive(Debug)]
pub struct StartedFlow {
    /// For the app.
    pub poll_token: Secret,
    /// For the browser.
    pub login_token: Secret,
}

/// What a granted flow gives its app, once.
#[derive(Debug)]
pub struct GrantedFlow {
    /// Base URL as the granting browser saw it.
    pub server: String,
    /// Login to send with the app password.
    pub login_name: String,
    /// The app password.
    pub app_password: Secret,
}

/// Why a flow cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// Never started, over, or already fetched.
    #[error("the login flow is unknown or over")]
    Unknown,
    /// Opened before, by another browser perhaps.
    #[error("the login flow was opened before")]
    AlreadyOpened,
    /// Granted before.
    #[error("the login flow was granted before")]
    AlreadyGranted,
    /// See [`AuthError`].
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl Auth {
    /// Starts a flow for the app that calls itself `client`.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] if the address started too many; [`AuthError::Unavailable`].
    pub async fn start_flow(
        &self,
        ip: IpAddr,
        client: &str,
        server: &str,
    ) -> Result<StartedFlow, AuthError> {
        let address = throttle::address_key(&self.keys, "flow", ip);
        let counted = self.flow_starts.count_settled(&[address], &self.clock).await;
        drop(counted.map_err(|retry_after| AuthError::Throttled { retry_after })?);
        let started = StartedFlow {
            poll_token: Secret::new(random_token(TOKEN_LETTERS)),
            login_token: Secret::new(random_token(TOKEN_LETTERS)),
        };
        let flow = LoginFlow {
            poll_hash: self.poll_hash(started.poll_token.reveal()),
            login_hash: self.login_hash(started.login_token.reveal()),
            client: shown_name(client),
            created: self.clock.seconds(),
            granted: None,
            server: server.to_owned(),
            opened: false,
        };
        store::write(&self.store, move |tx| tx.put_flow(&flow)).await?;
        Ok(started)
    }

    /// Opens a flow in a browser, which is possible once.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn open_flow(&self, login_token: &str) -> Result<(), FlowError> {
        let hash = self.login_hash(login_token);
        let oldest = self.oldest_flow();
        store::write(&self.store, move |tx| {
            let mut flow = alive(tx.flow_by_login(&hash)?, oldest)?;
            if flow.opened {
                return Err(FlowError::AlreadyOpened);
            }
            flow.opened = true;
            Ok(tx.put_flow(&flow)?)
        })
        .await
    }

    /// The name of the app of an opened flow that was not granted yet.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn opened_flow(&self, login_token: &str) -> Result<String, FlowError> {
        let hash = self.login_hash(login_token);
        let oldest = self.oldest_flow();
        store::read(&self.store, move |tx| {
            let flow = alive(tx.flow_by_login(&hash)?, oldest)?;
            match flow.granted {
                None if flow.opened => Ok(flow.client),
                None => Err(FlowError::Unknown),
                Some(_) => Err(FlowError::AlreadyGranted),
            }
        })
        .await
    }

    /// Grants an opened flow to `principal`. The caller has checked state token and click; that the
    /// session is still good is checked here, with the grant.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn grant_flow(
        &self,
        request: &Request,
        login_token: &str,
        principal: &Principal,
    ) -> Result<(), FlowError> {
        if self.bus.has(EventId::AppPasswordCreate) {
            let client = self.opened_flow(login_token).await?;
            self.may_have_token(request, &principal.uid, &client).await?;
        }
        let hash = self.login_hash(login_token);
        let oldest = self.oldest_flow();
        let (by, uid) = (By::of(request, principal), principal.uid.clone());
        let (asked, server) = (by.clone(), request.base_url.to_string());
        let client = store::write(&self.store, move |tx| {
            asked.require_current(tx)?;
            let mut flow = alive(tx.flow_by_login(&hash)?, oldest)?;
            if !flow.opened {
                return Err(FlowError::Unknown);
            }
            if flow.granted.is_some() {
                return Err(FlowError::AlreadyGranted);
            }
            // The id logs in as well as any other name, and stays when a mail address changes.
            flow.granted = Some((uid.clone(), uid.to_string()));
            flow.server = server;
            tx.put_flow(&flow)?;
            Ok::<_, FlowError>(flow.client)
        })
        .await?;
        audit!(&by, "app granted access", uid = %principal.uid, ?client);
        Ok(())
    }

    /// Grants the flow v1 that is called `name`, once: the app password goes back with the browser,
    /// and a second press of the button, or a second who has the page, gets none.
    ///
    /// # Errors
    /// [`FlowError::AlreadyGranted`], [`FlowError::Auth`].
    pub async fn grant_old_flow(
        &self,
        request: &Request,
        name: &str,
        client: &str,
        principal: &Principal,
    ) -> Result<Secret, FlowError> {
        self.may_have_token(request, &principal.uid, client).await?;
        let (by, uid) = (By::of(request, principal), principal.uid.clone());
        let asked = by.clone();
        let app_password = generate();
        let hash = hex::encode(self.token_mac(app_password.reveal()));
        let new = NewToken::full(uid.clone(), uid.as_str(), client);
        let row = new.row(hash, self.clock.seconds());
        // A row that nobody's token finds: it only remembers that this flow is over.
        let spent = self.keys.hex("flow-old", &[name.as_bytes()]);
        let over = LoginFlow {
            poll_hash: spent.clone(),
            login_hash: spent.clone(),
            client: row.name.clone(),
            created: row.created,
            granted: None,
            server: String::new(),
            opened: true,
        };
        let id = store::write(&self.store, move |tx| {
            asked.require_current(tx)?;
            if tx.flow_by_poll(&spent)?.is_some() {
                return Err(FlowError::AlreadyGranted);
            }
            tx.put_flow(&over)?;
            Ok(tx.insert_token(&row)?)
        })
        .await?;
        audit!(&by, "app granted access", %uid, ?client, token = id);
        Ok(app_password)
    }

    /// The answer to a poll; `None` while the user has not decided.
    ///
    /// # Errors
    /// [`FlowError::Unknown`]; polls for unknown flows are counted, by themselves, and at last
    /// [`AuthError::Throttled`]. Pending ones are not counted: apps poll every second.
    pub async fn poll_flow(
        &self,
        request: &Request,
        poll_token: &str,
    ) -> Result<Option<GrantedFlow>, FlowError> {
        let poll_hash = self.poll_hash(poll_token);
        let (oldest, now) = (self.oldest_flow(), self.clock.seconds());
        // Most polls find nothing new: they ask a snapshot, not the queue of writes.
        let hash = poll_hash.clone();
        let found = store::read(&self.store, move |tx| -> Result<bool, FlowError> {
            Ok(alive(tx.flow_by_poll(&hash)?, oldest)?.granted.is_some())
        })
        .await;
        match found {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(FlowError::Unknown) => return Err(self.count_unknown_poll(request).await),
            Err(error) => return Err(error),
        }
        let app_password = generate();
        let token_hash = hex::encode(self.token_mac(app_password.reveal()));
        let (server, login_name, uid, id) = store::write(&self.store, move |tx| {
            let flow = alive(tx.flow_by_poll(&poll_hash)?, oldest)?;
            let (uid, login) = flow.granted.ok_or(FlowError::Unknown)?;
            tx.remove_flow(&poll_hash)?;
            match tx.user(uid.as_str())? {
                Some(user) if user.may_enter() => {}
                _ => return Err(FlowError::Unknown),
            }
            let new = NewToken::full(uid.clone(), login.clone(), flow.client);
            let id = tx.insert_token(&new.row(token_hash, now))?;
            Ok::<_, FlowError>((flow.server, login, uid, id))
        })
        .await?;
        let by = By::holder(request, uid.as_str());
        audit!(&by, "app password made", %uid, token = id);
        Ok(Some(GrantedFlow { server, login_name, app_password }))
    }

    async fn count_unknown_poll(&self, request: &Request) -> FlowError {
        let address = throttle::address_key(&self.keys, "poll", request.remote_ip);
        match self.failures.count_settled(&[address], &self.clock).await {
            Ok(_) => FlowError::Unknown,
            Err(retry_after) => {
                audit!(&By::holder(request, "-"), "polls throttled", ?retry_after);
                FlowError::Auth(AuthError::Throttled { retry_after })
            }
        }
    }

    /// Flows made before this (Unix seconds) are over.
    fn oldest_flow(&self) -> i64 {
        let lifetime = i64::try_from(self.settings.flow_lifetime.as_secs()).unwrap_or(i64::MAX);
        self.clock.seconds().saturating_sub(lifetime)
    }

    fn poll_hash(&self, token: &str) -> String {
        self.keys.hex("flow-poll", &[token.as_bytes()])
    }

    fn login_hash(&self, token: &str) -> String {
        self.keys.hex("flow-login", &[token.as_bytes()])
    }
}

fn alive(flow: Option<LoginFlow>, oldest: i64) -> Result<LoginFlow, FlowError> {
    flow.filter(|flow| flow.created > oldest).ok_or(FlowError::Unknown)
}
