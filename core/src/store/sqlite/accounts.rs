//! Rows of people: users and groups. How they log in is in `logins`.

mod logins;

use rusqlite::{Row, params};

use super::functions::contains;
use super::rows::{Rows, count, signed, unsigned};
use super::writer::Batch;
use crate::ids::Uid;
use crate::store::StoreError;
use crate::store::accounts::{AccountsRead, AccountsWrite, LoginFlow, Session, Token, User};

/// `SELECT` of the columns that [`user`] reads, with what follows.
macro_rules! select_user {
    ($($rest:literal)+) => {
        concat!(
            "SELECT uid, provider, subject, display_name, email, password, quota, enabled, admin, ",
            "language, created, last_login, refused FROM user ",
            $($rest),+
        )
    };
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        uid: row.get(0)?,
        provider: row.get(1)?,
        subject: row.get(2)?,
        display_name: row.get(3)?,
        email: row.get(4)?,
        password: row.get(5)?,
        quota: row.get::<_, Option<i64>>(6)?.map(unsigned),
        enabled: row.get(7)?,
        admin: row.get(8)?,
        language: row.get(9)?,
        created: row.get(10)?,
        last_login: row.get(11)?,
        refused: row.get(12)?,
    })
}

impl<T: Rows> AccountsRead for T {
    fn user(&mut self, uid: &str) -> Result<Option<User>, StoreError> {
        self.one(select_user!("WHERE uid = ?1"), [uid], user)
    }

    fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        let found: Vec<User> = self.all(select_user!("WHERE email = ?1 LIMIT 2"), [email], user)?;
        let one: Result<[User; 1], _> = found.try_into();
        Ok(one.ok().map(|[user]| user))
    }

    fn user_by_subject(
        &mut self,
        provider: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        let sql = select_user!("WHERE provider = ?1 AND subject = ?2");
        self.one(sql, [provider, subject], user)
    }

    fn users(&mut self, text: &str, limit: usize, offset: usize) -> Result<Vec<User>, StoreError> {
        let sql = select_user!(
            "WHERE moon_like(?1, uid) OR moon_like(?1, display_name) "
            "OR moon_like(?1, ifnull(email, '')) ORDER BY uid LIMIT ?2 OFFSET ?3"
        );
        self.all(sql, params![contains(text), count(limit), count(offset)], user)
    }

    fn groups_of(&mut self, uid: &Uid) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT group_name FROM member WHERE uid = ?1 ORDER BY group_name";
        self.all(sql, [uid], |row| row.get(0))
    }

    fn groups(
        &mut self,
        text: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM user_group WHERE moon_like(?1, name) ORDER BY name \
                   LIMIT ?2 OFFSET ?3";
        self.all(sql, params![contains(text), count(limit), count(offset)], |row| row.get(0))
    }

    fn group_members(&mut self, group: &str) -> Result<Option<Vec<Uid>>, StoreError> {
        if !self.exists("SELECT 1 FROM user_group WHERE name = ?1", [group])? {
            return Ok(None);
        }
        let sql = "SELECT uid FROM member WHERE group_name = ?1 ORDER BY uid";
        self.all(sql, [group], |row| row.get(0)).map(Some)
    }

    fn token(&mut self, hash: &str) -> Result<Option<Token>, StoreError> {
        logins::token(self, hash)
    }

    fn tokens_of(&mut self, uid: &Uid) -> Result<Vec<Token>, StoreError> {
        logins::tokens_of(self, uid)
    }

    fn session(&mut self, hash: &str) -> Result<Option<Session>, StoreError> {
        logins::session(self, hash)
    }

    fn flow_by_poll(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
        logins::flow_by_poll(self, hash)
    }

    fn flow_by_login(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
        logins::flow_by_login(self, hash)
    }
}

impl AccountsWrite for Batch<'_> {
    fn insert_user(&mut self, user: &User) -> Result<bool, StoreError> {
        let sql = "INSERT INTO taken_uid (uid) VALUES (?1) ON CONFLICT DO NOTHING";
        if self.run(sql, [&user.uid])? == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO user (uid, provider, subject, display_name, email, password, quota, \
                   enabled, admin, language, created, last_login, refused) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        write_user(self, sql, user).map(|_| true)
    }

    fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        let sql = "UPDATE user SET provider = ?2, subject = ?3, display_name = ?4, email = ?5, \
                   password = ?6, quota = ?7, enabled = ?8, admin = ?9, language = ?10, \
                   created = ?11, last_login = ?12, refused = ?13 WHERE uid = ?1";
        match write_user(self, sql, user)? {
            0 => Err(StoreError::Failed(format!("there is no user {}", user.uid))),
            _ => Ok(()),
        }
    }

    fn remove_user(&mut self, uid: &Uid) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM token WHERE uid = ?1",
            "DELETE FROM session WHERE uid = ?1",
            "DELETE FROM login_flow WHERE granted_uid = ?1",
            "DELETE FROM member WHERE uid = ?1",
            "DELETE FROM user WHERE uid = ?1",
        ] {
            self.run(sql, [uid])?;
        }
        Ok(())
    }

    fn insert_group(&mut self, group: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO user_group (name) VALUES (?1) ON CONFLICT DO NOTHING";
        Ok(self.run(sql, [group])? == 1)
    }

    fn remove_group(&mut self, group: &str) -> Result<bool, StoreError> {
        self.run("DELETE FROM member WHERE group_name = ?1", [group])?;
        Ok(self.run("DELETE FROM user_group WHERE name = ?1", [group])? == 1)
    }

    fn set_member(&mut self, group: &str, uid: &Uid, member: bool) -> Result<(), StoreError> {
        if !member {
            let sql = "DELETE FROM member WHERE group_name = ?1 AND uid = ?2";
            return self.run(sql, params![group, uid]).map(drop);
        }
        if !self.exists("SELECT 1 FROM user_group WHERE name = ?1", [group])? {
            return Err(StoreError::Failed(format!("there is no group {group}")));
        }
        let sql = "INSERT INTO member (group_name, uid) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.run(sql, params![group, uid]).map(drop)
    }

    fn insert_token(&mut self, token: &Token) -> Result<i64, StoreError> {
        logins::insert_token(self, token)
    }

    fn update_token(&mut self, token: &Token) -> Result<(), StoreError> {
        logins::update_token(self, token)
    }

    fn touch_tokens(&mut self, used: &[(String, i64)]) -> Result<(), StoreError> {
        logins::touch_tokens(self, used)
    }

    fn remove_token(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM token WHERE id = ?1", [id])? == 1)
    }

    fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        logins::put_session(self, session)
    }

    fn remove_session(&mut self, hash: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM session WHERE hash = ?1", [hash]).map(drop)
    }

    fn remove_sessions_of(&mut self, uid: &Uid) -> Result<(), StoreError> {
        self.run("DELETE FROM session WHERE uid = ?1", [uid])?;
        self.run("DELETE FROM login_flow WHERE granted_uid = ?1", [uid]).map(drop)
    }

    fn put_flow(&mut self, flow: &LoginFlow) -> Result<(), StoreError> {
        logins::put_flow(self, flow)
    }

    fn remove_flow(&mut self, poll_hash: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM login_flow WHERE poll_hash = ?1", [poll_hash]).map(drop)
    }

    fn remove_stale_logins(
        &mut self,
        flows: i64,
        sessions: i64,
        oldest: i64,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM login_flow WHERE created < ?1", [flows])?;
        let sql = "DELETE FROM session WHERE last_seen < ?1 OR created < ?2";
        self.run(sql, [sessions, oldest]).map(drop)
    }
}

fn write_user(batch: &Batch<'_>, sql: &str, user: &User) -> Result<usize, StoreError> {
    let values = params![
        user.uid,
        user.provider,
        user.subject,
        user.display_name,
        user.email,
        user.password,
        user.quota.map(signed),
        user.enabled,
        user.admin,
        user.language,
        user.created,
        user.last_login,
        user.refused,
    ];
    batch.run(sql, values)
}
