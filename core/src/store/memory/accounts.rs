//! Rows of people and of how they log in.

use super::search::contains;
use super::state::{State, failed, next, row};
use crate::ids::Uid;
use crate::store::StoreError;
use crate::store::accounts::{AccountsRead, AccountsWrite, LoginFlow, Session, Token, User};

/// The user id as users are found by it.
fn key(uid: &Uid) -> String {
    uid.as_str().to_ascii_lowercase()
}

impl AccountsRead for State {
    fn user(&mut self, uid: &str) -> Result<Option<User>, StoreError> {
        Ok(self.users.get(&uid.to_ascii_lowercase()).cloned())
    }

    fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        let has = |it: &&User| it.email.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(email));
        let mut found = self.users.values().filter(has);
        let first = found.next().cloned();
        Ok(first.filter(|_| found.next().is_none()))
    }

    fn user_by_subject(
        &mut self,
        provider: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        let is = |it: &&User| it.provider == provider && it.subject == subject;
        Ok(self.users.values().find(is).cloned())
    }

    fn users(&mut self, text: &str, limit: usize, offset: usize) -> Result<Vec<User>, StoreError> {
        let found = self.users.values().filter(|it| {
            let mail = it.email.as_deref().unwrap_or_default();
            [it.uid.as_str(), &it.display_name, mail].iter().any(|in_it| contains(in_it, text))
        });
        Ok(found.skip(offset).take(limit).cloned().collect())
    }

    fn groups_of(&mut self, uid: &Uid) -> Result<Vec<String>, StoreError> {
        let with = self.groups.iter().filter(|(_, members)| members.contains_key(&key(uid)));
        Ok(with.map(|(group, _)| group.clone()).collect())
    }

    fn groups(
        &mut self,
        text: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, StoreError> {
        let found = self.groups.keys().filter(|group| contains(group, text));
        Ok(found.skip(offset).take(limit).cloned().collect())
    }

    fn group_members(&mut self, group: &str) -> Result<Option<Vec<Uid>>, StoreError> {
        Ok(self.groups.get(group).map(|members| members.values().cloned().collect()))
    }

    fn token(&mut self, hash: &str) -> Result<Option<Token>, StoreError> {
        Ok(self.tokens.values().find(|token| token.hash == hash).cloned())
    }

    fn tokens_of(&mut self, uid: &Uid) -> Result<Vec<Token>, StoreError> {
        let of = self.tokens.values().filter(|token| key(&token.uid) == key(uid));
        Ok(of.cloned().collect())
    }

    fn session(&mut self, hash: &str) -> Result<Option<Session>, StoreError> {
        Ok(self.sessions.get(hash).cloned())
    }

    fn flow_by_poll(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
        Ok(self.flows.get(hash).cloned())
    }

    fn flow_by_login(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
        Ok(self.flows.values().find(|flow| flow.login_hash == hash).cloned())
    }
}

impl AccountsWrite for State {
    fn insert_user(&mut self, user: &User) -> Result<bool, StoreError> {
        if !self.taken_uids.insert(key(&user.uid)) {
            return Ok(false);
        }
        free_subject(self, user)?;
        self.users.insert(key(&user.uid), user.clone());
        Ok(true)
    }

    fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        free_subject(self, user)?;
        let old = row(&mut self.users, &key(&user.uid))?;
        *old = User { uid: old.uid.clone(), ..user.clone() };
        Ok(())
    }

    fn remove_user(&mut self, uid: &Uid) -> Result<(), StoreError> {
        let gone = key(uid);
        self.users.remove(&gone);
        self.tokens.retain(|_, token| key(&token.uid) != gone);
        self.groups.values_mut().for_each(|members| drop(members.remove(&gone)));
        self.flows.retain(|_, flow| flow.granted.as_ref().is_none_or(|(by, _)| key(by) != gone));
        self.remove_sessions_of(uid)
    }

    fn insert_group(&mut self, group: &str) -> Result<bool, StoreError> {
        let new = !self.groups.contains_key(group);
        self.groups.entry(group.to_owned()).or_default();
        Ok(new)
    }

    fn remove_group(&mut self, group: &str) -> Result<bool, StoreError> {
        Ok(self.groups.remove(group).is_some())
    }

    fn set_member(&mut self, group: &str, uid: &Uid, member: bool) -> Result<(), StoreError> {
        let members = row(&mut self.groups, &group.to_owned())?;
        if member {
            members.entry(key(uid)).or_insert_with(|| uid.clone());
        } else {
            members.remove(&key(uid));
        }
        Ok(())
    }

    fn insert_token(&mut self, token: &Token) -> Result<i64, StoreError> {
        let id = next(&mut self.last_token);
        let token = Token { id, ..token.clone() };
        free_hash(self, &token)?;
        self.tokens.insert(id, token);
        Ok(id)
    }

    fn update_token(&mut self, token: &Token) -> Result<(), StoreError> {
        free_hash(self, token)?;
        *row(&mut self.tokens, &token.id)? = token.clone();
        Ok(())
    }

    fn touch_tokens(&mut self, used: &[(String, i64)]) -> Result<(), StoreError> {
        for (hash, time) in used {
            let meant = self.tokens.values_mut().filter(|token| token.hash == *hash);
            meant.for_each(|token| token.last_used = token.last_used.max(Some(*time)));
        }
        Ok(())
    }

    fn remove_token(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.tokens.remove(&id).is_some())
    }

    fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.sessions.insert(session.hash.clone(), session.clone());
        Ok(())
    }

    fn remove_session(&mut self, hash: &str) -> Result<(), StoreError> {
        self.sessions.remove(hash);
        Ok(())
    }

    fn remove_sessions_of(&mut self, uid: &Uid) -> Result<(), StoreError> {
        self.sessions.retain(|_, session| key(&session.uid) != key(uid));
        let theirs =
            |flow: &LoginFlow| flow.granted.as_ref().is_some_and(|(by, _)| key(by) == key(uid));
        self.flows.retain(|_, flow| !theirs(flow));
        Ok(())
    }

    fn put_flow(&mut self, flow: &LoginFlow) -> Result<(), StoreError> {
        let twin = self.flow_by_login(&flow.login_hash)?;
        if twin.is_some_and(|twin| twin.poll_hash != flow.poll_hash) {
            return failed("another login flow has this hash");
        }
        self.flows.insert(flow.poll_hash.clone(), flow.clone());
        Ok(())
    }

    fn remove_flow(&mut self, poll_hash: &str) -> Result<(), StoreError> {
        self.flows.remove(poll_hash);
        Ok(())
    }

    fn remove_stale_logins(
        &mut self,
        flows: i64,
        sessions: i64,
        oldest: i64,
    ) -> Result<(), StoreError> {
        self.flows.retain(|_, flow| flow.created >= flows);
        self.sessions.retain(|_, it| it.last_seen >= sessions && it.created >= oldest);
        Ok(())
    }
}

/// One account of a provider is one user.
fn free_subject(state: &mut State, user: &User) -> Result<(), StoreError> {
    let twin = state.user_by_subject(&user.provider, &user.subject)?;
    match twin.filter(|twin| key(&twin.uid) != key(&user.uid)) {
        Some(_) => failed("another user has this subject"),
        None => Ok(()),
    }
}

/// One hash is one token.
fn free_hash(state: &mut State, token: &Token) -> Result<(), StoreError> {
    match state.token(&token.hash)?.filter(|twin| twin.id != token.id) {
        Some(_) => failed("another token has this hash"),
        None => Ok(()),
    }
}
