/*
 * The data file read page by page, as LMDB 0.9 lays it out (64-bit, the machine's own byte order): meta pages 0 and 1, then
 * branch, leaf and overflow pages. In comes a path, out comes a verdict with the page that is wrong.
 *
 * Page: u64 number, u16 -, u16 flags, u16 lower, u16 upper, then u16 offsets of nodes (overflow pages: u32 count of pages
 * in place of lower and upper). Node: u16 low, u16 high, u16 flags, u16 key length, key, then data. Nothing is written, and
 * what keys and values mean stays unknown here.
 */
#include "db_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

_Static_assert(sizeof(size_t) == 8, "LMDB's page numbers are as wide as size_t; stores are 64-bit");

#define PAGE_HEADER_BYTES 16u
#define NODE_HEADER_BYTES 8u
#define META_BYTES 136u
#define TREE_BYTES 48u
#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META 0x08u
#define PAGE_KINDS (PAGE_BRANCH | PAGE_LEAF | PAGE_OVERFLOW | PAGE_META | 0x20u)
#define NODE_BIG 0x01u
#define NODE_TREE 0x02u
#define NO_PAGE UINT64_MAX
#define DEPTH_MAX 32u /* LMDB's CURSOR_STACK */
#define ATTEMPTS 64u
#define MISSING_MAX                                                                                \
    (UINT64_C(1) << 20) /* pages that may be free and unwritten: more than any transaction takes */

struct tree {
    uint16_t depth;
    uint64_t entries;
    uint64_t root;
    bool numbers; /* keys are u64 of the machine (the tree of free pages) */
};

struct meta {
    uint32_t page_bytes;
    uint64_t last_page;
    uint64_t txn;
    struct tree free;
    struct tree names;
};

/* One look at one file. `used` has a bit per page once every page is to be accounted for, else it is NULL. */
struct look {
    const char *path;
    int descriptor;
    struct meta meta;
    uint64_t pages_here; /* whole pages in the file */
    uint8_t *used;
    uint64_t visited;      /* pages read: a cycle would go on for ever */
    uint64_t missing_free; /* pages beyond the end of the file that the free tree names */
    struct rn_error *error;
};

static uint16_t u16_at(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static enum rn_status damaged(const struct look *look, uint64_t page, const char *what)
{
    return rn_fail(look->error, RN_DAMAGED, "%s is damaged: page %" PRIu64 " %s", look->path, page,
                   what);
}

/* The whole of `len` bytes, or RN_DAMAGED where the file ends before. */
static enum rn_status read_at(const struct look *look, uint64_t offset, uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t got = pread(look->descriptor, out, len, (off_t)offset);
        if (got == 0) {
            return rn_fail(look->error, RN_DAMAGED,
                           "%s is truncated: nothing is there from byte %" PRIu64 " on", look->path,
                           offset);
        }
        if (got < 0 && errno != EINTR) {
            return rn_fail(look->error, RN_IO, "cannot read %s: %s", look->path, strerror(errno));
        }
        if (got > 0) {
            out += got;
            offset += (uint64_t)got;
            len -= (size_t)got;
        }
    }
    return RN_OK;
}

/* --- meta pages ----------------------------------------------------------------------------------------------------- */

static void tree_read(const uint8_t *at, struct tree *out)
{
    out->depth = u16_at(at + 6);
    out->entries = u64_at(at + 32);
    out->root = u64_at(at + 40);
    out->numbers = false;
}

static enum rn_status meta_read(const struct look *look, uint64_t offset, struct meta *out)
{
    uint8_t bytes[PAGE_HEADER_BYTES + META_BYTES];
    enum rn_status status = read_at(look, offset, bytes, sizeof bytes);
    if (status != RN_OK) {
        return status;
    }
    const uint8_t *meta = bytes + PAGE_HEADER_BYTES;
    if ((u16_at(bytes + 10) & PAGE_META) == 0 || u32_at(meta) != META_MAGIC) {
        return rn_fail(look->error, RN_DAMAGED,
                       "%s is damaged: at byte %" PRIu64 " there is no meta page of LMDB",
                       look->path, offset);
    }
    if (u32_at(meta + 4) != META_VERSION) {
        return rn_fail(look->error, RN_NEWER,
                       "%s was written by another version of LMDB (its data version is %" PRIu32
                       ", we read %u)",
                       look->path, u32_at(meta + 4), META_VERSION);
    }
    out->page_bytes = u32_at(meta + 24);
    tree_read(meta + 24, &out->free);
    out->free.numbers = true;
    tree_read(meta + 24 + TREE_BYTES, &out->names);
    out->last_page = u64_at(meta + 24 + 2 * TREE_BYTES);
    out->txn = u64_at(meta + 32 + 2 * TREE_BYTES);
    return RN_OK;
}

/* The newest of the two meta pages, and how long the file is now. */
static enum rn_status look_again(struct look *look)
{
    struct meta second;
    struct stat found;
    enum rn_status status = meta_read(look, 0, &look->meta);
    if (status != RN_OK) {
        return status;
    }
    uint32_t page_bytes = look->meta.page_bytes;
    if (page_bytes < 512 || page_bytes > 65536 || (page_bytes & (page_bytes - 1)) != 0) {
        return damaged(look, 0, "names an impossible page size");
    }
    status = meta_read(look, page_bytes, &second);
    if (status != RN_OK) {
        return status;
    }
    if (second.page_bytes != page_bytes) {
        return damaged(look, 1, "names another page size than page 0");
    }
    if (second.txn > look->meta.txn) {
        look->meta = second;
    }
    if (fstat(look->descriptor, &found) != 0) {
        return rn_fail(look->error, RN_IO, "cannot read %s: %s", look->path, strerror(errno));
    }
    look->pages_here = (uint64_t)found.st_size / page_bytes;
    if (look->meta.last_page < 1 || look->meta.last_page > look->pages_here + MISSING_MAX) {
        return damaged(look, 0, "names a last page that is far from the end of the file");
    }
    return RN_OK;
}

/* --- trees ---------------------------------------------------------------------------------------------------------- */

struct node {
    unsigned flags;
    struct rn_bytes key;
    uint64_t child;    /* branch pages */
    uint64_t data_len; /* leaf pages */
    const uint8_t *data;
};

static enum rn_status claim(struct look *look, uint64_t page, uint64_t count)
{
    if (page < 2 || page > look->meta.last_page || count == 0 ||
        count > look->meta.last_page - page + 1) {
        return damaged(look, page, "is named by a tree and lies outside the file's pages");
    }
    if (page + count > look->pages_here) {
        return rn_fail(look->error, RN_DAMAGED,
                       "%s is truncated: page %" PRIu64 " is in use and beyond its end", look->path,
                       page + count - 1);
    }
    if (look->visited++ > look->meta.last_page) {
        return damaged(look, page, "is part of a circle");
    }
    for (uint64_t i = page; look->used != NULL && i < page + count; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        if ((look->used[i / 8] & bit) != 0) {
            return damaged(look, i, "is used twice");
        }
        look->used[i / 8] |= bit;
    }
    return RN_OK;
}

static enum rn_status page_read(struct look *look, uint64_t number, unsigned kind, uint8_t *page)
{
    uint32_t bytes = look->meta.page_bytes;
    enum rn_status status = claim(look, number, 1);
    status = status == RN_OK ? read_at(look, number * bytes, page, bytes) : status;
    if (status != RN_OK) {
        return status;
    }
    unsigned lower = u16_at(page + 12);
    unsigned upper = u16_at(page + 14);
    if (u64_at(page) != number || (u16_at(page + 10) & PAGE_KINDS) != kind) {
        return damaged(look, number, "is not the page its tree expects");
    }
    if (lower < PAGE_HEADER_BYTES || lower > upper || upper > bytes || lower % 2 != 0) {
        return damaged(look, number, "has impossible bounds");
    }
    return RN_OK;
}

static bool node_read(const struct look *look, const uint8_t *page, unsigned index, bool is_leaf,
                      struct node *out)
{
    size_t end = look->meta.page_bytes;
    size_t at = u16_at(page + PAGE_HEADER_BYTES + (size_t)2 * index);
    if (at < u16_at(page + 14) || at + NODE_HEADER_BYTES > end) {
        return false;
    }
    const uint8_t *node = page + at;
    size_t key_len = u16_at(node + 6);
    uint64_t number = u16_at(node) | (uint64_t)u16_at(node + 2) << 16;
    out->flags = u16_at(node + 4);
    if (key_len > end - at - NODE_HEADER_BYTES) {
        return false;
    }
    out->key = rn_bytes_of(node + NODE_HEADER_BYTES, key_len);
    out->child = number | (uint64_t)out->flags << 32;
    out->data_len = number;
    out->data = node + NODE_HEADER_BYTES + key_len;
    uint64_t inside = (out->flags & NODE_BIG) != 0 ? 8 : number;
    return !is_leaf || (out->flags <= (NODE_BIG | NODE_TREE) &&
                        inside <= end - at - NODE_HEADER_BYTES - key_len);
}

static bool key_follows(const struct tree *tree, struct rn_bytes before, struct rn_bytes key)
{
    if (tree->numbers) {
        return before.len == 8 && key.len == 8 && u64_at(before.data) < u64_at(key.data);
    }
    return rn_bytes_compare(before, key) < 0;
}

static enum rn_status tree_walk(struct look *look, struct tree *tree);

/* A record of the free tree: u64 count, then that many page numbers. */
static enum rn_status free_pages(struct look *look, uint64_t page, struct rn_bytes list)
{
    if (list.len < 8 || u64_at(list.data) > list.len / 8 - 1) {
        return damaged(look, page, "holds a broken list of free pages");
    }
    uint64_t count = u64_at(list.data);
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number = u64_at(list.data + 8 * i);
        if (number < 2 || number > look->meta.last_page) {
            return damaged(look, page, "names a free page outside the file's pages");
        }
        look->missing_free += number >= look->pages_here;
        uint8_t bit = (uint8_t)(1u << (number % 8));
        if (look->used != NULL && (look->used[number / 8] & bit) != 0) {
            return damaged(look, number, "is used and free at once");
        }
        if (look->used != NULL) {
            look->used[number / 8] |= bit;
        }
    }
    return RN_OK;
}

static enum rn_status big_value(struct look *look, const struct tree *tree, const struct node *node)
{
    uint8_t header[PAGE_HEADER_BYTES];
    uint32_t bytes = look->meta.page_bytes;
    uint64_t number = u64_at(node->data);
    uint64_t count = (PAGE_HEADER_BYTES + node->data_len + bytes - 1) / bytes;
    enum rn_status status = claim(look, number, count);
    status = status == RN_OK ? read_at(look, number * bytes, header, sizeof header) : status;
    if (status != RN_OK) {
        return status;
    }
    if (u64_at(header) != number || (u16_at(header + 10) & PAGE_KINDS) != PAGE_OVERFLOW ||
        u32_at(header + 12) < count) {
        return damaged(look, number, "is not the overflow page its tree expects");
    }
    if (!tree->numbers) {
        return RN_OK;
    }
    uint8_t *list = rn_alloc(node->data_len);
    if (list == NULL) {
        return rn_fail(look->error, RN_NOMEM, "no memory to check %s", look->path);
    }
    status = read_at(look, number * bytes + PAGE_HEADER_BYTES, list, node->data_len);
    status = status == RN_OK ? free_pages(look, number, rn_bytes_of(list, node->data_len)) : status;
    rn_free(list);
    return status;
}

static enum rn_status leaf_node(struct look *look, const struct tree *tree, uint64_t page,
                                const struct node *node)
{
    if ((node->flags & NODE_BIG) != 0) {
        return big_value(look, tree, node);
    }
    if (tree->numbers) {
        return free_pages(look, page, rn_bytes_of(node->data, node->data_len));
    }
    if ((node->flags & NODE_TREE) != 0) {
        struct tree inner;
        if (node->data_len != TREE_BYTES) {
            return damaged(look, page, "holds a tree's record of a wrong length");
        }
        tree_read(node->data, &inner);
        return tree_walk(look, &inner);
    }
    return RN_OK;
}

static enum rn_status page_walk(struct look *look, const struct tree *tree, uint64_t number,
                                unsigned depth, uint64_t *entries);

static enum rn_status nodes_walk(struct look *look, const struct tree *tree, uint64_t number,
                                 unsigned depth, const uint8_t *page, uint64_t *entries)
{
    bool is_leaf = depth == tree->depth;
    unsigned count = (u16_at(page + 12) - PAGE_HEADER_BYTES) / 2u;
    struct node node = {0};
    struct rn_bytes before = {0};
    enum rn_status status = RN_OK;
    if (count < (is_leaf || tree->numbers ? 1u : 2u)) {
        return damaged(look, number, "holds too few entries");
    }
    for (unsigned i = 0; status == RN_OK && i < count; i++) {
        if (!node_read(look, page, i, is_leaf, &node)) {
            return damaged(look, number, "holds an entry that reaches out of it");
        }
        /* The first key of a branch page stands for everything smaller and may be empty. */
        if (i > (is_leaf ? 0u : 1u) && !key_follows(tree, before, node.key)) {
            return damaged(look, number, "holds keys out of order");
        }
        before = node.key;
        status = is_leaf ? leaf_node(look, tree, number, &node)
                         : page_walk(look, tree, node.child, depth + 1, entries);
    }
    *entries += is_leaf ? count : 0;
    return status;
}

static enum rn_status page_walk(struct look *look, const struct tree *tree, uint64_t number,
                                unsigned depth, uint64_t *entries)
{
    uint8_t *page = rn_alloc(look->meta.page_bytes);
    if (page == NULL) {
        return rn_fail(look->error, RN_NOMEM, "no memory to check %s", look->path);
    }
    enum rn_status status =
        page_read(look, number, depth == tree->depth ? PAGE_LEAF : PAGE_BRANCH, page);
    if (status == RN_OK) {
        status = nodes_walk(look, tree, number, depth, page, entries);
    }
    rn_free(page);
    return status;
}

static enum rn_status tree_walk(struct look *look, struct tree *tree)
{
    uint64_t entries = 0;
    if (tree->root == NO_PAGE) {
        return tree->entries == 0 ? RN_OK : damaged(look, 0, "names a tree without a root");
    }
    if (tree->depth == 0 || tree->depth > DEPTH_MAX) {
        return damaged(look, tree->root, "is the root of a tree of impossible depth");
    }
    enum rn_status status = page_walk(look, tree, tree->root, 1, &entries);
    if (status == RN_OK && entries != tree->entries) {
        return damaged(look, tree->root, "is the root of a tree that lacks entries");
    }
    return status;
}

/* --- verdicts ------------------------------------------------------------------------------------------------------- */

/*
 * LMDB need not write a page that was taken and freed within one transaction, so a sound file may be shorter than its meta
 * page says; every page that is missing must then be free.
 */
static enum rn_status check_length(struct look *look)
{
    if (look->pages_here > look->meta.last_page) {
        return RN_OK;
    }
    enum rn_status status = tree_walk(look, &look->meta.free);
    if (status != RN_OK) {
        return status;
    }
    uint64_t missing = look->meta.last_page + 1 - look->pages_here;
    if (look->missing_free < missing) {
        return rn_fail(look->error, RN_DAMAGED,
                       "%s is truncated: it has %" PRIu64 " pages of %u bytes and needs %" PRIu64
                       "; take it from a backup",
                       look->path, look->pages_here, look->meta.page_bytes,
                       look->meta.last_page + 1);
    }
    return RN_OK;
}

static enum rn_status check_pages(struct look *look)
{
    look->used = rn_calloc((size_t)(look->meta.last_page / 8 + 1), 1);
    if (look->used == NULL) {
        return rn_fail(look->error, RN_NOMEM, "no memory to check %s", look->path);
    }
    enum rn_status status = tree_walk(look, &look->meta.free);
    status = status == RN_OK ? tree_walk(look, &look->meta.names) : status;
    rn_free(look->used);
    look->used = NULL;
    return status;
}

/* A writer may reuse pages under our eyes; a verdict counts only when no commit came between. */
static enum rn_status judge(struct look *look, enum rn_status (*check)(struct look *look))
{
    enum rn_status status = RN_OK;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        status = look_again(look);
        if (status == RN_OK) {
            look->visited = 0;
            look->missing_free = 0;
            struct look later = *look;
            status = check(look);
            later.error = NULL;
            if (status != RN_DAMAGED ||
                (look_again(&later) == RN_OK && later.meta.txn == look->meta.txn)) {
                return status;
            }
        }
    }
    return status;
}

static enum rn_status look_open(const char *path, struct look *look, bool *is_new)
{
    struct stat found;
    look->path = path;
    look->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *is_new = look->descriptor < 0 && errno == ENOENT;
    if (*is_new) {
        return RN_OK;
    }
    if (look->descriptor < 0 || fstat(look->descriptor, &found) != 0) {
        return rn_fail(look->error, errno == EACCES ? RN_REFUSED : RN_IO, "cannot read %s: %s",
                       path, strerror(errno));
    }
    if (!S_ISREG(found.st_mode)) {
        return rn_fail(look->error, RN_REFUSED, "%s is not a file", path);
    }
    *is_new = found.st_size == 0;
    return RN_OK;
}

static enum rn_status judge_file(const char *path, bool *is_new,
                                 enum rn_status (*check)(struct look *look), struct rn_error *error)
{
    struct look look = {.error = error, .descriptor = -1};
    enum rn_status status = look_open(path, &look, is_new);
    if (status == RN_OK && !*is_new) {
        status = judge(&look, check);
    }
    if (look.descriptor >= 0) {
        (void)close(look.descriptor);
    }
    return status;
}

enum rn_status rn_db_file_check(const char *path, bool *is_new, struct rn_error *error)
{
    return judge_file(path, is_new, check_length, error);
}

enum rn_status rn_db_file_walk(const char *path, struct rn_error *error)
{
    bool is_new = false;
    return judge_file(path, &is_new, check_pages, error);
}
