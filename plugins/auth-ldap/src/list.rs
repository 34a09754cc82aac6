//! Long searches by pages (RFC 2696).
//!
//! A directory keeps its place in a search for one connection, so each listing has one of its own
//! until it ends, until nobody has asked for its next page for a while, or until too many wait.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ldap3::adapters::EntriesOnly;
use ldap3::controls::{Control, ControlType, PagedResults};
use ldap3::{Ldap, LdapError, LdapResult, Scope, SearchEntry};
use moonsail_sdk::auth::AuthUnavailable;
use tokio::time::Instant;

use crate::connect::reasons;
use crate::directory::Directory;

/// Listings that wait for somebody to ask for their next page.
const WAITING: usize = 16;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// The listings that are not at their end.
#[derive(Default)]
pub(crate) struct Listings {
    open: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// By number, so that the first waits longest.
    listings: BTreeMap<u64, Listing>,
    last: u64,
}

struct Listing {
    ldap: Ldap,
    base: String,
    filter: String,
    cookie: Vec<u8>,
    since: Instant,
}

impl Listings {
    /// The next entries that match `filter` below `base`, and the cursor of those after them.
    /// `base` and `filter` are those of the first page, whatever a later call says.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the directory does not answer, or the cursor is over.
    pub(crate) async fn page(
        &self,
        directory: &Directory,
        (base, filter, attributes): (&str, &str, &[String]),
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<SearchEntry>, Option<String>), AuthUnavailable> {
        let deadline = Instant::now() + directory.timeout();
        let mut listing = match cursor {
            Some(cursor) => self.take(cursor).ok_or_else(|| {
                AuthUnavailable::new(format!("the listing {cursor:?} is over; begin again"))
            })?,
            None => {
                let opened = directory.connector().open_service();
                let opened = tokio::time::timeout_at(deadline, opened).await;
                Listing {
                    ldap: opened.unwrap_or_else(|_| Err(directory.late()))?,
                    base: base.to_owned(),
                    filter: filter.to_owned(),
                    cookie: Vec::new(),
                    since: Instant::now(),
                }
            }
        };
        let asked = listing.ask(limit, attributes);
        let (entries, result) = match tokio::time::timeout_at(deadline, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(directory.broken(&reasons(&error))),
            Err(_) => return Err(directory.late()),
        };
        if result.rc != 0 {
            let problem = format!("listing {}: {result}", listing.filter);
            return Err(directory.broken(&problem));
        }
        listing.cookie = cookie(&result);
        let next = if listing.cookie.is_empty() { None } else { Some(self.keep(listing)) };
        Ok((entries, next))
    }

    fn take(&self, cursor: &str) -> Option<Listing> {
        let number = cursor.parse().ok()?;
        self.lock().listings.remove(&number)
    }

    fn keep(&self, listing: Listing) -> String {
        let mut waiting = self.lock();
        let now = Instant::now();
        waiting.listings.retain(|_, listing| now - listing.since < PATIENCE);
        while waiting.listings.len() >= WAITING {
            waiting.listings.pop_first();
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.listings.insert(number, Listing { since: now, ..listing });
        number.to_string()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listing {
    async fn ask(
        &mut self,
        limit: usize,
        attributes: &[String],
    ) -> Result<(Vec<SearchEntry>, LdapResult), LdapError> {
        let size = i32::try_from(limit).unwrap_or(i32::MAX);
        let page = PagedResults { size, cookie: self.cookie.clone() };
        let mut stream = self
            .ldap
            .with_controls(vec![page.into()])
            .streaming_search_with(
                EntriesOnly::new(),
                &self.base,
                Scope::Subtree,
                &self.filter,
                attributes,
            )
            .await?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await? {
            entries.push(SearchEntry::construct(entry));
        }
        Ok((entries, stream.finish().await))
    }
}

/// Where the directory goes on; empty at the end.
fn cookie(result: &LdapResult) -> Vec<u8> {
    let paged = result.ctrls.iter().find_map(|Control(kind, raw)| match kind {
        Some(ControlType::PagedResults) => raw.val.as_ref().map(|_| raw.parse::<PagedResults>()),
        _ => None,
    });
    paged.map(|paged| paged.cookie).unwrap_or_default()
}
