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
