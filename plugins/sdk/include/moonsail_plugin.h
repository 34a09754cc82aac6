/* The border between Moonsail and its plugins.
 *
 * Made from the types of moonsail-sdk (tests/header.rs): do not edit.
 *
 * Rules
 *
 * 1. **Growth.** Structs grow at their end only and begin with their size. Who reads takes the
 *    smaller of both sizes; what is missing is zero. A function pointer that is missing or null is
 *    not offered. A change that is no addition gets a new extension id (`moonsail.auth/2`).
 * 2. **Memory.** Nobody frees what the other side has allocated. What is *borrowed* is valid until
 *    the call returns, also where the answer comes later: copy what you need. `moonsail_buf` is *owned*: who
 *    holds it calls its `release` exactly once, from any thread.
 * 3. **Threads.** Every function may be called from any thread at any time between `start` and
 *    `stop`, unless it says otherwise. None may block for more than a millisecond: answer later. A
 *    plugin without threads of its own uses the host's `moonsail.host.blocking/1`.
 * 4. **Answers.** An asynchronous function gets a `moonsail_done` and calls its `complete` exactly once:
 *    from any thread, also before it returns. What an `moonsail_outcome` points to is copied by the host
 *    before `complete` returns; the buffers in it go over to the host.
 * 5. **No unwinding, no `longjmp`** over the border, in either direction.
 * 6. **No `fork`, signal handlers, `setenv` or `exit`.**
 * 7. **Trust.** A plugin has all the rights of the server.
 */

#ifndef MOONSAIL_PLUGIN_H
#define MOONSAIL_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Id of `moonsail_auth_table`. */
#define MOONSAIL_EXTENSION_AUTH "moonsail.auth/1"

/* Id of `moonsail_blobs_table`. */
#define MOONSAIL_EXTENSION_BLOBS "moonsail.blobs/1"

/* Id of `moonsail_capabilities_table`. */
#define MOONSAIL_EXTENSION_CAPABILITIES "moonsail.capabilities/1"

/* Id of `moonsail_events_table`. */
#define MOONSAIL_EXTENSION_EVENTS "moonsail.events/1"

/* Id of `moonsail_files_table`. */
#define MOONSAIL_EXTENSION_FILES "moonsail.files/1"

/* Id of `moonsail_hooks_table`. */
#define MOONSAIL_EXTENSION_HOOKS "moonsail.hooks/1"

/* Id of `moonsail_http_app_table`. */
#define MOONSAIL_EXTENSION_HTTP "moonsail.http/1"

/* Id of `moonsail_preview_table`. */
#define MOONSAIL_EXTENSION_PREVIEW "moonsail.preview/1"

/* Id of `moonsail_blocking_table`. */
#define MOONSAIL_HOST_BLOCKING "moonsail.host.blocking/1"

/* Id of `moonsail_metrics_table`. */
#define MOONSAIL_HOST_METRICS "moonsail.host.metrics/1"

/* Id of `moonsail_kv_table`. */
#define MOONSAIL_HOST_KV "moonsail.host.kv/1"

/* Id of `moonsail_http_table`. */
#define MOONSAIL_HOST_HTTP "moonsail.host.http/1"


/**
 * Flag of `moonsail_blobs_table`: `copy` moves no bytes through the server.
 */
#define MOONSAIL_BLOBS_SERVER_COPY 1

/**
 * It worked; `value` is what the function says.
 */
#define MOONSAIL_CODE_OK 0

/**
 * No opinion: ask the next in the chain.
 */
#define MOONSAIL_CODE_NEXT 1

/**
 * Refused; `message` is shown to people.
 */
#define MOONSAIL_CODE_DENIED 2

/**
 * The password is right and has expired.
 */
#define MOONSAIL_CODE_EXPIRED 3

/**
 * The account exists and may not log in.
 */
#define MOONSAIL_CODE_DISABLED 4

/**
 * There is no such thing.
 */
#define MOONSAIL_CODE_NOT_FOUND 5

/**
 * There is such a thing already.
 */
#define MOONSAIL_CODE_EXISTS 6

/**
 * It is not in the state that the call takes for granted; of a file: it was changed from outside.
 */
#define MOONSAIL_CODE_CONFLICT 7

/**
 * A condition of the call does not hold.
 */
#define MOONSAIL_CODE_PRECONDITION 8

/**
 * It is locked.
 */
#define MOONSAIL_CODE_LOCKED 9

/**
 * No space is left.
 */
#define MOONSAIL_CODE_QUOTA 10

/**
 * It is larger than it may be.
 */
#define MOONSAIL_CODE_TOO_LARGE 11

/**
 * The arguments make no sense.
 */
#define MOONSAIL_CODE_INVALID 12

/**
 * It cannot be written to.
 */
#define MOONSAIL_CODE_READ_ONLY 13

/**
 * The plugin does not do that.
 */
#define MOONSAIL_CODE_UNSUPPORTED 14

/**
 * Too much at the moment: try again after `retry_after_ms`.
 */
#define MOONSAIL_CODE_BUSY 15

/**
 * It took too long.
 */
#define MOONSAIL_CODE_TIMEOUT 16

/**
 * The host gave up waiting.
 */
#define MOONSAIL_CODE_CANCELLED 17

/**
 * What the plugin needs (a directory, a store) cannot be reached: 503 for the client.
 */
#define MOONSAIL_CODE_UNAVAILABLE 18

/**
 * Anything else; `message` is for the log.
 */
#define MOONSAIL_CODE_INTERNAL 19

/**
 * The answer of a hook that changes what is about to happen.
 */
#define MOONSAIL_CODE_REPLACE 20

/**
 * First field of every entry.
 */
#define MOONSAIL_ABI_MAGIC 1313034289

/**
 * Another major is refused.
 */
#define MOONSAIL_ABI_MAJOR 1

/**
 * Any minor is taken: sizes and extension ids say what is there.
 */
#define MOONSAIL_ABI_MINOR 0

/**
 * Flag of an entry: a panic ends the whole server (`panic = "abort"`).
 */
#define MOONSAIL_FLAG_PANIC_ABORT 1

/**
 * Flag of an entry: it may be loaded again beside an older copy of itself.
 */
#define MOONSAIL_FLAG_RELOADABLE 4

/**
 * `moonsail_feed_event.kind`: it is gone meanwhile, so nobody knows.
 */
#define MOONSAIL_NODE_GONE 0

/**
 * `moonsail_feed_event.kind`: a file.
 */
#define MOONSAIL_NODE_FILE 1

/**
 * `moonsail_feed_event.kind`: a folder.
 */
#define MOONSAIL_NODE_FOLDER 2

/**
 * `moonsail_hook_interest.on_error`: what the event's class says.
 */
#define MOONSAIL_ON_ERROR_USUAL 0

/**
 * `moonsail_hook_interest.on_error`: as if it had denied.
 */
#define MOONSAIL_ON_ERROR_DENY 1

/**
 * `moonsail_hook_interest.on_error`: as if it had no opinion.
 */
#define MOONSAIL_ON_ERROR_ALLOW 2

/**
 * `moonsail_hook_field.kind`: known to be nothing.
 */
#define MOONSAIL_FIELD_NULL 0

/**
 * `moonsail_hook_field.kind`: `number` is 0 or 1.
 */
#define MOONSAIL_FIELD_BOOL 1

/**
 * `moonsail_hook_field.kind`: `number` says it.
 */
#define MOONSAIL_FIELD_INT 2

/**
 * `moonsail_hook_field.kind`: `text` says it.
 */
#define MOONSAIL_FIELD_TEXT 3

/**
 * `moonsail_hook_field.kind`: `texts` says it.
 */
#define MOONSAIL_FIELD_LIST 4

/**
 * `moonsail_http_route.access`: anybody.
 */
#define MOONSAIL_ACCESS_NONE 0

/**
 * `moonsail_http_route.access`: whoever is logged in.
 */
#define MOONSAIL_ACCESS_USER 1

/**
 * `moonsail_http_route.access`: administrators.
 */
#define MOONSAIL_ACCESS_ADMIN 2

/**
 * `moonsail_preview_wanted.mode`: all of it, inside the box.
 */
#define MOONSAIL_PREVIEW_FIT 0

/**
 * `moonsail_preview_wanted.mode`: all of it, so that the box is covered.
 */
#define MOONSAIL_PREVIEW_COVER 1

/**
 * `moonsail_preview_wanted.mode`: what is around its centre, cut to the shape of the box.
 */
#define MOONSAIL_PREVIEW_CROP 2

/**
 * A borrowed text in UTF-8, or bytes where a function says so. Not NUL-ended. A null `ptr` is "none".
 */
typedef struct moonsail_str {
  /**
   * First byte.
   */
  const uint8_t *ptr;
  /**
   * Bytes.
   */
  size_t len;
} moonsail_str;

/**
 * A borrowed list of texts.
 */
typedef struct moonsail_str_list {
  /**
   * First text; null for "none", which is not the empty list.
   */
  const struct moonsail_str *items;
  /**
   * Number of texts.
   */
  size_t len;
} moonsail_str_list;

/**
 * A user. `moonsail_auth_table.check_password` and its like give one with `MOONSAIL_CODE_OK`, and otherwise
 * `MOONSAIL_CODE_NEXT`, `MOONSAIL_CODE_DENIED`, `MOONSAIL_CODE_DISABLED`, `MOONSAIL_CODE_EXPIRED`, or `MOONSAIL_CODE_UNAVAILABLE` if the question
 * could not be answered.
 */
typedef struct moonsail_identity {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * 1 if `quota` says something.
   */
  uint32_t has_quota;
  /**
   * Bytes that the user may store.
   */
  uint64_t quota;
  /**
   * The immutable id of the account at its provider.
   */
  struct moonsail_str subject;
  /**
   * The login name.
   */
  struct moonsail_str login;
  /**
   * The name that people see; none if the provider knows none.
   */
  struct moonsail_str display_name;
  /**
   * Mail address; none if the provider knows none.
   */
  struct moonsail_str email;
  /**
   * Names of groups; none if the provider does not say.
   */
  struct moonsail_str_list groups;
} moonsail_identity;

/**
 * An account as its provider has it now.
 */
typedef struct moonsail_account {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * 1 if it may log in.
   */
  uint32_t enabled;
  /**
   * Who it is.
   */
  const struct moonsail_identity *identity;
} moonsail_account;

/**
 * A borrowed list of structs that may grow: the next one begins `stride` bytes after each.
 */
typedef struct moonsail_list {
  /**
   * First struct.
   */
  const void *items;
  /**
   * Number of structs.
   */
  size_t len;
  /**
   * Bytes from one to the next, on the side that made the list.
   */
  size_t stride;
} moonsail_list;

/**
 * Some of a provider's accounts.
 */
typedef struct moonsail_account_page {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * `moonsail_account`s.
   */
  struct moonsail_list accounts;
  /**
   * The cursor of the next page; none at the end.
   */
  struct moonsail_str next;
} moonsail_account_page;

/**
 * A call that goes on. The host calls `cancel` at most once and `release` exactly once, also after
 * the answer came. A cancelled call is answered all the same, by
 * `MOONSAIL_CODE_CANCELLED` or by what it found.
 */
typedef struct moonsail_op {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Nobody waits any more. Null if that is of no interest.
   */
  void (*cancel)(struct moonsail_op *op);
  /**
   * Frees the struct.
   */
  void (*release)(struct moonsail_op *op);
} moonsail_op;

/**
 * What is known about the request that calls. Borrowed until the starting call returns.
 */
typedef struct moonsail_call_info {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Milliseconds until nobody waits for the answer any more; 0 if there is no such time.
   */
  uint32_t timeout_ms;
  /**
   * The request's id, as in the access log; empty if no request is behind it.
   */
  struct moonsail_str request_id;
  /**
   * User id of who asks; none if nobody is logged in.
   */
  struct moonsail_str user;
  /**
   * Address of the client; none if unknown.
   */
  struct moonsail_str remote_ip;
  /**
   * The name of who asks, as people see it; none if nobody is logged in, or it is not told.
   */
  struct moonsail_str display_name;
  /**
   * Base of absolute URLs without a slash at the end; none where it is not told.
   */
  struct moonsail_str base_url;
  /**
   * 1 if who asks is an administrator; told to routes alone.
   */
  uint32_t admin;
  /**
   * Zero.
   */
  uint32_t reserved;
} moonsail_call_info;

/**
 * An answer.
 */
typedef struct moonsail_outcome {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * One of the `MOONSAIL_CODE_` constants.
   */
  int32_t code;
  /**
   * With `MOONSAIL_CODE_DENIED` and the like for people, else for the log.
   */
  struct moonsail_str message;
  /**
   * With `MOONSAIL_CODE_BUSY` and `MOONSAIL_CODE_UNAVAILABLE`: when to
   * try again, in milliseconds; 0 if nobody knows.
   */
  uint32_t retry_after_ms;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * What the function gives, as it says; null if nothing.
   */
  const void *value;
} moonsail_outcome;

/**
 * Where an answer goes. `complete` is called exactly once, from any thread, also before the call
 * that got it returns.
 */
typedef struct moonsail_done {
  /**
   * For `complete` alone.
   */
  void *ctx;
  /**
   * Takes the answer, which is copied before it returns.
   */
  void (*complete)(void *ctx, const struct moonsail_outcome *outcome);
} moonsail_done;

/**
 * An authenticator. All functions but `check_password` may be missing.
 */
typedef struct moonsail_auth_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Gives an `moonsail_identity`.
   */
  struct moonsail_op *(*check_password)(void *self,
                                        const struct moonsail_call_info *call,
                                        struct moonsail_str login,
                                        struct moonsail_str password,
                                        struct moonsail_done done);
  /**
   * Gives an `moonsail_identity`. `kind` is `bearer` or another word for what the token is.
   */
  struct moonsail_op *(*check_token)(void *self,
                                     const struct moonsail_call_info *call,
                                     struct moonsail_str kind,
                                     struct moonsail_str token,
                                     struct moonsail_done done);
  /**
   * Gives the `moonsail_account` of a subject, or `MOONSAIL_CODE_NOT_FOUND` if it is gone for good.
   */
  struct moonsail_op *(*lookup)(void *self,
                                const struct moonsail_call_info *call,
                                struct moonsail_str subject,
                                struct moonsail_done done);
  /**
   * Gives the `moonsail_account` that `login` would log in to, or `MOONSAIL_CODE_NOT_FOUND`.
   */
  struct moonsail_op *(*find)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str login,
                              struct moonsail_done done);
  /**
   * Gives an `moonsail_account_page` of at most `limit` accounts.
   */
  struct moonsail_op *(*list)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str search,
                              uint64_t limit,
                              struct moonsail_str cursor,
                              struct moonsail_done done);
  /**
   * No value; `MOONSAIL_CODE_DENIED` with a sentence for the user, or `MOONSAIL_CODE_NEXT`. `old_password` is none when
   * an administrator asks.
   */
  struct moonsail_op *(*set_password)(void *self,
                                      const struct moonsail_call_info *call,
                                      struct moonsail_str login,
                                      struct moonsail_str old_password,
                                      struct moonsail_str new_password,
                                      struct moonsail_done done);
  /**
   * Gives a `moonsail_str`: a JSON object for the administrator.
   */
  struct moonsail_op *(*explain)(void *self,
                                 const struct moonsail_call_info *call,
                                 struct moonsail_str login,
                                 struct moonsail_done done);
} moonsail_auth_table;

/**
 * What a store knows about an object.
 */
typedef struct moonsail_blob_info {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Bytes.
   */
  uint64_t bytes;
  /**
   * When it was committed, in Unix seconds by the store's clock.
   */
  int64_t modified;
  /**
   * The store's own mark of these bytes; may be empty.
   */
  struct moonsail_str tag;
} moonsail_blob_info;

/**
 * An object being written. Released with `writer_release`.
 */
typedef struct moonsail_blob_begun {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * The handle.
   */
  void *writer;
} moonsail_blob_begun;

/**
 * An object being read. Released with `reader_release`.
 */
typedef struct moonsail_blob_opened {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * The handle.
   */
  void *reader;
  /**
   * The whole object.
   */
  const struct moonsail_blob_info *info;
} moonsail_blob_opened;

/**
 * An object in a listing.
 */
typedef struct moonsail_blob_entry {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Its key.
   */
  struct moonsail_str key;
  /**
   * The rest.
   */
  const struct moonsail_blob_info *info;
} moonsail_blob_entry;

/**
 * A page of a listing.
 */
typedef struct moonsail_blob_page {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * `moonsail_blob_entry`s in the order of their keys' bytes.
   */
  struct moonsail_list entries;
  /**
   * The cursor of the next page; none at the end.
   */
  struct moonsail_str next;
} moonsail_blob_page;

/**
 * Owned bytes. Who holds it calls `release(owner)` exactly once, from any thread.
 */
typedef struct moonsail_buf {
  /**
   * First byte; may be null if `len` is 0.
   */
  const uint8_t *ptr;
  /**
   * Bytes.
   */
  size_t len;
  /**
   * For `release` alone.
   */
  void *owner;
  /**
   * Frees it; null if there is nothing to free.
   */
  void (*release)(void *owner);
} moonsail_buf;

/**
 * A store of objects. `get` may be missing, and the `multipart_` functions, of which all are offered
 * or none.
 */
typedef struct moonsail_blobs_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * `BLOBS_` flags.
   */
  uint32_t flags;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Fewest bytes of a part that is not the last of its object.
   */
  uint64_t part_min;
  /**
   * Most bytes of a part.
   */
  uint64_t part_max;
  /**
   * Most parts of an object; their numbers go from 1 to this.
   */
  uint32_t parts_max;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Most bytes of an object.
   */
  uint64_t object_max;
  /**
   * Writes a small object: gives a `moonsail_blob_info`. `data` goes over to the plugin.
   */
  struct moonsail_op *(*put)(void *self,
                             const struct moonsail_call_info *call,
                             struct moonsail_str key,
                             struct moonsail_buf data,
                             struct moonsail_done done);
  /**
   * Starts an object: gives a `moonsail_blob_begun`.
   */
  struct moonsail_op *(*begin)(void *self,
                               const struct moonsail_call_info *call,
                               struct moonsail_str key,
                               struct moonsail_done done);
  /**
   * Opens `len` bytes at `offset`, fewer if the object ends before: gives a `moonsail_blob_opened`.
   */
  struct moonsail_op *(*open)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str key,
                              uint64_t offset,
                              uint64_t len,
                              struct moonsail_done done);
  /**
   * Gives a `moonsail_blob_info`, or `MOONSAIL_CODE_NOT_FOUND` if the store was asked and has no such object.
   */
  struct moonsail_op *(*head)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str key,
                              struct moonsail_done done);
  /**
   * Makes `to` an object with the bytes of `from`: gives its `moonsail_blob_info`.
   */
  struct moonsail_op *(*copy)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str from,
                              struct moonsail_str to,
                              struct moonsail_done done);
  /**
   * Removes an object. No value; success if there is none.
   */
  struct moonsail_op *(*remove)(void *self,
                                const struct moonsail_call_info *call,
                                struct moonsail_str key,
                                struct moonsail_done done);
  /**
   * Gives a `moonsail_blob_page`. `cursor` is none for the first.
   */
  struct moonsail_op *(*list)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str prefix,
                              struct moonsail_str cursor,
                              struct moonsail_done done);
  /**
   * Takes the next bytes. No value. `data` goes over to the plugin.
   */
  struct moonsail_op *(*writer_write)(void *self,
                                      const struct moonsail_call_info *call,
                                      void *writer,
                                      struct moonsail_buf data,
                                      struct moonsail_done done);
  /**
   * Makes what was written the object: gives its `moonsail_blob_info`. The last call but
   * `writer_release`.
   */
  struct moonsail_op *(*writer_commit)(void *self,
                                       const struct moonsail_call_info *call,
                                       void *writer,
                                       struct moonsail_done done);
  /**
   * Gives up; nothing is left after the answer. No value. The last call but `writer_release`.
   */
  struct moonsail_op *(*writer_abort)(void *self,
                                      const struct moonsail_call_info *call,
                                      void *writer,
                                      struct moonsail_done done);
  /**
   * Lets go of the handle, and gives up what was not committed.
   */
  void (*writer_release)(void *self, void *writer);
  /**
   * Gives the next bytes as a `PieceAt`: at least one and at most `max`, and none
   * at the end of the range. `offset` is counted from the beginning of the object.
   */
  struct moonsail_op *(*reader_next)(void *self,
                                     const struct moonsail_call_info *call,
                                     void *reader,
                                     uint64_t max,
                                     struct moonsail_done done);
  /**
   * Closes a reader.
   */
  void (*reader_release)(void *self, void *reader);
  /**
   * The same as `open` in one piece: gives a `PieceAt`.
   */
  struct moonsail_op *(*get)(void *self,
                             const struct moonsail_call_info *call,
                             struct moonsail_str key,
                             uint64_t offset,
                             uint64_t len,
                             struct moonsail_done done);
  /**
   * Starts an object in parts: gives a `moonsail_str`, the upload's name.
   */
  struct moonsail_op *(*multipart_begin)(void *self,
                                         const struct moonsail_call_info *call,
                                         struct moonsail_str key,
                                         struct moonsail_done done);
  /**
   * Puts a part: gives a `moonsail_str`, its mark. `data` goes over to the plugin.
   */
  struct moonsail_op *(*multipart_put)(void *self,
                                       const struct moonsail_call_info *call,
                                       struct moonsail_str key,
                                       struct moonsail_str upload,
                                       uint32_t number,
                                       struct moonsail_buf data,
                                       struct moonsail_done done);
  /**
   * Joins parts: gives a `moonsail_blob_info`.
   */
  struct moonsail_op *(*multipart_finish)(void *self,
                                          const struct moonsail_call_info *call,
                                          struct moonsail_str key,
                                          struct moonsail_str upload,
                                          struct moonsail_str_list marks,
                                          struct moonsail_done done);
  /**
   * Gives an upload up. No value; success if there is none.
   */
  struct moonsail_op *(*multipart_abort)(void *self,
                                         const struct moonsail_call_info *call,
                                         struct moonsail_str key,
                                         struct moonsail_str upload,
                                         struct moonsail_done done);
} moonsail_blobs_table;

/**
 * What a provider learns of the user who asks.
 */
typedef struct moonsail_user_view {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * 1 for an administrator.
   */
  uint32_t admin;
  /**
   * User id.
   */
  struct moonsail_str id;
  /**
   * The name that people see.
   */
  struct moonsail_str display_name;
  /**
   * Mail address, or none.
   */
  struct moonsail_str email;
  /**
   * Names of groups.
   */
  struct moonsail_str_list groups;
} moonsail_user_view;

/**
 * What a provider wants to change.
 */
typedef struct moonsail_capabilities_patch {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Seconds for which the patch may be remembered for the same user; 0 asks every time.
   */
  uint32_t ttl_seconds;
  /**
   * A JSON object, merged into the document (RFC 7396).
   */
  struct moonsail_str json;
} moonsail_capabilities_patch;

/**
 * A provider of capabilities.
 */
typedef struct moonsail_capabilities_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Gives a `moonsail_capabilities_patch`. `user` is null for somebody who has not logged in; `base_json` is the
   * document as it is before the patch.
   */
  struct moonsail_op *(*contribute)(void *self,
                                    const struct moonsail_call_info *call,
                                    const struct moonsail_user_view *user,
                                    struct moonsail_str base_json,
                                    struct moonsail_done done);
} moonsail_capabilities_table;

/**
 * An instance of a plugin.
 */
typedef struct moonsail_plugin_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * The table of an extension (`moonsail.auth/1`, …), which lives as long as the instance; null if
   * it does not offer that. Called before `start`, too.
   */
  const void *(*get_extension)(void *self, struct moonsail_str id);
  /**
   * Connects, migrates. Fails with a message; null if there is nothing to do. No value.
   */
  void (*start)(void *self, struct moonsail_done done);
  /**
   * Finishes what runs: no new calls come. No value.
   */
  void (*stop)(void *self, struct moonsail_done done);
  /**
   * Frees the instance and this table, after `stop`, and joins its threads.
   */
  void (*destroy)(void *self);
} moonsail_plugin_table;

/**
 * A named text.
 */
typedef struct moonsail_kv {
  /**
   * Its name.
   */
  struct moonsail_str key;
  /**
   * The text.
   */
  struct moonsail_str value;
} moonsail_kv;

/**
 * A borrowed list of named texts, in order.
 */
typedef struct moonsail_kv_list {
  /**
   * First one.
   */
  const struct moonsail_kv *items;
  /**
   * Number of them.
   */
  size_t len;
} moonsail_kv_list;

/**
 * What the host gives to an instance. It lives until `destroy` has returned; all functions may be
 * called from any thread.
 */
typedef struct moonsail_host_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * `MOONSAIL_ABI_MAJOR` of the host.
   */
  uint16_t abi_major;
  /**
   * `MOONSAIL_ABI_MINOR` of the host.
   */
  uint16_t abi_minor;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * `moonsail`, or what hosts it in a test.
   */
  struct moonsail_str server_name;
  /**
   * Version of the host.
   */
  struct moonsail_str server_version;
  /**
   * Whether a line of this level would be written: 1 error, 2 warning, 3 info, 4 debug, 5 trace.
   */
  bool (*log_enabled)(void *self, uint32_t level);
  /**
   * Writes a line to the log. `request_id` is that of the call, or none.
   */
  void (*log)(void *self,
              uint32_t level,
              struct moonsail_str message,
              struct moonsail_kv_list fields,
              struct moonsail_str request_id);
  /**
   * The table of a host service (`moonsail.host.kv/1`, …); null if there is none of that id.
   */
  const void *(*get_extension)(void *self, struct moonsail_str id);
} moonsail_host_table;

/**
 * The exported **data** symbol `moonsail_plugin_entry_v1`. The host reads `magic`, `size` and
 * `abi_major` before anything else, and nothing else unless they fit.
 */
typedef struct moonsail_plugin_entry {
  /**
   * `MOONSAIL_ABI_MAGIC`.
   */
  uint32_t magic;
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * `MOONSAIL_ABI_MAJOR`.
   */
  uint16_t abi_major;
  /**
   * `MOONSAIL_ABI_MINOR`.
   */
  uint16_t abi_minor;
  /**
   * `MOONSAIL_FLAG_` constants.
   */
  uint32_t flags;
  /**
   * Name of the plugin, as in `auth-ldap`.
   */
  struct moonsail_str name;
  /**
   * Its version.
   */
  struct moonsail_str version;
  /**
   * What it was built with, as in `moonsail-sdk 0.1.0`; for messages.
   */
  struct moonsail_str sdk;
  /**
   * Compiler and target; for messages.
   */
  struct moonsail_str build;
  /**
   * JSON Schema of its configuration; may be empty.
   */
  struct moonsail_str config_schema;
  /**
   * Makes an instance. `instance_name` is the name in `server.toml`, `config_json` its section.
   * Null means failure, and `error` then holds why in UTF-8. May block for a moment.
   */
  struct moonsail_plugin_table *(*create)(const struct moonsail_host_table *host,
                                          struct moonsail_str instance_name,
                                          struct moonsail_str config_json,
                                          struct moonsail_buf *error);
} moonsail_plugin_entry;

/**
 * One change, durable before anybody hears of it.
 */
typedef struct moonsail_feed_event {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * One of the `MOONSAIL_NODE_` constants, as it is now.
   */
  uint32_t kind;
  /**
   * Its number in the feed: rises, with gaps, and is never used twice. The key by which an event that
   * comes a second time is known again.
   */
  uint64_t seq;
  /**
   * When it was decided, Unix milliseconds.
   */
  int64_t time_millis;
  /**
   * Id of the file or folder (`oc:fileid`).
   */
  int64_t node;
  /**
   * Its size in bytes now, if `has_bytes` is 1.
   */
  uint64_t bytes;
  /**
   * 0 if the size is not known.
   */
  uint32_t has_bytes;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * What happened: `file.uploaded` and so on.
   */
  struct moonsail_str name;
  /**
   * Id of the user who did it, or none.
   */
  struct moonsail_str actor;
  /**
   * The way it came: `dav`, `web`, `cli`, or `disk`.
   */
  struct moonsail_str origin;
  /**
   * Id of the user in whose tree it lies.
   */
  struct moonsail_str owner;
  /**
   * Path in that tree, without a slash in front.
   */
  struct moonsail_str path;
  /**
   * Path before, where something was moved; else none.
   */
  struct moonsail_str old_path;
  /**
   * Its etag now, unquoted; none if it is gone.
   */
  struct moonsail_str etag;
  /**
   * The request that did it; empty if none.
   */
  struct moonsail_str request_id;
} moonsail_feed_event;

/**
 * Hears of changes: at least once, in order, one batch at a time.
 */
typedef struct moonsail_events_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Answers **before it returns**, with a `moonsail_str_list` of patterns: a name, a beginning (`file.*`), or
   * `*`. Asked after the start and again for each batch, so it should be quick.
   */
  void (*interest)(void *self, struct moonsail_done done);
  /**
   * Takes a `moonsail_list` of `moonsail_feed_event`, never empty. `MOONSAIL_CODE_OK` takes the whole batch; after anything
   * else it comes again, not before `retry_after_ms`. No value.
   */
  struct moonsail_op *(*deliver)(void *self,
                                 const struct moonsail_call_info *call,
                                 struct moonsail_list events,
                                 struct moonsail_done done);
} moonsail_events_table;

/**
 * A storage of files. From `survey` on to `free_space` functions may be missing; `watch` needs
 * `watch_next` and `watch_release`.
 */
typedef struct moonsail_files_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Writes a small file to the stage: gives `FileStaged`. `data` goes over to the plugin.
   * If the answer comes when nobody waits any more, the host discards the file.
   */
  struct moonsail_op *(*put_small)(void *self,
                                   const struct moonsail_call_info *call,
                                   struct moonsail_buf data,
                                   int64_t mtime,
                                   uint32_t durability,
                                   struct moonsail_done done);
  /**
   * Gives a `FileStage` that is empty. `size_hint` may be `FILE_NO_SIZE`.
   */
  struct moonsail_op *(*begin_stage)(void *self,
                                     const struct moonsail_call_info *call,
                                     uint64_t size_hint,
                                     struct moonsail_done done);
  /**
   * Gives a `FileStage` that was kept.
   */
  struct moonsail_op *(*reopen_stage)(void *self,
                                      const struct moonsail_call_info *call,
                                      struct moonsail_str at,
                                      struct moonsail_done done);
  /**
   * Makes a folder in the stage: gives `FileStaged`. A new key if `at` is none.
   */
  struct moonsail_op *(*stage_folder)(void *self,
                                      const struct moonsail_call_info *call,
                                      struct moonsail_str at,
                                      struct moonsail_done done);
  /**
   * Copies a live file into the stage: gives `FileStaged`. Under a new key if `to` is none.
   */
  struct moonsail_op *(*stage_copy)(void *self,
                                    const struct moonsail_call_info *call,
                                    struct moonsail_str path,
                                    struct moonsail_str tag,
                                    struct moonsail_str to,
                                    uint32_t durability,
                                    struct moonsail_done done);
  /**
   * Copies a staged file: gives `FileStaged`.
   */
  struct moonsail_op *(*stage_copy_staged)(void *self,
                                           const struct moonsail_call_info *call,
                                           struct moonsail_str from,
                                           struct moonsail_str to,
                                           uint32_t durability,
                                           struct moonsail_done done);
  /**
   * Removes a stage entry with all below it. No value; success if it is not there.
   */
  struct moonsail_op *(*discard)(void *self,
                                 const struct moonsail_call_info *call,
                                 struct moonsail_str at,
                                 struct moonsail_done done);
  /**
   * Gives `FileStageKeys`.
   */
  struct moonsail_op *(*list_stage)(void *self,
                                    const struct moonsail_call_info *call,
                                    struct moonsail_done done);
  /**
   * Opens a live file: gives `FileOpened`, or `MOONSAIL_CODE_CONFLICT` if its tag is another.
   */
  struct moonsail_op *(*open)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str path,
                              struct moonsail_str tag,
                              struct moonsail_done done);
  /**
   * Opens a staged file: gives `FileOpened`.
   */
  struct moonsail_op *(*open_staged)(void *self,
                                     const struct moonsail_call_info *call,
                                     struct moonsail_str at,
                                     struct moonsail_done done);
  /**
   * Carries out `FileOp`s in order: gives `FileResults`.
   */
  struct moonsail_op *(*apply)(void *self,
                               const struct moonsail_call_info *call,
                               struct moonsail_list ops,
                               struct moonsail_done done);
  /**
   * Makes the applied changes of these paths durable. No value.
   */
  struct moonsail_op *(*sync)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str_list paths,
                              struct moonsail_done done);
  /**
   * Gives a `FileEntry`, or `MOONSAIL_CODE_NOT_FOUND` if neither file nor folder is there.
   */
  struct moonsail_op *(*stat)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str path,
                              struct moonsail_done done);
  /**
   * Gives a `FileListing` without what is unusable.
   */
  struct moonsail_op *(*list)(void *self,
                              const struct moonsail_call_info *call,
                              struct moonsail_str path,
                              struct moonsail_done done);
  /**
   * Writes at an offset. `data` goes over to the plugin. Gives a `moonsail_str`, the place of the file if
   * that is another one now; or no value.
   */
  struct moonsail_op *(*stage_write)(void *self,
                                     const struct moonsail_call_info *call,
                                     void *stage,
                                     uint64_t offset,
                                     struct moonsail_buf data,
                                     struct moonsail_done done);
  /**
   * Makes what was written durable. Gives a `moonsail_str` or no value, as `stage_write` does.
   */
  struct moonsail_op *(*stage_sync)(void *self,
                                    const struct moonsail_call_info *call,
                                    void *stage,
                                    struct moonsail_done done);
  /**
   * Reads back: gives a `PieceAt` of at most `len` bytes.
   */
  struct moonsail_op *(*stage_read)(void *self,
                                    const struct moonsail_call_info *call,
                                    void *stage,
                                    uint64_t offset,
                                    uint64_t len,
                                    struct moonsail_done done);
  /**
   * Finishes the file: gives `FileStaged`. The last call but `stage_release`, after which the
   * file lies on, or is gone if this was cancelled. A file that was opened again is also left
   * where it fails. If the answer comes when nobody waits any more, the host discards the file.
   */
  struct moonsail_op *(*stage_finish)(void *self,
                                      const struct moonsail_call_info *call,
                                      void *stage,
                                      uint64_t bytes,
                                      int64_t mtime,
                                      uint32_t durability,
                                      struct moonsail_done done);
  /**
   * Has `stage_release` leave the file as it is, to be opened again.
   */
  void (*stage_keep)(void *self, void *stage);
  /**
   * Lets go of the handle, and removes the file unless it was finished or is to be kept.
   */
  void (*stage_release)(void *self, void *stage);
  /**
   * Reads: gives a `PieceAt` of at most `len` bytes, fewer only at the end of the file.
   */
  struct moonsail_op *(*file_read)(void *self,
                                   const struct moonsail_call_info *call,
                                   void *file,
                                   uint64_t offset,
                                   uint64_t len,
                                   struct moonsail_done done);
  /**
   * Closes a file.
   */
  void (*file_release)(void *self, void *file);
  /**
   * Gives a `FileListing` with what is unusable.
   */
  struct moonsail_op *(*survey)(void *self,
                                const struct moonsail_call_info *call,
                                struct moonsail_str path,
                                struct moonsail_done done);
  /**
   * Gives `FileEntries`: what is at these names in a live folder.
   */
  struct moonsail_op *(*stat_members)(void *self,
                                      const struct moonsail_call_info *call,
                                      struct moonsail_str folder,
                                      struct moonsail_str_list names,
                                      struct moonsail_done done);
  /**
   * 1 if both tags are of one file or folder, written to or not; else 0. Answers at once.
   */
  uint32_t (*is_same)(void *self, struct moonsail_str one, struct moonsail_str other);
  /**
   * Whether operations can be carried out in a live folder: no value if so, else `MOONSAIL_CODE_READ_ONLY`.
   */
  struct moonsail_op *(*may_change)(void *self,
                                    const struct moonsail_call_info *call,
                                    struct moonsail_str folder,
                                    struct moonsail_done done);
  /**
   * Gives a `FileWatch`, or `MOONSAIL_CODE_UNSUPPORTED` if this storage cannot watch.
   */
  struct moonsail_op *(*watch)(void *self,
                               const struct moonsail_call_info *call,
                               struct moonsail_done done);
  /**
   * Gives `FileHints` as soon as there are any, however long that takes. What was seen before it
   * is asked is told then. It is cancelled only before the release.
   */
  struct moonsail_op *(*watch_next)(void *self,
                                    const struct moonsail_call_info *call,
                                    void *watch,
                                    struct moonsail_done done);
  /**
   * Ends a watch.
   */
  void (*watch_release)(void *self, void *watch);
  /**
   * Gives `FileSpace`.
   */
  struct moonsail_op *(*free_space)(void *self,
                                    const struct moonsail_call_info *call,
                                    struct moonsail_done done);
} moonsail_files_table;

/**
 * Events that a plugin wants to be asked about.
 */
typedef struct moonsail_hook_interest {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Who has the higher one is asked first; 0 unless there is a reason.
   */
  int32_t priority;
  /**
   * One of the `MOONSAIL_ON_ERROR_` constants: what becomes of the event when the plugin cannot answer.
   */
  uint32_t on_error;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * The name of an event, or all that begin alike: `file.*`.
   */
  struct moonsail_str event;
} moonsail_hook_interest;

/**
 * A named value.
 */
typedef struct moonsail_hook_field {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * One of the `MOONSAIL_FIELD_` constants: which of the members below holds the value.
   */
  uint32_t kind;
  /**
   * Its name.
   */
  struct moonsail_str name;
  /**
   * Of `MOONSAIL_FIELD_BOOL` and `MOONSAIL_FIELD_INT`.
   */
  int64_t number;
  /**
   * Of `MOONSAIL_FIELD_TEXT`.
   */
  struct moonsail_str text;
  /**
   * Of `MOONSAIL_FIELD_LIST`.
   */
  struct moonsail_str_list texts;
} moonsail_hook_field;

/**
 * Something that is about to happen. Borrowed until the starting call returns.
 */
typedef struct moonsail_hook_event {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Its name: `file.before_upload`.
   */
  struct moonsail_str name;
  /**
   * `moonsail_hook_field`s: what is known about it.
   */
  struct moonsail_list fields;
  /**
   * Number of the bytes that the event is about, for `read_content`; 0 if there are none. Good until
   * the event is answered.
   */
  uint64_t content;
  /**
   * How many bytes there are.
   */
  uint64_t content_size;
  /**
   * Gives a `moonsail_buf`: at most `most` bytes from `offset` on, and none at the end. May be kept beyond the
   * call, and used from any thread; once the event is answered, it answers `MOONSAIL_CODE_CANCELLED`. Null
   * if there are no bytes.
   */
  void (*read_content)(uint64_t content, uint64_t offset, uint64_t most, struct moonsail_done done);
} moonsail_hook_event;

/**
 * What goes with the answer of `moonsail_hooks_table.before`; may be left out where it says nothing.
 */
typedef struct moonsail_hook_answer {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * With `MOONSAIL_CODE_DENIED`: the HTTP status for the client, 400 to 599; 0 for 403. With `MOONSAIL_CODE_OK`: that of
   * the answer to the request itself (only of the event `request`); 0 to let it happen.
   */
  uint32_t status;
  /**
   * With `MOONSAIL_CODE_REPLACE`: `moonsail_hook_field`s that get other values.
   */
  struct moonsail_list fields;
  /**
   * With `MOONSAIL_CODE_OK` and a status: header fields of the answer.
   */
  struct moonsail_kv_list headers;
  /**
   * With `MOONSAIL_CODE_OK` and a status: its body.
   */
  struct moonsail_str body;
} moonsail_hook_answer;

/**
 * Has a say before something happens.
 */
typedef struct moonsail_hooks_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Answers **before it returns**, with a `moonsail_list` of `moonsail_hook_interest`. Asked once, after the start.
   */
  void (*interest)(void *self, struct moonsail_done done);
  /**
   * Answers `MOONSAIL_CODE_NEXT` for no opinion, `MOONSAIL_CODE_OK` to let it happen, `MOONSAIL_CODE_DENIED` with a line for the
   * user, or `MOONSAIL_CODE_REPLACE`; with a `moonsail_hook_answer` where there is more to say. Anything else is a
   * failure to decide.
   */
  struct moonsail_op *(*before)(void *self,
                                const struct moonsail_call_info *call,
                                const struct moonsail_hook_event *event,
                                struct moonsail_done done);
} moonsail_hooks_table;

/**
 * A method and a pattern of paths.
 */
typedef struct moonsail_http_route {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * One of the `MOONSAIL_ACCESS_` constants.
   */
  uint32_t access;
  /**
   * The largest request body in bytes; 0 takes none.
   */
  uint64_t max_body;
  /**
   * `GET`, `POST` and so on.
   */
  struct moonsail_str method;
  /**
   * `/apps/<name>/…` or `/ocs/v2.php/apps/<name>/…` with the instance's name; `{id}` stands for one
   * segment, `{rest*}` at the end for all that is left.
   */
  struct moonsail_str pattern;
} moonsail_http_route;

/**
 * The head of a request. Borrowed until the starting call returns.
 */
typedef struct moonsail_http_head {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Which of the routes was found, counted from 0.
   */
  uint32_t route;
  /**
   * The method.
   */
  struct moonsail_str method;
  /**
   * The path, decoded: it begins with `/apps/` or `/ocs/v2.php/apps/`.
   */
  struct moonsail_str path;
  /**
   * What is behind the question mark, as it came; empty if nothing.
   */
  struct moonsail_str query;
  /**
   * The segments that the pattern names, decoded.
   */
  struct moonsail_kv_list params;
  /**
   * Header fields, names in lower case.
   */
  struct moonsail_kv_list fields;
} moonsail_http_head;

/**
 * Bytes in pieces. Whoever is given one closes it exactly once.
 */
typedef struct moonsail_stream {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Gives a `moonsail_buf` with the next piece; an empty one at the true end. `MOONSAIL_CODE_CANCELLED` if whoever sends
   * went away, `MOONSAIL_CODE_TOO_LARGE` if more came than is taken. Not called before the last call was
   * answered, nor after the end or a failure.
   */
  void (*next)(struct moonsail_stream *stream, struct moonsail_done done);
  /**
   * Nobody wants more: frees the stream. May be called while a `next` is under way, which is answered
   * all the same, by whatever code.
   */
  void (*close)(struct moonsail_stream *stream);
} moonsail_stream;

/**
 * An answer to a request.
 */
typedef struct moonsail_http_reply_head {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Status, 200 to 599.
   */
  uint32_t status;
  /**
   * Header fields.
   */
  struct moonsail_kv_list fields;
  /**
   * Length of the body, if `has_length` is 1. A body that ends before it breaks the connection.
   */
  uint64_t length;
  /**
   * 0 if the length is not known; of a `body` it is known anyway.
   */
  uint32_t has_length;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * The whole body, which is copied.
   */
  struct moonsail_str body;
  /**
   * The body in pieces, instead; goes over to the host. Null where `body` is it.
   */
  struct moonsail_stream *stream;
} moonsail_http_reply_head;

/**
 * Answers requests under a path of the plugin's own.
 */
typedef struct moonsail_http_app_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Answers **before it returns**, with a `moonsail_list` of `moonsail_http_route`. Asked once, after the start.
   */
  void (*routes)(void *self, struct moonsail_done done);
  /**
   * Gives an `moonsail_http_reply_head`; `MOONSAIL_CODE_UNAVAILABLE` is 503 for the client, `MOONSAIL_CODE_TOO_LARGE` 413,
   * `MOONSAIL_CODE_INVALID` 400, and anything else 500. `body` is never null, and **goes over to the plugin**:
   * it is read to its end, or not, also while the answer is sent, and closed exactly once.
   */
  struct moonsail_op *(*handle)(void *self,
                                const struct moonsail_call_info *call,
                                const struct moonsail_http_head *head,
                                struct moonsail_stream *body,
                                struct moonsail_done done);
} moonsail_http_app_table;

/**
 * What a previewer can make pictures of.
 */
typedef struct moonsail_preview_types {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * The largest file in bytes; larger ones are not given to it.
   */
  uint64_t max_bytes;
  /**
   * Media types in lower case: `image/png`, or all of a kind: `image/` and a star.
   */
  struct moonsail_str_list media;
} moonsail_preview_types;

/**
 * What is asked of a previewer. Borrowed until the starting call returns.
 */
typedef struct moonsail_preview_wanted {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * One of the `MOONSAIL_PREVIEW_` constants.
   */
  uint32_t mode;
  /**
   * The file's size in bytes.
   */
  uint64_t bytes;
  /**
   * Width of the box in pixels, 1 to 8192.
   */
  uint32_t width;
  /**
   * Height of the box in pixels, 1 to 8192.
   */
  uint32_t height;
  /**
   * The file's media type by its name. A file may lie.
   */
  struct moonsail_str media_type;
} moonsail_preview_wanted;

/**
 * A picture, encoded.
 */
typedef struct moonsail_preview_picture {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * `image/png`, `image/jpeg`, `image/gif`, `image/webp` or `image/avif`.
   */
  struct moonsail_str media_type;
  /**
   * Its bytes, which are copied.
   */
  struct moonsail_str bytes;
} moonsail_preview_picture;

/**
 * Makes small pictures of files.
 */
typedef struct moonsail_preview_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Answers **before it returns**, with `moonsail_preview_types`. Asked once, after the start.
   */
  void (*types)(void *self, struct moonsail_done done);
  /**
   * Gives a `moonsail_preview_picture`. `MOONSAIL_CODE_UNSUPPORTED`: not a file of this kind, the next previewer is asked;
   * `MOONSAIL_CODE_INVALID`: the file is damaged, nobody else is asked; anything else: something it needs
   * cannot be reached. `file` is never null, and **goes over to the plugin**: it is read to its
   * end, or not, and closed exactly once.
   */
  struct moonsail_op *(*render)(void *self,
                                const struct moonsail_call_info *call,
                                struct moonsail_stream *file,
                                const struct moonsail_preview_wanted *wanted,
                                struct moonsail_done done);
} moonsail_preview_table;

/**
 * Runs what blocks, for a plugin without threads of its own.
 */
typedef struct moonsail_blocking_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Calls `work(argument)` on a thread that may block. False if the host is stopping, and then
   * `work` is never called.
   */
  bool (*run)(void *self, void (*work)(void *argument), void *argument);
} moonsail_blocking_table;

/**
 * Figures for the host's `/metrics`.
 */
typedef struct moonsail_metrics_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * A counter by its name (`a-z`, `0-9`, `_`), made if there is none: a handle above 0, or 0 if the
   * name is no name or there are too many. It shows as `moonsail_plugin_<name>` with the
   * instance as a label.
   */
  uint64_t (*counter)(void *self, struct moonsail_str name, struct moonsail_str help);
  /**
   * The same for a gauge.
   */
  uint64_t (*gauge)(void *self, struct moonsail_str name, struct moonsail_str help);
  /**
   * Adds to a counter or gauge; a counter takes no negative value.
   */
  void (*add)(void *self, uint64_t handle, double value);
  /**
   * Sets a gauge.
   */
  void (*set)(void *self, uint64_t handle, double value);
} moonsail_metrics_table;

/**
 * A small persistent store; each instance sees its own keys. Keys have at most 512 bytes, values at
 * most 1 MiB.
 */
typedef struct moonsail_kv_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Gives a `moonsail_buf`, or `MOONSAIL_CODE_NOT_FOUND`.
   */
  void (*get)(void *self, struct moonsail_str key, struct moonsail_done done);
  /**
   * Sets, durably when answered. No value.
   */
  void (*set)(void *self,
              struct moonsail_str key,
              struct moonsail_str value,
              struct moonsail_done done);
  /**
   * Removes; success if there was nothing. No value.
   */
  void (*remove)(void *self, struct moonsail_str key, struct moonsail_done done);
  /**
   * Gives a `moonsail_buf` with the keys that begin with `prefix`, in byte order, each followed by a zero
   * byte.
   */
  void (*list)(void *self, struct moonsail_str prefix, struct moonsail_done done);
} moonsail_kv_table;

/**
 * HTTP requests over the host's TLS.
 */
typedef struct moonsail_http_table {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * First argument of its functions.
   */
  void *self;
  /**
   * Sends a request and gives an `moonsail_http_answer`. No redirect is followed. At most 8 MiB of an
   * answer are taken.
   */
  void (*send)(void *self,
               const struct moonsail_call_info *call,
               struct moonsail_str method,
               struct moonsail_str url,
               struct moonsail_kv_list headers,
               struct moonsail_str body,
               struct moonsail_done done);
} moonsail_http_table;

/**
 * The answer to a request of `moonsail_http_table.send`.
 */
typedef struct moonsail_http_answer {
  /**
   * Size of this struct.
   */
  uint32_t size;
  /**
   * Status code.
   */
  uint32_t status;
  /**
   * Header fields, names in lower case.
   */
  struct moonsail_kv_list headers;
  /**
   * The body.
   */
  struct moonsail_buf body;
} moonsail_http_answer;

/* ---- helpers for authors in C; written by hand (src/abi/tail.h) ---- */

#if defined(_WIN32)
#define MOONSAIL_EXPORT __declspec(dllexport)
#else
#define MOONSAIL_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif
/* What a plugin defines: const moonsail_plugin_entry moonsail_plugin_entry_v1 = { ... }; */
extern MOONSAIL_EXPORT const moonsail_plugin_entry moonsail_plugin_entry_v1;
#ifdef __cplusplus
}
#endif

/* A text in an initializer: { sizeof(x), MOONSAIL_STR_INIT("demo") }. */
#define MOONSAIL_STR_INIT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

/* Whether a table of the other side has a function: rule 1. */
#define MOONSAIL_HAS(type, table, member) \
    ((table) != NULL && (table)->size >= offsetof(type, member) + sizeof((table)->member) \
     && (table)->member != NULL)

/* Borrows a text that ends with a zero byte; of NULL it makes none. */
static inline moonsail_str moonsail_str_of(const char *text)
{
    moonsail_str str;
    str.ptr = (const uint8_t *)text;
    str.len = text == NULL ? 0 : strlen(text);
    return str;
}

/* Whether two texts are the same bytes; none is the same as an empty one. */
static inline bool moonsail_str_equal(moonsail_str one, moonsail_str other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

/* A copy that ends with a zero byte, for free(); NULL if there is no memory. */
static inline char *moonsail_str_copy(moonsail_str str)
{
    char *copy = (char *)malloc(str.len + 1);
    if (copy != NULL) {
        if (str.len > 0) memcpy(copy, str.ptr, str.len);
        copy[str.len] = '\0';
    }
    return copy;
}

static inline void moonsail_buf_free(void *owner)
{
    free(owner);
}

/* A copy of bytes that goes over to the other side; empty if there is no memory. */
static inline moonsail_buf moonsail_buf_copy(const void *bytes, size_t len)
{
    moonsail_buf buf;
    void *copy = len > 0 ? malloc(len) : NULL;
    memset(&buf, 0, sizeof buf);
    if (copy != NULL) {
        memcpy(copy, bytes, len);
        buf.ptr = (const uint8_t *)copy;
        buf.len = len;
        buf.owner = copy;
        buf.release = moonsail_buf_free;
    }
    return buf;
}

/* Answers with a value: what the function says, or NULL. */
static inline void moonsail_reply_value(moonsail_done done, int32_t code, const void *value)
{
    moonsail_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.size = (uint32_t)sizeof outcome;
    outcome.code = code;
    outcome.value = value;
    done.complete(done.ctx, &outcome);
}

/* Answers without a value; the message may be NULL. */
static inline void moonsail_reply(moonsail_done done, int32_t code, const char *message)
{
    moonsail_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.size = (uint32_t)sizeof outcome;
    outcome.code = code;
    outcome.message = moonsail_str_of(message);
    done.complete(done.ctx, &outcome);
}

#endif /* MOONSAIL_PLUGIN_H */
