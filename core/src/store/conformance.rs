//! What every [`Store`] must do, as tests that any implementation runs through.
//!
//! An implementation gives a [`Bed`] and says [`conformance!`]; each rule is then a test of its own.

pub(crate) mod accounts;
pub(crate) mod feed;
pub(crate) mod kv;
pub(crate) mod locks;
pub(crate) mod nodes;
pub(crate) mod props;
pub(crate) mod search;
pub(crate) mod sweep;
pub(crate) mod uploads;
pub(crate) mod writes;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::nodes::{Home, Node};
use super::{JobDone, ReadTx, Store, StoreError, WriteTx};
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{Kind, Tag};

/// A place for the data of one test.
pub(crate) trait Bed {
    /// Opens the store on the same data each time; earlier handles may have been dropped unclosed.
    fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each rule. `$bed` is an expression that gives a fresh [`Bed`].
macro_rules! conformance {
    ($bed:expr) => {
        $crate::store::conformance::conformance! { $bed,
            writes: [
                a_kept_job_is_seen_and_a_refused_one_is_not,
                a_job_sees_its_own_writes_and_those_before_it,
                a_refused_job_leaves_the_others_of_its_batch_alone,
                a_panicking_job_is_rolled_back_and_the_writer_goes_on,
                a_panicking_answer_harms_nobody,
                a_batch_is_one_commit_to_its_readers,
                stamps_rise_and_are_never_given_twice,
                a_reader_keeps_its_snapshot,
                disk_operations_go_out_after_the_commit_in_order_and_before_the_answers,
                close_finishes_what_is_queued_and_refuses_what_comes_later,
                the_facts_of_the_installation_stay,
                writes_wait_while_they_are_held_and_not_longer_than_they_may,
            ],
            nodes: [
                a_node_is_read_as_it_was_written,
                ids_are_never_reused,
                what_hangs_in_no_tree_is_found,
                files_are_found_by_the_sequence_number_of_their_bytes,
                names_are_unique_in_a_folder,
                members_come_in_byte_order_and_in_pages,
                homes_are_found_by_owner,
                storages_keep_their_numbers,
                raising_adds_up_sizes_and_stamps,
                moving_a_folder_takes_its_members_along,
                changes_are_fed_in_order,
                disk_operations_are_kept_until_they_are_done,
                a_published_stage_is_forgotten_with_all_below_it,
                tags_are_replaced_only_where_they_match,
                what_was_decided_since_is_known_without_gaps,
                nodes_are_found_by_their_tags,
                files_that_were_not_read_are_found,
            ],
            feed: [
                the_feed_tells_what_a_node_was,
                cursors_are_kept_and_forgotten,
                the_oldest_changes_are_forgotten_first,
                commits_are_told_with_their_sequence_number,
            ],
            kv: [
                each_instance_has_its_own_keys,
                keys_are_listed_by_their_beginning,
            ],
            sweep: [
                a_detached_node_frees_its_name_and_keeps_its_id,
                what_is_detached_is_out_of_all_lists,
                sweeping_goes_in_slices_and_takes_all_that_hangs_on_a_node,
                a_detached_root_takes_its_home_along,
            ],
            props: [
                properties_are_set_replaced_copied_and_removed,
                favourites_are_personal,
            ],
            locks: [
                a_lock_is_read_as_it_was_written,
                locks_are_found_from_above,
                expired_locks_are_removed,
            ],
            uploads: [
                a_transfer_lives_and_goes_with_its_chunks,
                stale_transfers_and_stage_keys_are_listed,
            ],
            search: [
                filters_choose,
                a_search_ends_when_its_time_is_over,
                results_are_sorted_and_paged,
                deep_questions_give_paths_and_flat_ones_members,
                long_and_hostile_questions_are_only_questions,
            ],
            accounts: [
                users_are_found_without_regard_to_case,
                a_user_id_is_taken_for_ever,
                users_are_listed_by_what_they_contain,
                groups_have_members,
                app_passwords_come_and_go,
                sessions_come_and_go,
                granted_flows_end_with_the_sessions,
                login_flows_come_and_go,
            ],
        }
    };
    ($bed:expr, $($module:ident: [$($rule:ident,)+],)+) => {
        $($(
            #[test]
            fn $rule() {
                $crate::store::conformance::$module::$rule(&$bed);
            }
        )+)+
    };
}
pub(crate) use conformance;

/// Queues a change; its answer comes by the receiver (closed without one if the job panicked).
pub(crate) fn queue<T: Send + 'static>(
    store: &Arc<dyn Store>,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> Receiver<Result<T, StoreError>> {
    let (answer, answered) = channel();
    store.submit(Box::new(move |tx| {
        let result = change(tx);
        let keep = result.is_ok();
        JobDone {
            keep,
            finish: Box::new(move |committed| {
                let _gone = answer.send(committed.and(result));
            }),
        }
    }));
    answered
}

/// Writes, and waits to hear that it is refused.
#[track_caller]
pub(crate) fn refused<T: Send + 'static>(
    store: &Arc<dyn Store>,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) {
    assert!(queue(store, change).recv().expect("an answer").is_err(), "this is an error");
}

/// Writes, and waits for the commit.
#[track_caller]
pub(crate) fn write<T: Send + 'static>(
    store: &Arc<dyn Store>,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    queue(store, change).recv().expect("an answer").expect("a commit")
}

/// Reads from a fresh snapshot.
#[track_caller]
pub(crate) fn read<T>(
    store: &Arc<dyn Store>,
    question: impl FnOnce(&mut dyn ReadTx) -> Result<T, StoreError>,
) -> T {
    question(&mut *store.reader().expect("a snapshot")).expect("an answer")
}

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a good user id")
}

pub(crate) fn refuse<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("refused on purpose".to_owned()))
}

/// A file with something in each column that a file has.
pub(crate) fn file(parent: NodeId, name: &str) -> Node {
    Node {
        id: NodeId(0),
        parent: Some(parent),
        name: name.to_owned(),
        kind: Kind::File,
        size: 10,
        mtime: 1_000,
        created: None,
        uploaded: 2_000,
        content: Stamp(1),
        tree: Stamp(1),
        tag: Tag(format!("tag of {name}")),
        stage: None,
        checksums: "SHA1:00".to_owned(),
    }
}

pub(crate) fn folder(parent: NodeId, name: &str) -> Node {
    Node { kind: Kind::Folder, size: 0, checksums: String::new(), ..file(parent, name) }
}

/// A home of that owner.
#[track_caller]
pub(crate) fn home(store: &Arc<dyn Store>, owner: &str) -> Home {
    let owner = uid(owner);
    let root = folder(NodeId(0), owner.as_str());
    write(store, move |tx| tx.insert_home(&owner, owner.as_str(), &root))
}

/// Inserts a node and gives it as it is stored.
#[track_caller]
pub(crate) fn insert(store: &Arc<dyn Store>, node: Node) -> Node {
    write(store, move |tx| {
        let id = tx.insert_node(&node)?;
        Ok(Node { id, ..node })
    })
}
