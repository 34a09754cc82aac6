//! What hooks have to say about logins, accounts and app passwords (`docs/extend/hooks.md`).

use moonsail_sdk::capabilities::UserView;

use super::{Auth, AuthError, By, Caller, Principal, throttle};
use crate::hooks::{Bus, Call, EventId, Fields, Value, Verdict};
use crate::ids::Uid;
use crate::store::accounts::User;
use crate::store::{self, StoreError};
use crate::wire::Request;

/// Longest time for which a hook keeps an address away, in seconds.
const LONGEST_BLOCK: i64 = 24 * 60 * 60;

impl Caller {
    fn call(&self) -> Call {
        Call { request_id: self.request_id.clone(), remote_ip: Some(self.ip) }
    }

    fn fields(&self, user: Option<&str>) -> Fields {
        Fields::new().with("user", user).with("client", self.client)
    }
}

impl Auth {
    /// The same, asking the hooks of `bus`.
    #[must_use]
    pub fn asking(self, bus: Bus) -> Self {
        Self { bus, ..self }
    }

    /// `login.success`: whether somebody whose password is right may come in.
    pub(crate) async fn may_log_in(
        &self,
        caller: &Caller,
        login: &str,
        user: &User,
        provider: &str,
    ) -> Result<(), AuthError> {
        if !self.bus.has(EventId::LoginSuccess) {
            return Ok(());
        }
        let fields = caller
            .fields(Some(user.uid.as_str()))
            .with("login", login)
            .with("method", "password")
            .with("provider", provider);
        self.require(&caller.call(), EventId::LoginSuccess, fields).await
    }

    /// `login.failed`: a hook may keep the address away.
    pub(crate) async fn tell_failed(
        &self,
        caller: &Caller,
        login: &str,
        reason: &str,
        address: throttle::Key,
    ) {
        if !self.bus.has(EventId::LoginFailed) {
            return;
        }
        let fields = caller
            .fields(None)
            .with("login", login)
            .with("method", "password")
            .with("reason", reason);
        let verdict = self.bus.ask(&caller.call(), EventId::LoginFailed, fields, None).await;
        let Verdict::Go(answer) = verdict else { return };
        if let Some(secs) = answer.int("block_secs").filter(|secs| *secs > 0) {
            let millis = secs.min(LONGEST_BLOCK).saturating_mul(1000);
            self.blocks.block(address, self.clock.millis(), millis);
        }
    }

    /// `user.first_login`: told beside the login, which does not wait.
    pub(crate) fn tell_first_login(&self, by: &By, user: &User, provider: &str) {
        if !self.bus.has(EventId::UserFirstLogin) {
            return;
        }
        let fields = Fields::new()
            .with("user", user.uid.as_str())
            .with("client", "other")
            .with("display_name", user.display_name.as_str())
            .with("provider", provider);
        let (bus, call) = (self.bus.clone(), by.call());
        tokio::spawn(async move { bus.ask(&call, EventId::UserFirstLogin, fields, None).await });
    }

    /// `apppassword.create`: whether an app may be given an app password.
    pub(crate) async fn may_have_token(
        &self,
        request: &Request,
        uid: &Uid,
        name: &str,
    ) -> Result<(), AuthError> {
        if !self.bus.has(EventId::AppPasswordCreate) {
            return Ok(());
        }
        let caller = Caller::of(request);
        let fields = caller.fields(Some(uid.as_str())).with("name", name);
        self.require(&caller.call(), EventId::AppPasswordCreate, fields).await
    }

    async fn require(&self, call: &Call, event: EventId, fields: Fields) -> Result<(), AuthError> {
        match self.bus.ask(call, event, fields, None).await {
            Verdict::Go(_) => Ok(()),
            Verdict::Denied(denial) => Err(AuthError::Refused(denial)),
            Verdict::Failed | Verdict::Respond(_) => Err(AuthError::unavailable()),
        }
    }

    /// `user.load`, for who comes in: the account as hooks make it.
    pub(crate) async fn loaded(
        &self,
        caller: impl FnOnce() -> Caller,
        user: User,
    ) -> Result<User, AuthError> {
        if !self.bus.has(EventId::UserLoad) {
            return Ok(user);
        }
        let uid = user.uid.clone();
        let groups = store::read(&self.store, move |tx| tx.groups_of(&uid)).await?;
        Ok(self.load(&caller(), user, groups).await?.0)
    }

    /// `user.load`: an account and the names of its groups as hooks make them. Nothing is stored.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if a hook cannot say.
    pub async fn load(
        &self,
        caller: &Caller,
        mut user: User,
        groups: Vec<String>,
    ) -> Result<(User, Vec<String>), AuthError> {
        if !self.bus.has(EventId::UserLoad) {
            return Ok((user, groups));
        }
        let fields = caller
            .fields(Some(user.uid.as_str()))
            .with("display_name", user.display_name.as_str())
            .with("quota", user.quota)
            .with("groups", groups.clone());
        let verdict = self.bus.ask(&caller.call(), EventId::UserLoad, fields, None).await;
        let Verdict::Go(answer) = verdict else { return Err(AuthError::unavailable()) };
        if let Some(name) = answer.text("display_name").filter(|name| !name.trim().is_empty()) {
            user.display_name = name.to_owned();
        }
        match answer.find("quota") {
            Some(Value::Int(bytes)) => user.quota = Some(u64::try_from(*bytes).unwrap_or(0)),
            Some(Value::Null) => user.quota = None,
            _ => {}
        }
        let groups = answer.list("groups").map_or(groups, <[String]>::to_vec);
        Ok((user, groups))
    }

    /// What extensions learn of who asks.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails or a hook cannot say;
    /// [`AuthError::BadCredentials`] if the account is gone.
    pub async fn view_of(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<UserView, AuthError> {
        let view = self.view(&Caller::of(request), principal.uid.as_str()).await?;
        view.ok_or(AuthError::BadCredentials)
    }

    /// The same of any user; `None` if there is no such user.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails or a hook cannot say.
    pub async fn view(&self, caller: &Caller, uid: &str) -> Result<Option<UserView>, AuthError> {
        let wanted = uid.to_owned();
        let found = store::read(&self.store, move |tx| -> Result<_, StoreError> {
            let Some(user) = tx.user(&wanted)? else { return Ok(None) };
            let groups = tx.groups_of(&user.uid)?;
            Ok(Some((user, groups)))
        })
        .await?;
        let Some((user, groups)) = found else { return Ok(None) };
        let (user, groups) = self.load(caller, user, groups).await?;
        Ok(Some(UserView {
            id: user.uid.to_string(),
            display_name: user.display_name,
            email: user.email,
            groups,
            admin: user.admin,
        }))
    }
}
