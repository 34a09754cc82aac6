//! Questions, asked of each node below a folder in turn.

use std::cmp::Ordering;
use std::time::Instant;

use unicode_normalization::UnicodeNormalization;

use super::state::State;
use crate::ids::{NodeId, Uid};
use crate::proto::media_type::media_type_of;
use crate::store::StoreError;
use crate::store::nodes::Node;
use crate::store::search::{Filter, Order, Question, SearchRead, SortKey};

impl SearchRead for State {
    fn search(&mut self, question: &Question) -> Result<Vec<(Node, String)>, StoreError> {
        let mut found = Vec::new();
        if self.is_attached(question.below) {
            let until = Instant::now() + question.time;
            self.walk(question, until, question.below, "", &mut found)?;
        }
        found.sort_by(|(a, _), (b, _)| order(&question.sort, a, b));
        Ok(found.into_iter().skip(question.offset).take(question.limit).collect())
    }
}

impl State {
    fn walk(
        &self,
        question: &Question,
        until: Instant,
        folder: NodeId,
        prefix: &str,
        found: &mut Vec<(Node, String)>,
    ) -> Result<(), StoreError> {
        for node in self.members(folder) {
            if Instant::now() >= until {
                return Err(StoreError::TooLong);
            }
            let path = format!("{prefix}{}", node.name);
            if !question.members_only {
                self.walk(question, until, node.id, &format!("{path}/"), found)?;
            }
            if self.holds(&question.filter, node, &question.user) {
                found.push((node.clone(), path));
            }
        }
        Ok(())
    }

    fn holds(&self, filter: &Filter, node: &Node, user: &Uid) -> bool {
        match filter {
            Filter::And(all) => all.iter().all(|filter| self.holds(filter, node, user)),
            Filter::Or(any) => any.iter().any(|filter| self.holds(filter, node, user)),
            Filter::Not(inner) => !self.holds(inner, node, user),
            Filter::NameLike(pattern) => like(pattern, &node.name),
            Filter::MediaTypeLike(pattern) => {
                !node.is_folder() && like(pattern, media_type_of(&node.name))
            }
            Filter::Mtime(order, value) => compare(node.mtime, *order, *value),
            Filter::Uploaded(order, value) => compare(node.uploaded, *order, *value),
            Filter::Size(order, value) => {
                compare(i64::try_from(node.size).unwrap_or(i64::MAX), *order, *value)
            }
            Filter::FileId(order, value) => compare(node.id.0, *order, *value),
            Filter::Favorite(marked) => {
                self.favorites.contains(&(user.clone(), node.id)) == *marked
            }
            Filter::IsCollection => node.is_folder(),
        }
    }
}

fn compare(left: i64, order: Order, right: i64) -> bool {
    match order {
        Order::Equal => left == right,
        Order::Less => left < right,
        Order::LessOrEqual => left <= right,
        Order::Greater => left > right,
        Order::GreaterOrEqual => left >= right,
    }
}

fn order(keys: &[(SortKey, bool)], a: &Node, b: &Node) -> Ordering {
    let by_keys = keys.iter().map(|(key, descending)| {
        let order = match key {
            SortKey::Name => a.name.cmp(&b.name),
            SortKey::Mtime => a.mtime.cmp(&b.mtime),
            SortKey::Uploaded => a.uploaded.cmp(&b.uploaded),
            SortKey::Size => a.size.cmp(&b.size),
            SortKey::FileId => a.id.cmp(&b.id),
        };
        if *descending { order.reverse() } else { order }
    });
    by_keys.fold(Ordering::Equal, Ordering::then).then(a.id.cmp(&b.id))
}

/// Whether `text` contains `needle`, as a user who types it sees it: in any case, composed or not.
pub(super) fn contains(text: &str, needle: &str) -> bool {
    let needle: String = needle.nfc().collect();
    lower(text).contains(&lower(&needle))
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether the whole text matches. Goes once through the pattern, with all places in the text at
/// which what was read of it may end.
fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = lower(text).chars().collect();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    let step = |ends: &mut Vec<bool>, fits: &dyn Fn(char) -> bool| {
        for (at, c) in text.iter().enumerate().rev() {
            ends[at + 1] = ends[at] && fits(*c);
        }
        ends[0] = false;
    };
    let mut pattern = pattern.nfc();
    while let Some(c) = pattern.next() {
        match c {
            '%' => {
                let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
                ends[first..].fill(true);
            }
            '_' => step(&mut ends, &|_| true),
            c => {
                let c = if c == '\\' { pattern.next().unwrap_or(c) } else { c };
                c.to_lowercase().for_each(|c| step(&mut ends, &|other| other == c));
            }
        }
    }
    ends[text.len()]
}
