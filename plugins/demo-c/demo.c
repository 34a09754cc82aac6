/* An authenticator in C, from the header alone: users and passwords that stand in server.toml.
 *
 * To read from below: `moonsail_plugin_entry_v1` is what the server looks for, `create` makes an
 * instance, and `check_password` is what it is there for. README.md has the line that builds it.
 *
 * It keeps passwords as they are, which is fine for a demonstration and for nothing else. */

#include "moonsail_plugin.h"

#include <stdio.h>

typedef struct user {
    char *login;
    char *password;
    struct user *next;
} user;

typedef struct {
    moonsail_plugin_table table;
    moonsail_auth_table auth;
    const moonsail_host_table *host;
    const moonsail_blocking_table *blocking;
    const moonsail_metrics_table *metrics;
    const moonsail_kv_table *kv;
    uint64_t checks; /* a counter of `metrics` */
    user *users;
} demo;

/* ---- configuration: {"users": {"demo": "a password", ...}} ---- */

typedef struct {
    const char *at, *end;
    char error[200];
} json;

static bool fail(json *in, const char *what, const char *which)
{
    if (in->error[0] == '\0') snprintf(in->error, sizeof in->error, "%s%.100s", what, which);
    return false;
}

/* Skips white space, and takes `wanted` if it comes next. */
static bool take(json *in, char wanted)
{
    while (in->at < in->end && strchr(" \t\r\n", *in->at) != NULL) in->at++;
    if (in->at == in->end || *in->at != wanted) return false;
    in->at++;
    return true;
}

/* A text in quotes; NULL if it is none. Knows the escapes \" \\ \/ and no others. */
static char *text(json *in)
{
    char *out, *to;
    if (!take(in, '"')) return NULL;
    to = out = (char *)malloc((size_t)(in->end - in->at) + 1);
    while (out != NULL && in->at < in->end && *in->at != '"') {
        if (*in->at == '\\') {
            in->at++;
            if (in->at == in->end || strchr("\"\\/", *in->at) == NULL) break;
        }
        *to++ = *in->at++;
    }
    if (out == NULL || in->at == in->end || *in->at != '"') {
        free(out);
        return NULL;
    }
    in->at++;
    *to = '\0';
    return out;
}

static bool read_user(demo *self, json *in)
{
    user *one = (user *)calloc(1, sizeof *one);
    if (one == NULL) return fail(in, "no memory", "");
    one->next = self->users;
    self->users = one;
    one->login = text(in);
    if (one->login == NULL || !take(in, ':')) return fail(in, "users: a login is not as expected", "");
    one->password = text(in);
    if (one->password == NULL || one->password[0] == '\0')
        return fail(in, "users: the password must be a text, and not empty, of ", one->login);
    return true;
}

static bool read_config(demo *self, json *in)
{
    bool known;
    char *key;
    if (!take(in, '{')) return fail(in, "the configuration is no object", "");
    if (take(in, '}')) return fail(in, "users: is missing", "");
    key = text(in);
    known = key != NULL && strcmp(key, "users") == 0;
    if (!known) fail(in, "unknown key, expected users: ", key == NULL ? "" : key);
    free(key);
    if (!known) return false;
    if (!take(in, ':') || !take(in, '{')) return fail(in, "users: is no object", "");
    while (!take(in, '}')) {
        if (self->users != NULL && !take(in, ',')) return fail(in, "users: a comma is missing", "");
        if (!read_user(self, in)) return false;
    }
    return take(in, '}') || fail(in, "there is more than users", "");
}

/* ---- answering ---- */

/* A login that is being checked: all that the answer needs. What came with the call is borrowed, so
 * it was copied. */
typedef struct {
    demo *self;
    const user *user;
    char *password;
    size_t password_len;
    char *request_id;
    moonsail_done done;
} job;

static void forget(job *one)
{
    if (one->password != NULL) memset(one->password, 0, one->password_len);
    free(one->password);
    free(one->request_id);
    free(one);
}

static void say(demo *self, uint32_t level, const char *message, const char *login, const char *request_id)
{
    moonsail_kv field;
    moonsail_kv_list fields;
    if (!MOONSAIL_HAS(moonsail_host_table, self->host, log)) return;
    field.key = moonsail_str_of("login");
    field.value = moonsail_str_of(login);
    fields.items = &field;
    fields.len = 1;
    self->host->log(self->host->self, level, moonsail_str_of(message), fields, moonsail_str_of(request_id));
}

/* The right password. The answer comes last: once it is given, the instance may be destroyed. */
static void welcome(job *one)
{
    moonsail_done done = one->done;
    moonsail_identity identity;
    memset(&identity, 0, sizeof identity); /* what is zero says nothing */
    identity.size = (uint32_t)sizeof identity;
    identity.subject = moonsail_str_of(one->user->login);
    identity.login = moonsail_str_of(one->user->login);
    moonsail_reply_value(done, MOONSAIL_CODE_OK, &identity);
    forget(one);
}

/* The host has stored who was here last, or has not. */
static void stored(void *ctx, const moonsail_outcome *outcome)
{
    job *one = (job *)ctx;
    if (outcome->code != MOONSAIL_CODE_OK)
        say(one->self, 2, "the last login is not stored", one->user->login, one->request_id);
    welcome(one);
}

/* Takes as long whatever is wrong, up to the length. */
static bool same(const char *one, const char *other, size_t len)
{
    unsigned char different = 0;
    size_t at;
    for (at = 0; at < len; at++) different |= (unsigned char)(one[at] ^ other[at]);
    return different == 0;
}

/* On a thread of the host's that may block, as a slow hash or a query would. */
static void check(void *argument)
{
    job *one = (job *)argument;
    demo *self = one->self;
    bool right = one->password_len == strlen(one->user->password)
        && same(one->password, one->user->password, one->password_len);
    if (MOONSAIL_HAS(moonsail_metrics_table, self->metrics, add))
        self->metrics->add(self->metrics->self, self->checks, 1);
    say(self, right ? 3 : 2, right ? "welcome" : "wrong password", one->user->login, one->request_id);
    if (!right) {
        moonsail_reply(one->done, MOONSAIL_CODE_DENIED, NULL);
        forget(one);
    } else if (MOONSAIL_HAS(moonsail_kv_table, self->kv, set)) {
        moonsail_done then;
        then.ctx = one;
        then.complete = stored;
        self->kv->set(self->kv->self, moonsail_str_of("last"), moonsail_str_of(one->user->login), then);
    } else {
        welcome(one);
    }
}

static moonsail_op *check_password(void *instance, const moonsail_call_info *call, moonsail_str login,
                                   moonsail_str password, moonsail_done done)
{
    demo *self = (demo *)instance;
    const user *found = self->users;
    job *one;
    while (found != NULL && !moonsail_str_equal(login, moonsail_str_of(found->login))) found = found->next;
    /* What is known at once is answered at once. */
    if (found == NULL) {
        moonsail_reply(done, MOONSAIL_CODE_NEXT, NULL);
        return NULL;
    }
    if (password.len == 0) {
        moonsail_reply(done, MOONSAIL_CODE_DENIED, NULL);
        return NULL;
    }
    one = (job *)calloc(1, sizeof *one);
    if (one != NULL) {
        one->self = self;
        one->user = found;
        one->done = done;
        one->password = moonsail_str_copy(password);
        one->password_len = password.len;
        one->request_id = moonsail_str_copy(call->request_id);
        if (one->password != NULL && one->request_id != NULL
            && self->blocking->run(self->blocking->self, check, one))
            return NULL; /* nothing to cancel: it is quick */
        forget(one);
    }
    moonsail_reply(done, MOONSAIL_CODE_UNAVAILABLE, "no memory, or the server is stopping");
    return NULL;
}

/* ---- the life of an instance ---- */

static const void *get_extension(void *instance, moonsail_str id)
{
    demo *self = (demo *)instance;
    return moonsail_str_equal(id, moonsail_str_of(MOONSAIL_EXTENSION_AUTH)) ? &self->auth : NULL;
}

static void destroy(void *instance)
{
    demo *self = (demo *)instance;
    while (self->users != NULL) {
        user *next = self->users->next;
        free(self->users->login);
        free(self->users->password);
        free(self->users);
        self->users = next;
    }
    free(self);
}

static const void *service(const moonsail_host_table *host, const char *id)
{
    if (!MOONSAIL_HAS(moonsail_host_table, host, get_extension)) return NULL;
    return host->get_extension(host->self, moonsail_str_of(id));
}

static moonsail_plugin_table *create(const moonsail_host_table *host, moonsail_str instance_name,
                                     moonsail_str config_json, moonsail_buf *error)
{
    json in;
    demo *self = (demo *)calloc(1, sizeof *self);
    (void)instance_name;
    memset(&in, 0, sizeof in);
    in.at = (const char *)config_json.ptr;
    in.end = in.at + config_json.len;
    if (self == NULL) return NULL;
    self->host = host;
    self->blocking = (const moonsail_blocking_table *)service(host, MOONSAIL_HOST_BLOCKING);
    self->metrics = (const moonsail_metrics_table *)service(host, MOONSAIL_HOST_METRICS);
    self->kv = (const moonsail_kv_table *)service(host, MOONSAIL_HOST_KV);
    if (!MOONSAIL_HAS(moonsail_blocking_table, self->blocking, run))
        fail(&in, "this server runs no blocking work for plugins", "");
    else
        read_config(self, &in);
    if (in.error[0] != '\0') {
        *error = moonsail_buf_copy(in.error, strlen(in.error));
        destroy(self);
        return NULL;
    }
    if (MOONSAIL_HAS(moonsail_metrics_table, self->metrics, counter))
        self->checks = self->metrics->counter(self->metrics->self, moonsail_str_of("demo_checks"),
                                              moonsail_str_of("Passwords that were compared"));
    self->table.size = (uint32_t)sizeof self->table;
    self->table.self = self;
    self->table.get_extension = get_extension;
    self->table.destroy = destroy;
    self->auth.size = (uint32_t)sizeof self->auth;
    self->auth.self = self;
    self->auth.check_password = check_password;
    return &self->table;
}

const moonsail_plugin_entry moonsail_plugin_entry_v1 = {
    MOONSAIL_ABI_MAGIC,
    sizeof(moonsail_plugin_entry),
    MOONSAIL_ABI_MAJOR,
    MOONSAIL_ABI_MINOR,
    MOONSAIL_FLAG_RELOADABLE,
    MOONSAIL_STR_INIT("demo-c"),
    MOONSAIL_STR_INIT("0.1.0"),
    MOONSAIL_STR_INIT("moonsail_plugin.h"),
    MOONSAIL_STR_INIT("a C compiler"),
    MOONSAIL_STR_INIT("{\"type\":\"object\",\"required\":[\"users\"],\"additionalProperties\":false,"
                      "\"properties\":{\"users\":{\"type\":\"object\","
                      "\"additionalProperties\":{\"type\":\"string\"}}}}"),
    create,
};
